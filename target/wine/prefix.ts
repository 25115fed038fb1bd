/**
 * The private Wine prefix of a workspace: made once, started, stopped, removed. Its state is on disk, so that the processes
 * of one workspace (an editor, command lines) see the same prefix and none starts it twice.
 *
 *     .eventscope/wine/prefix/          Wine's own folder
 *     .eventscope/wine/prefix.json      our stamp: being made, or ready, and by which Wine. What has no stamp is not ours
 *     .eventscope/wine/running.json     the wineserver that runs it
 *     .eventscope/wine/dbgprint.log     standard error of the driver hosts
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { acquireHostLock, isAlive, startTimeOf } from '../host-lock.js';
import type { Operation, TargetHealth } from '../target.js';
import { runTool } from '../toolchain/tool.js';
import { wineCommand, wineVersion, type WineTools } from './host-tools.js';
import { makePrefix } from './make-prefix.js';
import {
  exists,
  type PrefixStamp,
  readChecked,
  type RunningPrefix,
  runningFile,
  stampFile,
  writeWhole,
} from './prefix-files.js';
import { endProcessesOf, isServer, kill, PREFIX_MARK, processesOf, serversOf } from './processes.js';
import { runDetached } from './run-detached.js';

/** What drivers print goes to standard error; of everything else Wine says nothing. */
const DEBUG_CHANNELS = '-all,warn+debugstr';
/**
 * Wine looks for its server's socket under TMPDIR. A terminal and an editor have different ones, and each would start a server of its
 * own on the same prefix.
 */
const SERVER_PLACE = '/tmp';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const WAIT_FOR_OTHER_MS = 240_000;

export class WinePrefix {
  /** Wine's WINEPREFIX. */
  readonly folder: string;
  readonly debugLog: string;
  readonly #home: string;
  readonly #target: string;
  readonly #tools: WineTools;
  readonly #oneProcessor: boolean;

  /** @param home `<workspace>/.eventscope/wine` */
  constructor(home: string, target: string, tools: WineTools, options: { readonly oneProcessor: boolean }) {
    this.#home = home;
    this.#target = target;
    this.#tools = tools;
    this.#oneProcessor = options.oneProcessor;
    this.folder = path.join(home, 'prefix');
    this.debugLog = path.join(home, 'dbgprint.log');
  }

