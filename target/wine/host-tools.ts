/**
 * Wine's own programs on this host.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram, missingTools } from '../toolchain/find-linux.js';
import { runTool } from '../toolchain/tool.js';

const NO_RANDOM_ADDRESSES = '--addr-no-randomize';

export interface WineTools {
  readonly wine: string;
  readonly wineserver: string;
  /** Undefined where there is none: the prefix then runs on all processors. */
  readonly taskset: string | undefined;
  /** Undefined where there is none, or where it may not do what it is wanted for: a container may forbid it. */
  readonly setarch: string | undefined;
}

/** @throws EventscopeError `toolchain.missing` */
export async function findWineTools(
  folders: readonly string[] = (process.env['PATH'] ?? '').split(path.delimiter),
): Promise<WineTools> {
  const [wine, wineserver, taskset, setarch] = await Promise.all([
    findProgram('wine', folders).then((found) => found ?? findProgram('wine64', folders)),
    findProgram('wineserver', folders),
    findProgram('taskset', folders),
    findProgram('setarch', folders).then(workingSetarch),
  ]);
  if (wine === undefined || wineserver === undefined) {
    throw missingTools('Wine, which the embedded target runs on, is not installed', [
      { tool: 'wine', package: 'wine' },
      { tool: 'wineserver', package: 'wine64' },
    ]);
  }
  return { wine, wineserver, taskset, setarch };
}

/** Such as "wine-8.0 (Debian 8.0~repack-4)". */
export async function wineVersion(
  tools: WineTools,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const run = await runTool(tools.wine, ['--version'], { signal, environment, timeoutMs: 30_000 });
  return run.standardOutput.trim();
}

/**
 * A command for a program of Wine's. Its addresses are not random where that can be had: the loader of Debian's Wine 8.0 lies at
 * 0x7d000000, and the heap that Linux puts somewhere behind it covers, in one start of about a thousand, the page of NT's shared user
 * data at 0x7ffe0000, without which the process ends at once. What the program starts inherits both.
 * @param oneProcessor on the first processor that this process may use, which in a container need not be 0
 */
export async function wineCommand(
  tools: WineTools,
  oneProcessor: boolean,
  program: string,
  args: readonly string[],
): Promise<{ program: string; args: readonly string[] }> {
  const command = [
    ...(oneProcessor && tools.taskset !== undefined ? [tools.taskset, '-c', await firstProcessor()] : []),
    ...(tools.setarch === undefined ? [] : [tools.setarch, NO_RANDOM_ADDRESSES]),
    program,
    ...args,
  ];
  return { program: command[0] ?? program, args: command.slice(1) };
}

async function workingSetarch(setarch: string | undefined): Promise<string | undefined> {
  if (setarch === undefined) return undefined;
  const options = { signal: new AbortController().signal, timeoutMs: 10_000 };
  const tried = await runTool(setarch, [NO_RANDOM_ADDRESSES, setarch, '--version'], options).catch(() => undefined);
  return tried?.exitCode === 0 ? setarch : undefined;
}

async function firstProcessor(): Promise<string> {
  const status = await readFile('/proc/self/status', 'latin1').catch(() => '');
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? '0';
}
