/** What every command is made with. */
import { type Command, InvalidArgumentError } from 'commander';
import type { ExitCode } from './exit-code.js';
import { type CommonOptions, Session } from './session.js';
import type { Terminal } from './terminal.js';

export interface Environment {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly version: string;
  /** A command has come to its end. */
  readonly onExitCode: (code: ExitCode) => void;
}

export interface Commands {
  readonly program: Command;
  readonly version: string;
  readonly session: (options: CommonOptions) => Session;
  readonly finish: (code: ExitCode | Promise<ExitCode>) => Promise<void>;
}

export function commandsOf(program: Command, { terminal, signal, version, onExitCode }: Environment): Commands {
  return {
    program,
    version,
    session: (options) => new Session(terminal, signal, options),
    finish: async (code) => {
      onExitCode(await code);
    },
  };
}

/** Options that every command that works on a project has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON')
    .option('--target <name>', 'target of the settings; default: the first, the embedded Wine target')
    .option('--workspace <folder>', 'folder of the project; default: this folder');
}

/** A number of seconds that a timer can take. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0 || value > 86_400) {
    throw new InvalidArgumentError('It must be a number of seconds above 0, at most a day.');
  }
  return value;
}
