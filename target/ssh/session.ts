/**
 * One agent on the test machine, for one client: started by a command of the SSH connection, reached through the same
 * connection's tunnel. Its folder `<folder>\agent\sessions\<random>` holds `token` (until the agent has read it),
 * `port.json`, `agent.log`, `output.txt`, and `greeted` once the client is in; it is removed when the client goes.
 */
import { randomBytes } from 'node:crypto';
import type { ClientChannel } from 'ssh2';
import * as v from 'valibot';
import { TOKEN_BYTES } from '../../protocol/agent-wire.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../agent-client.js';
import { greetAndWrap } from '../agent-connection.js';
import { pause } from '../operation.js';
import type { Operation } from '../target.js';
import { bounded } from './bounded.js';
import type { SshConnection } from './connection.js';
import { RemoteFiles } from './files.js';
import type { InstalledAgent } from './install.js';
import { type SshTargetSettings, sftpPathOf } from './settings.js';
import { plainCommandLine } from './shell.js';

const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 5_000;
/** SFTP cannot tell of a new file, and a program under Wine cannot write to a pipe of the host: so it is looked for. */
const PORT_FILE_INTERVAL_MS = 60;
const MAX_ERROR_TEXT = 2_000;
const GREETED = 'greeted';
/** Without either file for so long, no agent will ever write one. */
const DEAD_SESSION_SECONDS = 120;

const portFile = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  processId: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_ffff)),
});

export interface AgentSession {
  readonly client: AgentClient;
  /** SFTP path. */
  readonly folder: string;
}

/** The agent's process and what it said, from outside. */
interface AgentProcess {
  readonly channel: ClientChannel;
  /** Settles when the command has ended. */
  readonly ended: Promise<string>;
}

export function sessionsFolder(settings: SshTargetSettings): string {
  return sftpPathOf(`${settings.folder}\\agent\\sessions`, settings.sftpDrives);
}

/**
 * @param onEnd Runs when the client is gone and the session's folder is removed.
 * @throws EventscopeError "agent.start" with the agent's own words, "agent.token", "ssh.channel", "ssh.lost".
 */
export async function startSession(
  connection: SshConnection,
  settings: SshTargetSettings,
  installed: InstalledAgent,
  operation: Operation,
  onEnd: () => Promise<void>,
): Promise<AgentSession> {
  const name = randomBytes(8).toString('hex');
  const folder = `${sessionsFolder(settings)}/${name}`;
  const windowsFolder = `${settings.folder}\\agent\\sessions\\${name}`;
  const token = randomBytes(TOKEN_BYTES);
  const files = await RemoteFiles.open(settings.name, connection, { signal: operation.signal });
  let agent: AgentProcess | undefined;
  try {
    operation.progress('Starting the agent on the test machine');
    await files.makeFolder(folder);
    await files.writeNewText(`${folder}/token`, token.toString('hex'));
    agent = await startAgent(connection, agentCommand(settings, installed, windowsFolder), operation);
    const port = await waitForPort(connection, settings, files, folder, agent, operation);
    const tunnel = await connection.openTunnel(port, { signal: operation.signal });
    // ssh2 ends a channel of a lost link without a word; the client should read why.
    const unregister = connection.onLost((reason) => tunnel.emit('error', reason));
    const running = agent;
    const client = await greetAndWrap(tunnel, {
      target: settings.name,
      token,
      signal: operation.signal,
      processEnded: running.ended,
      onClosed: async () => {
        unregister();
        await endSession(running, files.under(undefined), folder);
        await onEnd();
      },
    });
    // An agent removes its port file when it ends: with this one there, a session without a port file is over.
    await files.writeNewText(`${folder}/${GREETED}`, '').catch(async (error: unknown) => {
      await client.close();
      throw error;
    });
    return { client, folder };
  } catch (error) {
    await endSession(agent, files.under(undefined), folder);
    throw error;
  }
}

/** Output goes to a file, `> file 2>&1` in either shell: under Wine, Node for Windows cannot write to a pipe. */
function agentCommand(settings: SshTargetSettings, installed: InstalledAgent, folder: string): string {
  const line = plainCommandLine(installed.node, [
    installed.bundle,
    '--token-file',
    `${folder}\\token`,
    '--port-file',
    `${folder}\\port.json`,
    '--log',
    `${folder}\\agent.log`,
    ...(settings.dbgPrintLog === undefined ? [] : ['--dbgprint-log', settings.dbgPrintLog]),
  ]);
  return `${line} > ${folder}\\output.txt 2>&1`;
}

