/** The commands of `eventscope`, their arguments and options, as commander knows them. */
import { Command, Option } from 'commander';
import { buildCommand } from './commands/build.js';
import { deployCommand, undeployCommand } from './commands/deploy.js';
import { doctorSetupCommand } from './commands/doctor-setup.js';
import { objectsCommand, type ObjectsOptions } from './commands/objects.js';
import { stateCommand } from './commands/state.js';
import { TARGET_ACTIONS, targetCommand } from './commands/target.js';
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

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the application returned something else than 0,
4 the compiler or linker found errors, 5 somebody else holds the target, 130 cancelled, 70 a defect.`;

/** Options that every command that works on a project has. */
function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON')
    .option('--target <name>', 'target of the settings; default: the first, the embedded Wine target')
    .option('--workspace <folder>', 'folder of the project; default: this folder');
}

export function createProgram(environment: Environment): Command {
  const program = new Command('eventscope')
    .description('Build, deploy and understand Windows drivers that share events with applications.')
    .version(environment.version)
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES);

  const session = (options: CommonOptions): Session => new Session(environment.terminal, environment.signal, options);
  const finish = async (code: ExitCode | Promise<ExitCode>): Promise<void> => {
    environment.onExitCode(await code);
  };

  withCommonOptions(program.command('build'))
    .description('build driver and application; nothing is rebuilt when nothing changed')
    .action((options: CommonOptions) => finish(buildCommand(session(options))));

  withCommonOptions(program.command('deploy'))
    .description('build what changed, copy it to the target, start the driver')
    .action((options: CommonOptions) => finish(deployCommand(session(options))));

  withCommonOptions(program.command('undeploy'))
    .description('stop the driver and take everything of ours away from the target')
    .action((options: CommonOptions) => finish(undeployCommand(session(options))));

  withCommonOptions(program.command('objects'))
    .description("list a directory of the target's object manager with the live state of its objects")
    .argument('[path]', 'such as \\BaseNamedObjects', '\\')
    .option('--names', 'names and types only; nothing is opened')
    .action((path: string, options: CommonOptions & ObjectsOptions) =>
      finish(objectsCommand(session(options), path, options)),
    );

  withCommonOptions(program.command('state'))
    .description("print the driver's own state: shared events, timers, pended requests, trace counters")
    .action((options: CommonOptions) => finish(stateCommand(session(options))));

  const target = program.command('target').description('start, stop, look at or reset the target');
  const actions = {
    start: 'make it ready',
    stop: 'end what runs there that is ours; it stays as it is',
    status: 'say how it is',
    reset: 'put it back to before its first use',
  } as const;
  for (const action of TARGET_ACTIONS) {
    withCommonOptions(target.command(action))
      .description(actions[action])
      .action((options: CommonOptions) => finish(targetCommand(session(options), action)));
  }

  program
    .command('doctor-setup')
    .description('say what is missing on this machine, and the command that installs it')
    .option('--json', 'print the result as JSON')
    .addOption(
      new Option('--for <purpose>', 'what the machine is to do').choices(['demo', 'test', 'bench']).default('demo'),
    )
    .action((options: CommonOptions & { for: 'demo' | 'test' | 'bench' }) =>
      finish(doctorSetupCommand(session(options), options.for)),
    );
  return program;
}
