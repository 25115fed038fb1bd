/** `eventscope`: the same jobs as in VS Code, from a terminal and from CI. */
import { CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { ExitCode } from './exit-code.js';
import { failureOf } from './failure.js';
import { cancelOnInterrupt } from './interrupt.js';
import { createProgram } from './program.js';
import type { CommonOptions } from './session.js';
import { Terminal } from './terminal.js';

async function main(): Promise<ExitCode> {
  const terminal = new Terminal(process.stdout, process.stderr);
  // Whoever reads our output may leave before its end (`| head`): that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? ExitCode.Done : ExitCode.Defect);
  });
  const interrupt = cancelOnInterrupt(
    {
      on: (name, listener) => process.on(name, listener),
      off: (name, listener) => process.off(name, listener),
      exit: (code) => process.exit(code),
    },
    (line) => terminal.note(line),
  );
  const outcome = { exitCode: ExitCode.Done, json: false };
  const program = createProgram({
    terminal,
    signal: interrupt.signal,
    version: manifest.version,
    onExitCode: (code) => {
      outcome.exitCode = code;
    },
  });
  for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)]) {
    command.exitOverride();
  }
  program.hook('preAction', (_program, command) => {
    outcome.json = command.opts<CommonOptions>().json === true;
  });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
    const failure = failureOf(error);
    if (outcome.json) terminal.json(failure.json);
    terminal.note(failure.text);
    return failure.exitCode;
  } finally {
    terminal.clearProgress();
    interrupt.dispose();
  }
  return outcome.exitCode;
}

void main().then((code) => {
  process.exitCode = code;
});