async function startAgent(connection: SshConnection, command: string, operation: Operation): Promise<AgentProcess> {
  const channel = await connection.start(command, { signal: operation.signal });
  let said = '';
  const keep = (data: Buffer): void => {
    said = (said + data.toString('utf8')).slice(-MAX_ERROR_TEXT);
  };
  channel.on('data', keep);
  channel.stderr.on('data', keep);
  const ended = new Promise<string>((resolve) => {
    let status = 'without a status';
    channel.once('exit', (code: number | null) => {
      if (code !== null) status = `with exit code ${code}`;
    });
    channel.once('close', () => resolve(`it ended ${status}${said.trim() === '' ? '' : `, saying: ${said.trim()}`}`));
  });
  return { channel, ended };
}

async function waitForPort(
  connection: SshConnection,
  settings: SshTargetSettings,
  files: RemoteFiles,
  folder: string,
  agent: AgentProcess,
  operation: Operation,
): Promise<number> {
  let end: string | undefined;
  void agent.ended.then((how) => (end = how));
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const text = await files.readText(`${folder}/port.json`);
    if (text !== undefined) return parsePortFile(text, settings);
    if (connection.lost !== undefined) throw connection.lost;
    if (end !== undefined) throw await startError(settings, files, folder, end);
    if (Date.now() > deadline) {
      throw await startError(settings, files, folder, `it told no port within ${START_TIMEOUT_MS / 1000} s`);
    }
    await pause(PORT_FILE_INTERVAL_MS, operation.signal);
  }
}

function parsePortFile(text: string, settings: SshTargetSettings): number {
  try {
    return v.parse(portFile, JSON.parse(text)).port;
  } catch (error) {
    throw new EventscopeError({
      id: 'agent.start',
      what: 'The agent did not start',
      target: settings.name,
      why: `its port file is damaged: ${(error as Error).message}`,
      cause: error,
    });
  }
}

async function startError(
  settings: SshTargetSettings,
  files: RemoteFiles,
  folder: string,
  why: string,
): Promise<EventscopeError> {
  const log = await files.readText(`${folder}/agent.log`).catch(() => undefined);
  // PowerShell writes UTF-16.
  const output = await files.readText(`${folder}/output.txt`).catch(() => undefined);
  const said = output?.replaceAll('\0', '').trim().slice(-MAX_ERROR_TEXT);
  return new EventscopeError({
    id: 'agent.start',
    what: 'The agent did not start',
    target: settings.name,
    why: said === undefined || said === '' ? why : `${why}, saying: ${said}`,
    next: `Reset the target (eventscope target reset ${settings.name}) and try again`,
    data: { log: log?.slice(-MAX_ERROR_TEXT) ?? '' },
  });
}

/** Waits for the agent's own end, bounded, and removes the session's folder while the link is there. */
async function endSession(agent: AgentProcess | undefined, files: RemoteFiles, folder: string): Promise<void> {
  if (agent !== undefined) {
    const { channel, ended } = agent;
    await bounded<string>((resolve) => void ended.then(resolve), {
      timeoutMs: END_TIMEOUT_MS,
      onTimeout: () => new Error('the agent still runs'),
      abandon: () => channel.close(),
    }).catch(() => undefined);
  }
  await files.removeTree(folder).catch(() => undefined);
  files.close();
}

export interface SessionFolder {
  /** SFTP path. */
  readonly folder: string;
  /** The agent's; undefined when it has told none yet, or none any more. */
  readonly processId: number | undefined;
  /** No agent runs, and none will. A false answer leaves that to `processId`. */
  readonly over: boolean;
}

/** All sessions on the machine, of every client. */
export async function listSessions(files: RemoteFiles, settings: SshTargetSettings): Promise<readonly SessionFolder[]> {
  const base = sessionsFolder(settings);
  if ((await files.stat(base)) === undefined) return [];
  const entries = await files.list(base);
  const now = Math.max(...entries.map((entry) => entry.attrs.mtime));
  const sessions: SessionFolder[] = [];
  for (const entry of entries) {
    const folder = `${base}/${entry.filename}`;
    const text = await files.readText(`${folder}/port.json`);
    let processId: number | undefined;
    try {
      if (text !== undefined) processId = v.parse(portFile, JSON.parse(text)).processId;
    } catch {
      // Being written, or damaged: it counts as one that has told none.
    }
    const over =
      processId === undefined &&
      (now - entry.attrs.mtime > DEAD_SESSION_SECONDS || (await files.stat(`${folder}/${GREETED}`)) !== undefined);
    sessions.push({ folder, processId, over });
  }
  return sessions;
}
