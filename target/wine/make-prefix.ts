/**
 * Making a Wine prefix: once per workspace, with the settings that the target needs.
 */
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { requireRoom, tellingFullDisk, type DiskUse } from '../disk-full.js';
import type { Operation } from '../target.js';
import { runTool } from '../toolchain/tool.js';
import { wineCommand, type WineTools } from './host-tools.js';
import { exists } from './prefix-files.js';
import { runDetached } from './run-detached.js';

const MAKE_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 10_000;
/** Its largest files have some 20 MB each: a prefix that failed with less free than this failed for want of room. */
const ROOM_BYTES = 64 * 1024 * 1024;

export interface PrefixToMake {
  readonly target: string;
  /** Wine's WINEPREFIX; not there yet. */
  readonly folder: string;
  /** Folder that it is made in. */
  readonly home: string;
  /** File that Wine's own words go to. */
  readonly log: string;
  readonly tools: WineTools;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Makes it and leaves nothing of it running. What a failure leaves is the caller's to remove.
 * @throws EventscopeError `wine.make`, `host.diskFull`; CancelledError
 */
export async function makePrefix(prefix: PrefixToMake, operation: Operation): Promise<void> {
  const use: DiskUse = {
    folder: prefix.home,
    purpose: 'make the Wine prefix (about 700 MB)',
    kept: 'nothing of it is left',
    target: prefix.target,
    roomBytes: ROOM_BYTES,
  };
  await tellingFullDisk(use, async () => {
    await makeWithSettings(prefix, operation);
    // Wine says nothing of files that it could not write.
    await requireRoom({ ...use, roomBytes: 1024 * 1024 });
  });
}

async function makeWithSettings(prefix: PrefixToMake, operation: Operation): Promise<void> {
  // A driver's fault ends its host at once: without this, Wine first spends seconds on a debugger that nobody sees.
  const debuggers = 'HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug';
  await runWine(prefix, ['reg', 'add', debuggers, '/v', 'Debugger', '/d', '', '/f'], operation.signal);
  await runWine(prefix, ['wineboot', '-i'], operation.signal);
  await runWine(prefix, ['winecfg', '-v', 'win10'], operation.signal);
  // Its end writes the settings to the disk.
  const options = { signal: operation.signal, environment: prefix.environment, timeoutMs: STOP_TIMEOUT_MS };
  await runTool(prefix.tools.wineserver, ['-k'], options);
  await runTool(prefix.tools.wineserver, ['-w'], options);
  if (!(await exists(path.join(prefix.folder, 'system.reg')))) throw notMade(prefix.target, 'Wine wrote no system.reg');
}

async function runWine(prefix: PrefixToMake, args: string[], signal: AbortSignal): Promise<void> {
  // To a file and not to a pipe: the services it starts keep a pipe open after it has ended.
  const log = await open(prefix.log, 'a');
  try {
    const command = await wineCommand(prefix.tools, false, prefix.tools.wine, args);
    const code = await runDetached(command.program, command.args, prefix.environment, log.fd, MAKE_TIMEOUT_MS, signal);
    if (code === 0) return;
    const lines = (await readFile(prefix.log, 'utf8')).trim().split('\n');
    throw notMade(prefix.target, `wine ${args.join(' ')} ended with ${code}: ${lines.slice(-3).join(' ')}`);
  } finally {
    await log.close();
  }
}

function notMade(target: string, why: string): EventscopeError {
  return new EventscopeError({
    id: 'wine.make',
    what: 'The Wine prefix could not be made',
    target,
    why,
    next: 'Check the free disk space (about 700 MB are needed), then try again.',
  });
}
