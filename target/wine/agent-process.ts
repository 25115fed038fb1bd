/**
 * Starting an agent in a running prefix and connecting to it. One agent per client; it ends with its client.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { TOKEN_BYTES } from '../../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../agent-client.js';
import { connectToAgent } from '../agent-connection.js';
import { findInstallation, type Installation } from '../installation.js';
import type { Operation } from '../target.js';
import type { WineTools } from './host-tools.js';
import { toWindowsPath } from './paths.js';
import type { WinePrefix } from './prefix.js';
import type { RunningPrefix } from './prefix-files.js';
import { kill } from './processes.js';

const portFile = v.object({ port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)) });

const START_TIMEOUT_MS = 30_000;
/** An agent puts everything back before it ends: it stops services' requests, ends processes, closes handles. */
const END_TIMEOUT_MS = 10_000;
/** Logs of agents that are gone are kept for a look at what went wrong. */
const KEPT_LOGS = 10;

export interface AgentPlace {
  readonly target: string;
  readonly tools: WineTools;
  readonly prefix: WinePrefix;
  readonly running: RunningPrefix;
  /** Host folder for logs. */
  readonly logFolder: string;
  /** Environment that this agent gets beside the prefix's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** @throws EventscopeError `agent.start`, `agent.token`, ..., `installation.incomplete`; CancelledError */
export async function startAgent(place: AgentPlace, operation: Operation): Promise<AgentClient> {
  const installation = await findInstallation();
  operation.progress('Starting the agent');
  const id = randomBytes(6).toString('hex');
  const token = randomBytes(TOKEN_BYTES);
  const portFolder = path.join(place.prefix.folder, 'drive_c', 'eventscope', 'tmp');
  await mkdir(portFolder, { recursive: true });
  await mkdir(place.logFolder, { recursive: true });
  await removeOldLogs(place.logFolder);
  const portName = `agent-${id}.json`;
  const log = path.join(place.logFolder, `agent-${id}.log`);
  const child = await spawnAgent(place, installation, portName, log, token.toString('hex'));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  try {
    const port = await waitForPort(place.target, path.join(portFolder, portName), log, ended, operation.signal);
    const client = await connectToAgent(port, {
      target: place.target,
      token,
      signal: operation.signal,
      processEnded: ended,
      onClosed: async () => {
        // Without its wineserver an agent cannot even end.
        const serverRuns = (await place.prefix.running()) !== undefined;
        await endAgent(child, ended, serverRuns ? END_TIMEOUT_MS : 0);
      },
    });
    return client;
  } catch (error) {
    await endAgent(child, ended, 0);
    throw error;
  } finally {
    // Also what it wrote beside, when it could not end that.
    const names = (await readdir(portFolder)).filter((name) => name.startsWith(portName));
    for (const name of names) await rm(path.join(portFolder, name), { force: true });
  }
}

async function spawnAgent(
  place: AgentPlace,
  installation: Installation,
  portName: string,
  log: string,
  token: string,
): Promise<ChildProcess> {
  const command = await place.prefix.command(place.tools.wine, [
    installation.nodeProgram,
    toWindowsPath(installation.agentBundle),
    '--port-file',
    `C:\\eventscope\\tmp\\${portName}`,
    '--log',
    toWindowsPath(log),
  ]);
  // Node for Windows under Wine can write to a regular file, not to a pipe.
  const output = await open(`${log}.out`, 'a', 0o600);
  try {
    const child = spawn(command.program, command.args, {
      env: {
        ...place.prefix.environment(place.running.mark),
        ...place.environment,
        NODE_PATH: toWindowsPath(installation.nodeModules),
        EVENTSCOPE_AGENT_TOKEN: token,
      },
      stdio: ['ignore', output.fd, output.fd],
      // The terminal's Ctrl-C is ours to handle; the agent ends with its client.
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  } catch (error) {
    throw new EventscopeError({
      id: 'agent.start',
      what: 'The agent could not be started',
      target: place.target,
      why: (error as Error).message,
      cause: error,
    });
  } finally {
    await output.close();
  }
}

/** The agent writes the port file whole, by a rename into the watched folder. */
async function waitForPort(
  target: string,
  file: string,
  log: string,
  ended: Promise<number | null>,
  signal: AbortSignal,
): Promise<number> {
  const finish = new AbortController();
  const cancel = (): void => finish.abort();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const watcher = watch(path.dirname(file), { signal: finish.signal });
  try {
    const appeared = new Promise<number>((resolve, reject) => {
      const look = (): void => {
        readFile(file, 'utf8')
          .then(
            (text) => {
              const answer = v.safeParse(portFile, JSON.parse(text));
              if (answer.success) resolve(answer.output.port);
              else reject(notStarted(target, `its port file says ${text.slice(0, 200)}`));
            },
            // Not there yet.
            () => undefined,
          )
          .catch((error: unknown) => reject(notStarted(target, String(error))));
      };
      watcher.on('change', (_event, name) => {
        if (name.toString() === path.basename(file)) look();
      });
      watcher.on('error', reject);
      look();
    });
    const gone = ended.then(async (code) => {
      throw notStarted(target, `it ended with ${code ?? 'a signal'}: ${await lastWords(log)}`);
    });
    gone.catch(() => undefined);
    const late = new Promise<never>((_resolve, reject) => {
      const timer = setTimeout(
        () => reject(notStarted(target, `no port after ${START_TIMEOUT_MS / 1000} s`)),
        START_TIMEOUT_MS,
      );
      const end = (): void => {
        clearTimeout(timer);
        reject(new CancelledError());
      };
      // It may have been cancelled while the agent's process was made.
      if (finish.signal.aborted) end();
      else finish.signal.addEventListener('abort', end, { once: true });
    });
    late.catch(() => undefined);
    return await Promise.race([appeared, gone, late]);
  } finally {
    signal.removeEventListener('abort', cancel);
    finish.abort();
    watcher.close();
  }
}

function notStarted(target: string, why: string): EventscopeError {
  return new EventscopeError({
    id: 'agent.start',
    what: 'The agent did not start',
    target,
    why,
    next: 'See the logs in .eventscope/wine/logs; "eventscope target stop" and a new try help after a Wine fault.',
  });
}

async function lastWords(log: string): Promise<string> {
  const texts = await Promise.all([`${log}.out`, log].map((file) => readFile(file, 'utf8').catch(() => '')));
  const lines = texts
    .join('\n')
    .split('\n')
    .map((line) => line.trim());
  return (
    lines
      .filter((line) => line !== '')
      .slice(-3)
      .join(' ') || 'it said nothing'
  );
}

/** The connection is gone: the agent ends by itself, or is ended. */
async function endAgent(
  child: ChildProcess,
  ended: Promise<number | null>,
  patienceMs = END_TIMEOUT_MS,
): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const timer = setTimeout(() => kill(pid), patienceMs);
  await ended;
  clearTimeout(timer);
}

async function removeOldLogs(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^agent-[0-9a-f]+\.log(\.out)?$/.test(name));
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { file, mtimeMs: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  files.sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { file } of files.slice(2 * KEPT_LOGS)) await rm(file, { force: true });
}