  /** Makes it when it is not there, starts it when it does not run. */
  async start(operation: Operation): Promise<RunningPrefix> {
    const running = await this.running();
    if (running !== undefined && (await this.#readStamp())?.state === 'ready') return running;
    return this.#locked('starting the prefix', operation, async () => {
      await this.#makeIfNeeded(operation);
      // Another process may have started it while we waited for the lock.
      return (await this.running()) ?? (await this.#startServer(operation));
    });
  }

  async stop(operation: Operation): Promise<void> {
    await this.#locked('stopping the prefix', operation, () => this.#end(operation));
  }

  /** Removes it with all in it. Refuses what has not our stamp. */
  async reset(operation: Operation): Promise<void> {
    await this.#locked('removing the prefix', operation, async () => {
      if (!(await exists(this.folder))) {
        await rm(this.#stampPath, { force: true });
        return;
      }
      if ((await this.#readStamp()) === undefined) {
        throw new EventscopeError({
          id: 'wine.notOurs',
          what: `${this.folder} was not made by Eventscope`,
          target: this.#target,
          why: `there is no valid ${this.#stampPath}`,
          next: 'Look at the folder, and remove it by hand when nothing in it is needed.',
        });
      }
      operation.progress('Removing the Wine prefix');
      await this.#end(operation);
      await this.#removeFolder();
      for (const file of [this.debugLog, `${this.debugLog}.old`, this.#stampPath]) await rm(file, { force: true });
    });
  }

  async health(): Promise<TargetHealth> {
    const stamp = await this.#readStamp();
    if (!(await exists(this.folder))) {
      return { state: 'missing', detail: 'The Wine prefix has not been made yet; the first start makes it.' };
    }
    if (stamp === undefined) return { state: 'broken', detail: `${this.folder} was not made by Eventscope.` };
    if (stamp.state === 'making') {
      return { state: 'broken', detail: 'Making the Wine prefix did not end; the next start makes it anew.' };
    }
    const running = await this.running();
    if (running !== undefined) {
      const count = (await processesOf(running.mark)).length;
      return {
        state: 'running',
        detail: `${stamp.wine}, ${count} processes, wineserver is process ${running.serverPid}.`,
      };
    }
    const ended = await exists(this.#runningPath);
    return { state: 'stopped', detail: ended ? `${stamp.wine}; wineserver ended unexpectedly.` : `${stamp.wine}.` };
  }

  /** The wineserver that runs the prefix; undefined when none does. */
  async running(): Promise<RunningPrefix | undefined> {
    const running = await readChecked(this.#runningPath, runningFile);
    if (running === undefined) return undefined;
    return (await isAlive({ pid: running.serverPid, startTime: running.serverStartTime })) ? running : undefined;
  }

  /** Environment of processes that belong to the running prefix. */
  environment(mark: string): NodeJS.ProcessEnv {
    const environment: NodeJS.ProcessEnv = { ...process.env };
    // No windows on the user's desktop, and no other prefix's settings.
    for (const name of Object.keys(environment)) {
      if (/^(WINE.*|DISPLAY|WAYLAND_DISPLAY|XDG_.*|NODE_OPTIONS|NODE_PATH)$/.test(name)) environment[name] = undefined;
    }
    return {
      ...environment,
      TMPDIR: SERVER_PLACE,
      WINEPREFIX: this.folder,
      WINEARCH: 'win64',
      WINEDEBUG: '-all',
      // No menu entries on the user's desktop, no offers to install Mono and Gecko.
      WINEDLLOVERRIDES: 'winemenubuilder.exe,mscoree,mshtml=d',
      // Wine links Documents and the like to the folders here, not to the user's own.
      HOME: path.join(this.#home, 'home'),
      LC_ALL: 'C.UTF-8',
      [PREFIX_MARK]: mark,
    };
  }

  /** A command line for a process of the prefix, on its processor. */
  command(program: string, args: readonly string[]): Promise<{ program: string; args: readonly string[] }> {
    return wineCommand(this.#tools, this.#oneProcessor, program, args);
  }

  get #stampPath(): string {
    return path.join(this.#home, 'prefix.json');
  }

  get #runningPath(): string {
    return path.join(this.#home, 'running.json');
  }

  #readStamp(): Promise<PrefixStamp | undefined> {
    return readChecked(this.#stampPath, stampFile);
  }

  async #locked<T>(purpose: string, operation: Operation, work: () => Promise<T>): Promise<T> {
    const lock = await acquireHostLock(
      {
        file: path.join(this.#home, 'prefix.lock'),
        purpose,
        waitMs: WAIT_FOR_OTHER_MS,
        held: (holder) =>
          new EventscopeError({
            id: 'target.held',
            what: 'The Wine prefix is in use by another process',
            target: this.#target,
            why: `process ${holder.pid} has been ${holder.purpose} since ${new Date(holder.sinceUtcMs).toLocaleTimeString()}`,
            next: 'Wait for it or end it.',
            data: { ...holder },
          }),
      },
      operation,
    );
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }

  async #makeIfNeeded(operation: Operation): Promise<void> {
    const stamp = await this.#readStamp();
    const there = await exists(this.folder);
    if (there && stamp === undefined) {
      throw new EventscopeError({
        id: 'wine.notOurs',
        what: `${this.folder} was not made by Eventscope`,
        target: this.#target,
        why: `there is no valid ${this.#stampPath}`,
        next: 'Remove the folder when nothing in it is needed.',
      });
    }
    const mark = newMark();
    const environment = this.environment(mark);
    const wine = await wineVersion(this.#tools, environment, operation.signal);
    if (there && stamp?.state === 'ready' && stamp.wine === wine) return;
    if (there) {
      await this.#end(operation);
      // Half made, or made by another Wine: what a Wine update does to a prefix was never tested, a new one was.
      await this.#removeFolder();
    }
    operation.progress('Making the Wine prefix (once, about 15 s)');
    await mkdir(path.join(this.#home, 'home'), { recursive: true });
    await this.#writeStamp('making', wine);
    try {
      const log = path.join(this.#home, 'wineboot.log');
      await makePrefix(
        { target: this.#target, folder: this.folder, home: this.#home, log, tools: this.#tools, environment },
        operation,
      );
      await this.#writeStamp('ready', wine);
    } catch (error) {
      await endProcessesOf(mark, 0, AbortSignal.timeout(STOP_TIMEOUT_MS));
      await this.#removeFolder();
      await rm(this.#stampPath, { force: true });
      throw error;
    }
  }

  async #writeStamp(state: 'making' | 'ready', wine: string): Promise<void> {
    const stamp: PrefixStamp = { version: 1, state, wine, madeUtcMs: Date.now() };
    await writeWhole(this.#stampPath, JSON.stringify(stamp));
  }

  async #startServer(operation: Operation): Promise<RunningPrefix> {
    operation.progress('Starting the Wine prefix');
    const before = await readChecked(this.#runningPath, runningFile);
    // Processes of a wineserver that was killed end by themselves, mostly.
    if (before !== undefined) await endProcessesOf(before.mark, 0, operation.signal);
    await rm(this.#runningPath, { force: true });
    await this.#refuseSecondServer();
    await this.#rotateLog();
    const mark = newMark();
    const environment = this.environment(mark);
    try {
      // Persistent: drivers stay loaded between one command line and the next. It returns when the server listens.
      const server = await this.command(this.#tools.wineserver, ['-p']);
      const log = await open(this.debugLog, 'a');
      try {
        const timeoutMs = START_TIMEOUT_MS;
        await runDetached(server.program, server.args, environment, log.fd, timeoutMs, operation.signal);
        const boot = await this.command(this.#tools.wine, ['wineboot']);
        const bootEnvironment = { ...environment, WINEDEBUG: DEBUG_CHANNELS };
        await runDetached(boot.program, boot.args, bootEnvironment, log.fd, timeoutMs, operation.signal);
      } finally {
        await log.close();
      }
      const found = (await processesOf(mark)).find(isServer);
      const startTime = found === undefined ? undefined : await startTimeOf(found.pid);
      if (found === undefined || startTime === undefined) {
        throw new EventscopeError({
          id: 'wine.start',
          what: 'The Wine prefix did not start',
          target: this.#target,
          why: 'no wineserver runs for it: another one may hold the prefix',
          next: 'End other Wine processes of this prefix, then try again.',
        });
      }
      const running: RunningPrefix = {
        version: 1,
        mark,
        serverPid: found.pid,
        serverStartTime: startTime,
        oneProcessor: this.#oneProcessor,
        startedUtcMs: Date.now(),
      };
      await writeWhole(this.#runningPath, JSON.stringify(running));
      return running;
    } catch (error) {
      await endProcessesOf(mark, 0, AbortSignal.timeout(STOP_TIMEOUT_MS));
      throw error;
    }
  }

  /** Wine itself sees no server that has its socket elsewhere. */
  async #refuseSecondServer(): Promise<void> {
    const servers = await serversOf(this.folder);
    if (servers.length === 0) return;
    throw new EventscopeError({
      id: 'wine.start',
      what: 'The Wine prefix did not start',
      target: this.#target,
      why: `something else runs it: ${servers.map(({ pid, commandLine }) => `process ${pid} (${commandLine})`).join(', ')}`,
      next: 'End those processes, then try again.',
    });
  }

  /** The log of the run before is kept once. */
  async #rotateLog(): Promise<void> {
    try {
      await rename(this.debugLog, `${this.debugLog}.old`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async #removeFolder(): Promise<void> {
    // Debian's Wine keeps the server's socket in a folder of its own, which the prefix names, and never removes it.
    const name = await readFile(path.join(this.folder, 'wineserver'), 'latin1').catch(() => '');
    if (/^wine-\w{6}$/.test(name.trim()))
      await rm(path.join(SERVER_PLACE, name.trim()), { recursive: true, force: true });
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Ends everything that runs in the prefix, and makes sure of it. */
  async #end(operation: Operation): Promise<void> {
    const running = await readChecked(this.#runningPath, runningFile);
    if (!(await exists(this.folder))) return;
    operation.progress('Stopping the Wine prefix');
    const environment = this.environment(running?.mark ?? '');
    try {
      const options = { signal: operation.signal, environment, timeoutMs: STOP_TIMEOUT_MS };
      // It says nothing and fails when no server runs.
      await runTool(this.#tools.wineserver, ['-k'], options);
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      // It does not answer. A number that it had once may be another process's by now.
      const hung = await this.running();
      if (hung !== undefined) kill(hung.serverPid);
    }
    const left = running === undefined ? [] : await endProcessesOf(running.mark, STOP_TIMEOUT_MS, operation.signal);
    if (left.length > 0) {
      throw new EventscopeError({
        id: 'wine.stop',
        what: 'The Wine prefix did not stop',
        target: this.#target,
        why: `process ${left.map((item) => `${item.pid} (${item.commandLine})`).join(', ')} cannot be ended`,
        next: 'It may wait for a disk or a debugger; end it, then try again.',
      });
    }
    await rm(this.#runningPath, { force: true });
  }
}

function newMark(): string {
  return randomBytes(8).toString('hex');
}
