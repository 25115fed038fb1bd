/**
 * Wine's own programs on this host.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram, missingTools } from '../toolchain/find-linux.js';
import { runTool } from '../toolchain/tool.js';

export interface WineTools {
  readonly wine: string;
  readonly wineserver: string;
  /** Undefined where there is none: the prefix then runs on all processors. */
  readonly taskset: string | undefined;
}

/** @throws EventscopeError `toolchain.missing` */
export async function findWineTools(
  folders: readonly string[] = (process.env['PATH'] ?? '').split(path.delimiter),
): Promise<WineTools> {
  const [wine, wineserver, taskset] = await Promise.all([
    findProgram('wine', folders).then((found) => found ?? findProgram('wine64', folders)),
    findProgram('wineserver', folders),
    findProgram('taskset', folders),
  ]);
  if (wine === undefined || wineserver === undefined) {
    throw missingTools('Wine, which the embedded target runs on, is not installed', [
      { tool: 'wine', package: 'wine' },
      { tool: 'wineserver', package: 'wine64' },
    ]);
  }
  return { wine, wineserver, taskset };
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
 * A command that runs on one processor: the first that this process may use, which in a container need not be 0.
 */
export async function onOneProcessor(
  taskset: string | undefined,
  program: string,
  args: readonly string[],
): Promise<{ program: string; args: readonly string[] }> {
  if (taskset === undefined) return { program, args };
  return { program: taskset, args: ['-c', await firstProcessor(), program, ...args] };
}

async function firstProcessor(): Promise<string> {
  const status = await readFile('/proc/self/status', 'latin1').catch(() => '');
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? '0';
}
