/**
 * The embedded target: a private Wine prefix in the workspace.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../agent-client.js';
import { diskFullCode, diskFullError, freeBytes, tellingFullDisk, type DiskUse } from '../disk-full.js';
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

/** Less than this and what drivers print is lost. */
const LOG_ROOM_BYTES = 64 * 1024;

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
    await this.#tellingFullDisk('start the Wine prefix', () => this.prefix.start(operation));
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
    return this.#tellingFullDisk('start the agent', async () => {
      const running = await this.prefix.start(operation);
      const logFolder = path.join(this.#home, 'logs');
      const place = { target: this.name, tools: this.#tools, prefix: this.prefix, running, logFolder };
      return startAgent(place, operation);
    });
  }

  async upload(hostPath: string, targetPath: string, operation: Operation): Promise<void> {
    const to = await toHostPath(this.prefix.folder, targetPath);
    await this.#copy(hostPath, to, `copied to ${targetPath}`, operation);
  }

  async download(targetPath: string, hostPath: string, operation: Operation): Promise<void> {
    const from = await toHostPath(this.prefix.folder, targetPath);
    await this.#copy(from, hostPath, `copied from ${targetPath}`, operation);
  }

  async dbgPrint(_client: AgentClient, operation: Operation): Promise<DbgPrintStream> {
    if ((await freeBytes(this.#home)) < LOG_ROOM_BYTES) {
      // Wine would print into nothing, and nobody would know.
      throw diskFullError('host.diskFull', this.#use("write the kernel's debug log"), 'ENOSPC', undefined);
    }
    return followDebugOutput({ file: this.prefix.debugLog, signal: operation.signal });
  }

  #use(purpose: string): DiskUse {
    return { folder: this.#home, purpose, kept: 'what was there before is unchanged', target: this.name };
  }

  #tellingFullDisk<T>(purpose: string, work: () => Promise<T>): Promise<T> {
    return tellingFullDisk(this.#use(purpose), work);
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
      throw this.#copyError(error, from, to, what);
    }
  }

  #copyError(error: unknown, from: string, to: string, what: string): unknown {
    const full = diskFullCode(error);
    if (full !== undefined) {
      const purpose = `write ${path.basename(from)}`;
      const use = { ...this.#use(purpose), folder: path.dirname(to), kept: 'the file that was there is unchanged' };
      return diskFullError('target.diskFull', use, full, error);
    }
    if ((error as NodeJS.ErrnoException).code === undefined) return error;
    return new EventscopeError({
      id: 'target.copy',
      what: `${path.basename(from)} could not be ${what}`,
      target: this.name,
      why: (error as Error).message,
      next: 'Correct the cause and try again.',
      cause: error,
    });
  }
}
