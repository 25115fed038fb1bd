/**
 * The ssh target: a test machine or VM with OpenSSH for Windows.
 *
 * One SSH connection serves whatever runs at the same time, and is closed with the last user of it. A lost one ends all
 * of them; the next operation opens a new one.
 */
import { basename } from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { sameWindowsPath, windowsFolder } from '../../machine/command-line.js';
import type { AgentClient } from '../agent-client.js';
import { pause } from '../operation.js';
import type { DbgPrintStream, Operation, Target, TargetHealth } from '../target.js';
import { findAgentFiles } from './agent-files.js';
import { SshConnection } from './connection.js';
import { openDbgPrint } from './dbgprint.js';
import { RemoteFiles } from './files.js';
import { folderState, foreignFolderError, installAgent, type InstalledAgent, makeFolder } from './install.js';
import { listSessions, startSession } from './session.js';
import { resolveHostPaths, type SshTargetSettings, sftpPathOf } from './settings.js';
import { SHELL_PROBE, shellOfProbe } from './shell.js';
import { downloadFile, uploadFile } from './transfer.js';

const SERVICE_STOP_TIMEOUT_MS = 15_000;
/** Windows lets go of a program's file some time after the program has ended. */
const REMOVE_ATTEMPTS = 10;
const REMOVE_INTERVAL_MS = 300;

interface Lease {
  readonly connection: SshConnection;
  release(): Promise<void>;
}

export function openSshTarget(workspace: string, settings: SshTargetSettings): SshTarget {
  return new SshTarget(resolveHostPaths(settings, workspace));
}

export class SshTarget implements Target {
  readonly kind = 'ssh';
  readonly name: string;
  readonly folder: string;
  #current: { readonly connection: SshConnection; leases: number } | undefined;

  /**
   * @param settings With host paths resolved, see resolveHostPaths.
   */
  constructor(private readonly settings: SshTargetSettings) {
    this.name = settings.name;
    this.folder = settings.folder;
  }

