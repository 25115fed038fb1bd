/** The commands of `eventscope kd`, as commander knows them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Commands, withCommonOptions } from './command.js';
import {
  kdDecodeCommand,
  kdMemoryCommand,
  kdModulesCommand,
  kdObjectsCommand,
  type KdOptions,
  kdThreadsCommand,
  kdVersionCommand,
} from './commands/kd.js';
import type { CommonOptions } from './session.js';

type Options = CommonOptions & KdOptions;

const MAX_LENGTH = 1 << 20;

function addressArgument(text: string): bigint {
  const digits = text.replace(/^0x/i, '').replaceAll('`', '');
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) throw new InvalidArgumentError('It must be a hexadecimal address.');
  return BigInt(`0x${digits}`);
}

function lengthArgument(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_LENGTH) {
    throw new InvalidArgumentError(`It must be a number of bytes, at most ${MAX_LENGTH}.`);
  }
  return value;
}

const withKdOptions = (command: Command): Command =>
  withCommonOptions(command)
    .addOption(
      new Option(
        '--connect <address>',
        'unix:PATH, pipe:NAME, tcp:HOST:PORT, serial:DEVICE[,BAUD], net:PORT,key=... or replay:FILE',
      ),
    )
    .option('--replay <file>', 'a recording that stands for the target')
    .option('--record <file>', 'write the session to a file');

export function addKdCommands({ program, session, finish }: Commands): void {
  const kd = program.command('kd').description("stop a kernel over its debugger's protocol, look at it, let it go on");
  withKdOptions(kd.command('version'))
    .description('what the kernel is, and from where its structures are known')
    .action((options: Options) => finish(kdVersionCommand(session(options), options)));
  withKdOptions(kd.command('modules'))
    .description("the kernel's modules")
    .action((options: Options) => finish(kdModulesCommand(session(options), options)));
  withKdOptions(kd.command('threads'))
    .description('every thread with its state and wait reason')
    .action((options: Options) => finish(kdThreadsCommand(session(options), options)));
  withKdOptions(kd.command('objects'))
    .description(
      "a directory of the object manager, or one object with its state and waiters, out of the kernel's memory",
    )
    .argument('[path]', 'such as \\BaseNamedObjects', '\\')
    .action((path: string, options: Options) => finish(kdObjectsCommand(session(options), path, options)));
  withKdOptions(kd.command('memory'))
    .description('memory of the kernel')
    .argument('<address>', 'hexadecimal', addressArgument)
    .argument('[length]', 'bytes', lengthArgument, 128)
    .action((address: bigint, length: number, options: Options) =>
      finish(kdMemoryCommand(session(options), address, length, options)),
    );
  withCommonOptions(kd.command('decode'))
    .description('every packet of a recording in words')
    .argument('<file>', 'written by --record')
    .action((file: string, options: CommonOptions) => finish(kdDecodeCommand(session(options), file)));
}
