/**
 * The embedded target: a private Wine prefix in the workspace.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../agent-client.js';
import { throwIfCancelled } from '../operation.js';
import type { Project, WineTargetSettings } from '../project.js';
import type { DbgPrintStream, Operation, Target, TargetHealth } from '../target.js';
import { startAgent } from './agent-process.js';
import { followDebugOutput } from './debug-output.js';
import { findWineTools, type WineTools } from './host-tools.js';
import { toHostPath } from './paths.js';
import { WinePrefix } from './prefix.js';

/** @throws EventscopeError `toolchain.missing` when Wine is not installed */
export async function openWineTarget(
  project: Pick<Project, 'stateFolder'>,
  settings: WineTargetSettings,
): Promise<WineTarget> {
  // The usual target keeps the plain name; a second one of another name is a prefix of its own.
  const home = path.join(project.stateFolder, settings.name === 'wine' ? 'wine' : `wine-${settings.name}`);
  return new WineTarget(settings, home, await findWineTools());
}

export class WineTarget implements Target {
  readonly kind = 'wine';
  readonly folder = 'C:\\eventscope';
  readonly name: string;
  readonly prefix: WinePrefix;
  readonly #home: string;
  readonly #tools: WineTools;

  constructor(settings: WineTargetSettings, home: string, tools: WineTools) {
    this.name = settings.name;
    this.#home = home;
    this.#tools = tools;
    this.prefix = new WinePrefix(home, settings.name, tools, { oneProcessor: settings.oneProcessor });
  }

  async start(operation: Operation): Promise<void> {
    await this.prefix.start(operation);
  }

  health(): Promise<TargetHealth> {
    return this.prefix.health();
  }

  stop(operation: Operation): Promise<void> {
    return this.prefix.stop(operation);
  }

  reset(operation: Operation): Promise<void> {
    return this.prefix.reset(operation);
  }

  async connect(operation: Operation): Promise<AgentClient> {
    const running = await this.prefix.start(operation);
    return startAgent(
      { target: this.name, tools: this.#tools, prefix: this.prefix, running, logFolder: path.join(this.#home, 'logs') },
      operation,
    );
  }

  async upload(hostPath: string, targetPath: string, operation: Operation): Promise<void> {
    const to = await toHostPath(this.prefix.folder, targetPath);
    await this.#copy(hostPath, to, `copied to ${targetPath}`, operation);
  }

  async download(targetPath: string, hostPath: string, operation: Operation): Promise<void> {
    const from = await toHostPath(this.prefix.folder, targetPath);
    await this.#copy(from, hostPath, `copied from ${targetPath}`, operation);
  }

  dbgPrint(_client: AgentClient, operation: Operation): Promise<DbgPrintStream> {
    return followDebugOutput({ file: this.prefix.debugLog, signal: operation.signal });
  }

  /** Whole or not at all: beside it first, on the disk, then in its place. */
  async #copy(from: string, to: string, what: string, operation: Operation): Promise<void> {
    throwIfCancelled(operation.signal);
    const beside = `${to}.${randomBytes(4).toString('hex')}.part`;
    try {
      await mkdir(path.dirname(to), { recursive: true });
      await copyFile(from, beside);
      const file = await open(beside, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      throwIfCancelled(operation.signal);
      await rename(beside, to);
    } catch (error) {
      await rm(beside, { force: true });
      throw this.#copyError(error, from, what);
    }
  }

  #copyError(error: unknown, from: string, what: string): unknown {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) return error;
    return new EventscopeError({
      id: code === 'ENOSPC' || code === 'EDQUOT' ? 'target.diskFull' : 'target.copy',
      what: `${path.basename(from)} could not be ${what}`,
      target: this.name,
      why: code === 'ENOSPC' ? 'the disk is full' : (error as Error).message,
      next:
        code === 'ENOSPC'
          ? 'Free some space; the file that was there before is unchanged.'
          : 'Correct the cause and try again.',
      cause: error,
    });
  }
}