  async start(operation: Operation): Promise<void> {
    await this.#withFiles(operation, async (files, connection) => {
      await this.#install(files, connection, operation);
    });
  }

  async health(operation: Operation): Promise<TargetHealth> {
    const machine = `${this.settings.host}:${this.settings.port}`;
    try {
      return await this.#withFiles(operation, async (files, connection) => {
        await this.#requireWindows(connection, operation);
        switch (await folderState(files, this.settings)) {
          case 'ours':
            return { state: 'running', detail: `${machine} answers, and ${this.folder} is set up` };
          case 'missing':
            return { state: 'missing', detail: `${machine} answers, and has nothing of Eventscope yet` };
          case 'foreign':
            return { state: 'broken', detail: foreignFolderError(this.settings).message };
        }
      });
    } catch (error) {
      if (!(error instanceof EventscopeError)) throw error;
      const off = error.id === 'ssh.unreachable' || error.id === 'ssh.timeout';
      return { state: off ? 'stopped' : 'broken', detail: error.message };
    }
  }

  async stop(operation: Operation): Promise<void> {
    await this.#withFiles(operation, async (files) => {
      if ((await folderState(files, this.settings)) !== 'ours') return;
      await this.#withAgent(operation, (client) => this.#endOurs(client, files, operation, false));
    });
  }

  async reset(operation: Operation): Promise<void> {
    await this.#withFiles(operation, async (files) => {
      const state = await folderState(files, this.settings);
      if (state === 'missing') return;
      if (state === 'foreign') throw foreignFolderError(this.settings);
      await this.#withAgent(operation, (client) => this.#endOurs(client, files, operation, true));
      operation.progress(`Removing ${this.folder}`);
      const folder = sftpPathOf(this.folder, this.settings.sftpDrives);
      for (let attempt = 1; ; attempt++) {
        try {
          await files.removeTree(folder);
          return;
        } catch (error) {
          if (attempt >= REMOVE_ATTEMPTS) throw error;
          await pause(REMOVE_INTERVAL_MS, operation.signal);
        }
      }
    });
  }

  async connect(operation: Operation): Promise<AgentClient> {
    const lease = await this.#lease(operation);
    try {
      const installed = await this.#withFiles(operation, (files, connection) =>
        this.#install(files, connection, operation),
      );
      const { client, folder } = await startSession(lease.connection, this.settings, installed, operation, () =>
        lease.release(),
      );
      try {
        await this.#removeDeadSessions(client, folder, operation);
      } catch (error) {
        await client.close();
        throw error;
      }
      return client;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  async upload(hostPath: string, targetPath: string, operation: Operation): Promise<void> {
    const path = sftpPathOf(targetPath, this.settings.sftpDrives);
    const name = basename(hostPath);
    await this.#withFiles(operation, async (files) => {
      operation.progress(`Copying ${name} to ${this.name}`);
      await files.makeFolder(path.slice(0, path.lastIndexOf('/')));
      await uploadFile(files, hostPath, path);
    });
  }

  async download(targetPath: string, hostPath: string, operation: Operation): Promise<void> {
    const path = sftpPathOf(targetPath, this.settings.sftpDrives);
    await this.#withFiles(operation, async (files) => {
      operation.progress(`Copying ${basename(hostPath)} from ${this.name}`);
      await downloadFile(files, path, hostPath);
    });
  }

  async dbgPrint(client: AgentClient, operation: Operation): Promise<DbgPrintStream> {
    return await openDbgPrint(client, operation);
  }

  async #install(files: RemoteFiles, connection: SshConnection, operation: Operation): Promise<InstalledAgent> {
    if ((await folderState(files, this.settings)) !== 'ours') {
      await this.#requireWindows(connection, operation);
      operation.progress(`Making ${this.folder} on ${this.name}`);
      await makeFolder(files, connection, this.settings, { signal: operation.signal });
    }
    return await installAgent(files, this.settings, await findAgentFiles(), (message) => operation.progress(message));
  }

  async #requireWindows(connection: SshConnection, operation: Operation): Promise<void> {
    const result = await connection.run(SHELL_PROBE, { signal: operation.signal });
    const shell = shellOfProbe(result.output);
    if (shell === 'cmd' || shell === 'powershell') return;
    const said = (result.output + result.errorOutput).trim().slice(0, 200);
    throw new EventscopeError({
      id: 'ssh.notWindows',
      what: 'Commands on the test machine do not run in cmd.exe or PowerShell',
      target: this.name,
      why: shell === 'posix' ? 'they run in a POSIX shell' : `"${SHELL_PROBE}" answered "${said}"`,
      next: "Use Windows with OpenSSH for Windows, and cmd.exe or PowerShell as the server's DefaultShell",
      data: { answer: said },
    });
  }

  /** Stops our drivers (and deletes their services), and ends the agents of other clients with what they started. */
  async #endOurs(client: AgentClient, files: RemoteFiles, operation: Operation, remove: boolean): Promise<void> {
    const { signal } = operation;
    const { services } = await client.request('service/list', { drivers: true }, { signal });
    for (const service of services.filter((candidate) => this.#isInFolder(candidate.binaryPath))) {
      if (service.state !== 'stopped') {
        operation.progress(`Stopping ${service.name} on ${this.name}`);
        const timeoutMs = SERVICE_STOP_TIMEOUT_MS;
        await client.request('service/stop', { name: service.name, timeoutMs }, { signal, timeoutMs: timeoutMs * 2 });
      }
      if (remove) await client.request('service/delete', { name: service.name }, { signal });
    }
    const { processId } = await client.request('agent/info', {}, { signal });
    const { processes } = await client.request('process/list', {}, { signal });
    const agents = new Set(processes.filter(isAgent).map(({ process }) => process));
    agents.delete(processId);
    for (const session of await listSessions(files, this.settings)) {
      if (session.processId === undefined || !agents.delete(session.processId)) continue;
      await client.request('process/end', { process: session.processId, exitCode: 1 }, { signal });
    }
  }

  #isInFolder(binaryPath: string): boolean {
    const path = binaryPath.replace(/^"|"$/g, '').replace(/^\\\?\?\\/, '');
    for (let folder = windowsFolder(path); ; folder = windowsFolder(folder)) {
      if (sameWindowsPath(folder, this.folder)) return true;
      if (windowsFolder(folder) === folder) return false;
    }
  }

  /** What clients have left that could not clean up: their link was cut, or they were killed. */
  async #removeDeadSessions(client: AgentClient, ownFolder: string, operation: Operation): Promise<void> {
    await this.#withFiles(operation, async (files) => {
      const others = (await listSessions(files, this.settings)).filter((session) => session.folder !== ownFolder);
      if (others.length === 0) return;
      const { signal } = operation;
      const { processId: ownProcess } = await client.request('agent/info', {}, { signal });
      const { processes } = await client.request('process/list', {}, { signal });
      // Process ids are used again, by our own agent too.
      const running = new Set(processes.filter(isAgent).map(({ process }) => process));
      running.delete(ownProcess);
      for (const { folder, processId, over } of others) {
        if (over || (processId !== undefined && !running.has(processId)))
          await files.removeTree(folder).catch(() => undefined);
      }
    });
  }

  async #withAgent(operation: Operation, work: (client: AgentClient) => Promise<void>): Promise<void> {
    const client = await this.connect(operation);
    try {
      await work(client);
    } finally {
      await client.close();
    }
  }

  async #withFiles<T>(
    operation: Operation,
    work: (files: RemoteFiles, connection: SshConnection) => Promise<T>,
  ): Promise<T> {
    const lease = await this.#lease(operation);
    try {
      const files = await RemoteFiles.open(this.name, lease.connection, { signal: operation.signal });
      try {
        return await work(files, lease.connection);
      } finally {
        files.close();
      }
    } finally {
      await lease.release();
    }
  }

  async #lease(operation: Operation): Promise<Lease> {
    let shared = this.#current;
    if (shared === undefined || shared.connection.lost !== undefined) {
      operation.progress(`Connecting to ${this.settings.host}`);
      const connection = await SshConnection.open(this.settings, { signal: operation.signal });
      // Another operation may have connected meanwhile: each keeps its own, and the newest serves who comes next.
      shared = { connection, leases: 0 };
      this.#current = shared;
    }
    const mine = shared;
    mine.leases++;
    let released = false;
    return {
      connection: mine.connection,
      release: async () => {
        if (released) return;
        released = true;
        mine.leases--;
        if (mine.leases > 0) return;
        if (this.#current === mine) this.#current = undefined;
        await mine.connection.close();
      },
    };
  }
}

function isAgent(process: { readonly name: string }): boolean {
  return process.name.toLowerCase() === 'node.exe';
}
