/**
 * The Unix processes of one prefix. Each carries a mark in its environment that all processes of a prefix inherit, so that
 * none is ever mistaken for another prefix's.
 */
import { readdir, readFile } from 'node:fs/promises';
import { pause } from '../operation.js';

export const PREFIX_MARK = 'EVENTSCOPE_PREFIX';

export interface UnixProcess {
  readonly pid: number;
  readonly commandLine: string;
}

/** Live processes that carry the mark, in order of their ids. */
export const processesOf = (mark: string): Promise<UnixProcess[]> => processesWith(`${PREFIX_MARK}=${mark}`);

/** Live wineservers that were started for a prefix, by whomever. */
export async function serversOf(prefixFolder: string): Promise<UnixProcess[]> {
  return (await processesWith(`WINEPREFIX=${prefixFolder}`)).filter(isServer);
}

export const isServer = ({ commandLine }: UnixProcess): boolean => /(^|\/)wineserver(64)?\b/.test(commandLine);

/** @param wanted "NAME=value", as it is in their environment */
async function processesWith(wanted: string): Promise<UnixProcess[]> {
  const found: UnixProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      // Of a zombie, and of a process of somebody else, this is empty or refused.
      const environment = await readFile(`/proc/${name}/environ`, 'latin1');
      if (!environment.split('\0').includes(wanted)) continue;
      const commandLine = (await readFile(`/proc/${name}/cmdline`, 'latin1')).split('\0').join(' ').trim();
      found.push({ pid: Number(name), commandLine });
    } catch {
      continue;
    }
  }
  return found.sort((a, b) => a.pid - b.pid);
}

/** Waits until none is left; kills those that are left after `patienceMs`. @returns what could not be ended */
export async function endProcessesOf(mark: string, patienceMs: number, signal: AbortSignal): Promise<UnixProcess[]> {
  const gentleUntil = Date.now() + patienceMs;
  const until = gentleUntil + 5_000;
  for (;;) {
    const left = await processesOf(mark);
    if (left.length === 0 || Date.now() >= until) return left;
    if (Date.now() >= gentleUntil) for (const { pid } of left) kill(pid);
    await pause(50, signal);
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
