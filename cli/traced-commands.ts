/** The commands that record, and those that show what was recorded. */
import { Option } from 'commander';
import { type Commands, seconds, withCommonOptions } from './command.js';
import { demoCommand, type DemoOptions } from './commands/demo.js';
import { runCommand, type RunOptions } from './commands/run.js';
import {
  tracePointsCommand,
  type TracePointsOptions,
  traceRecordCommand,
  type TraceRecordOptions,
  traceShowCommand,
  type TraceShowOptions,
} from './commands/trace.js';
import type { CommonOptions } from './session.js';

const OUT_HELP = 'where the recording goes; default: .eventscope/traces';

function addTraceCommands({ program, session, finish, version }: Commands): void {
  const trace = program.command('trace').description('record the running driver; show a recording');
  withCommonOptions(trace.command('record'))
    .description("record the running driver's own rings, or any program by tracepoints, until Ctrl-C")
    .argument('[arguments...]', 'with --points: run the deployed application with these, from its first instruction on')
    .option(
      '--points <points...>',
      'functions (KeSetEvent), kinds (signal, wait, reset, lifecycle) or all; ends with --',
    )
    .option(
      '--stopping',
      'stop at the named functions themselves, whoever calls them, instead of at import slots (slower)',
    )
    .option('--out <file>', OUT_HELP)
    .addOption(new Option('--seconds <seconds>', 'end by itself after that time').argParser(seconds))
    .action((args: string[], options: CommonOptions & TraceRecordOptions & Partial<TracePointsOptions>) => {
      const { points } = options;
      return finish(
        points === undefined
          ? traceRecordCommand(session(options), options, version)
          : tracePointsCommand(session(options), args, { ...options, points }, version),
      );
    });
  trace
    .command('show')
    .description('show what happened in a recording')
    .argument('<file>', 'an .evtrace file')
    .option('--html <file>', 'write a stand-alone page with the timeline instead')
    .option('--json', 'print the result as JSON')
    .action((file: string, options: CommonOptions & TraceShowOptions) =>
      finish(traceShowCommand(session(options), file, options)),
    );
}

export function addTracedCommands(commands: Commands): void {
  const { program, session, finish, version } = commands;
  withCommonOptions(program.command('run'))
    .description('build and deploy what changed, run the application with both sides traced, show what happened')
    .argument('[arguments...]', "the application's own arguments; everything behind the first is the application's")
    .option('--out <file>', OUT_HELP)
    .addOption(new Option('--timeout <seconds>', 'end the application after that time').argParser(seconds).default(120))
    .passThroughOptions()
    .action((args: string[], options: CommonOptions & RunOptions) =>
      finish(runCommand(session(options), args, options, version)),
    );
  addTraceCommands(commands);
  withCommonOptions(program.command('demo'))
    .description('run every way of sharing an event that the sample has, and show what happened')
    .option('--out <folder>', 'where demo.evtrace and demo.html go; default: out in the workspace')
    .action((options: CommonOptions & DemoOptions) => finish(demoCommand(session(options), options, version)));
}
