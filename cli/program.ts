/** The commands of `eventscope`, their arguments and options, as commander knows them. */
import { Command, Option } from 'commander';
import type { Purpose } from '../scripts/system-packages.mjs';
import { buildCommand } from './commands/build.js';
import { deployCommand, undeployCommand } from './commands/deploy.js';
import { doctorSetupCommand } from './commands/doctor-setup.js';
import { objectsCommand, type ObjectsOptions } from './commands/objects.js';
import { stateCommand } from './commands/state.js';
import { TARGET_ACTIONS, type TargetAction, targetCommand } from './commands/target.js';
import { type Commands, commandsOf, type Environment, withCommonOptions } from './command.js';
import { addKdCommands } from './kd-commands.js';
import { addTracedCommands } from './traced-commands.js';
import type { CommonOptions } from './session.js';

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the application returned something else than 0,
4 the compiler or linker found errors, 5 somebody else holds the target, 130 cancelled, 70 a defect.`;

function addBuildCommands({ program, session, finish }: Commands): void {
  withCommonOptions(program.command('build'))
    .description('build driver and application; nothing is rebuilt when nothing changed')
    .action((options: CommonOptions) => finish(buildCommand(session(options))));
  withCommonOptions(program.command('deploy'))
    .description('build what changed, copy it to the target, start the driver')
    .action((options: CommonOptions) => finish(deployCommand(session(options))));
  withCommonOptions(program.command('undeploy'))
    .description('stop the driver and take everything of ours away from the target')
    .action((options: CommonOptions) => finish(undeployCommand(session(options))));
}

function addInspectionCommands({ program, session, finish }: Commands): void {
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
}

const TARGET_ACTION_HELP: Readonly<Record<TargetAction, string>> = {
  start: 'make it ready',
  stop: 'end what runs there that is ours; it stays as it is',
  status: 'say how it is',
  reset: 'put it back to before its first use',
};

function addTargetCommands({ program, session, finish }: Commands): void {
  const target = program.command('target').description('start, stop, look at or reset the target');
  for (const action of TARGET_ACTIONS) {
    withCommonOptions(target.command(action))
      .description(TARGET_ACTION_HELP[action])
      .action((options: CommonOptions) => finish(targetCommand(session(options), action)));
  }
}

function addSetupCommands({ program, session, finish }: Commands): void {
  const purpose = new Option('--for <purpose>', 'what the machine is to do').choices(['demo', 'test', 'bench']);
  program
    .command('doctor-setup')
    .description('say what is missing on this machine, and the command that installs it')
    .option('--json', 'print the result as JSON')
    .addOption(purpose.default('demo'))
    .action((options: CommonOptions & { for: Purpose }) => finish(doctorSetupCommand(session(options), options.for)));
}

export function createProgram(environment: Environment): Command {
  const program = new Command('eventscope')
    .description('Build, deploy and understand Windows drivers that share events with applications.')
    .version(environment.version)
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES);
  const commands = commandsOf(program, environment);
  addBuildCommands(commands);
  addTracedCommands(commands);
  addInspectionCommands(commands);
  addTargetCommands(commands);
  addKdCommands(commands);
  addSetupCommands(commands);
  return program;
}
