/**
 * Bringing driver and application to a target, and taking them away again.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ServiceStatus } from '../protocol/agent-rpc.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { BuildResult } from './build.js';
import { DriverService } from './driver-service.js';
import { asError, cleanupOperation, throwIfCancelled } from './operation.js';
import type { Project } from './project.js';
import type { Operation, Target } from './target.js';
import { withTargetLocks, type TargetLock } from './target-lock.js';

export interface DeployResult {
  /** Windows paths of the files that were copied; empty when the target had them all. */
  readonly uploaded: readonly string[];
  /** A driver was running before and was replaced or started anew. */
  readonly replaced: boolean;
  /** The driver's service, running unless it was not to be started. */
  readonly service: ServiceStatus;
}

export interface DeployOptions {
  /** false: everything is brought and the service made, and the driver is left stopped, for a debugger to start. Default: true. */
  readonly starts?: boolean;
}

/** Where a project's files are on a target: Windows paths. */
export interface DeployedPaths {
  readonly driver: string;
  readonly application: string;
}

export function deployedPaths(target: Pick<Target, 'folder'>, project: Project): DeployedPaths {
  return {
    driver: `${target.folder}\\bin\\${project.driver.name}.sys`,
    application: `${target.folder}\\bin\\${project.application.name}.exe`,
  };
}

/** Putting back may take a stop, a start and two small copies. */
const PUT_BACK_TIMEOUT_MS = 90_000;

/**
 * Copies what changed, makes the service, starts it and follows it to running. When anything fails or is cancelled the
 * target is put back: the driver that ran before runs again, or nothing of ours is left.
 * @throws EventscopeError `target.held`, `driver.start`, `driver.fault`, `driver.unload`, `driver.markedForDeletion`,
 * `target.diskFull`, `target.copy`, `agent.*`; CancelledError
 */
export async function deploy(
  target: Target,
  client: AgentClient,
  project: Project,
  build: BuildResult,
  operation: Operation,
  options: DeployOptions = {},
): Promise<DeployResult> {
  const locks = deployLocks(project);
  return withTargetLocks(client, locks, `deploying ${project.driver.name}`, operation, async () => {
    const deployment = new Deployment(target, client, project, operation);
    return deployment.run(build, options.starts ?? true);
  });
}

export interface UndeployResult {
  /** There was a service, which is deleted now. */
  readonly service: boolean;
  /** Windows paths of the files that were removed; both empty when there was nothing of ours. */
  readonly files: readonly string[];
  /** An undeployment before this one had been cut off: the service was gone and files were left. */
  readonly resumed: boolean;
}

/**
 * Stops and deletes the service and removes the files. Says nothing when there is nothing. A driver that hangs or faults while
 * it unloads is reported when all the rest is done. A cancel stops between two steps; the next undeployment does what is left.
 * @throws EventscopeError `target.held`, `driver.fault`, `driver.unload`, `agent.*`; CancelledError
 */
export async function undeploy(
  target: Target,
  client: AgentClient,
  project: Project,
  operation: Operation,
): Promise<UndeployResult> {
  const service = new DriverService(target, client, project.driver.service);
  return withTargetLocks(client, deployLocks(project), `undeploying ${project.driver.name}`, operation, async () => {
    const hadService = (await service.query(operation)) !== undefined;
    const files = await leftFiles(client, deployedPaths(target, project), operation);
    const resumed = !hadService && files.length > 0;
    if (resumed) operation.progress('Finishing an undeployment that was cut off');
    let failure: Error | undefined;
    try {
      await service.stop(operation);
    } catch (error) {
      if (!isDriversOwnFailure(error)) throw error;
      failure = asError(error);
    }
    await service.removeAnchor(operation);
    if (hadService) operation.progress(`Deleting the service ${project.driver.service}`);
    await service.remove(operation);
    if (files.length > 0) operation.progress('Removing files');
    for (const path of files) await client.request('file/remove', { path }, { signal: operation.signal });
    if (failure !== undefined) throw failure;
    return { service: hadService, files, resumed };
  });
}

async function leftFiles(client: AgentClient, paths: DeployedPaths, operation: Operation): Promise<string[]> {
  const left: string[] = [];
  for (const path of [paths.driver, oldOf(paths.driver), paths.application, oldOf(paths.application)]) {
    const { entry } = await client.request('file/stat', { path }, { signal: operation.signal });
    if (entry !== undefined) left.push(path);
  }
  return left;
}

/** A run holds the tracer's lock, a debug session the debugger's: no driver is replaced under them. */
function deployLocks(project: Project): TargetLock[] {
  const subject = project.driver.service;
  return [
    { role: 'deployer', subject },
    { role: 'tracer', subject },
    { role: 'debugger', subject },
  ];
}

/** The driver misbehaved, and the service is stopped all the same. */
function isDriversOwnFailure(error: unknown): boolean {
  return (
    error instanceof EventscopeError &&
    (error.id === 'driver.fault' || (error.id === 'driver.unload' && error.data['hostEnded'] === true))
  );
}

function oldOf(path: string): string {
  return `${path}.old`;
}

class Deployment {
  readonly #target: Target;
  readonly #client: AgentClient;
  readonly #operation: Operation;
  readonly #service: DriverService;
  readonly #paths: DeployedPaths;
  readonly #uploaded: string[] = [];
  /** What was done, newest last; each entry puts one step back. */
  readonly #undo: ((operation: Operation) => Promise<void>)[] = [];

  constructor(target: Target, client: AgentClient, project: Project, operation: Operation) {
    this.#target = target;
    this.#client = client;
    this.#operation = operation;
    this.#service = new DriverService(target, client, project.driver.service);
    this.#paths = deployedPaths(target, project);
  }

  async run(build: BuildResult, starts: boolean): Promise<DeployResult> {
    try {
      const result = await this.#steps(build, starts);
      for (const path of Object.values(this.#paths) as string[]) await this.#remove(oldOf(path), this.#operation);
      return result;
    } catch (error) {
      throw await this.#putBack(error);
    }
  }

  async #steps(build: BuildResult, starts: boolean): Promise<DeployResult> {
    const { driver, application } = this.#paths;
    await this.#recover();
    const before = await this.#service.query(this.#operation);
    const isRunning = before !== undefined && before.state !== 'stopped';
    const isOurs = before !== undefined && samePath(before.binaryPath, driver);
    const sameDriver = await this.#isThere(build.driver.sys, driver);
    if (!(await this.#isThere(build.application.exe, application))) {
      await this.#replace(build.application.exe, application);
    }
    if (starts && sameDriver && isOurs && before.state === 'running') {
      return { uploaded: this.#uploaded, replaced: false, service: before };
    }
    if (isRunning) await this.#stopOld();
    if (!sameDriver) await this.#replace(build.driver.sys, driver);
    const made = isOurs ? { ...before, state: 'stopped' as const } : await this.#makeService(before, driver);
    if (!starts) return { uploaded: this.#uploaded, replaced: isRunning, service: made };
    // Also when the start is cut: what it began is stopped.
    this.#undo.push(async (operation) => {
      await this.#service.stop(operation);
    });
    const service = await this.#service.start(this.#operation);
    throwIfCancelled(this.#operation.signal);
    return { uploaded: this.#uploaded, replaced: isRunning, service };
  }

  async #stopOld(): Promise<void> {
    this.#undo.push(async (operation) => {
      const now = await this.#service.query(operation);
      if (now?.state === 'stopped') await this.#service.start(operation);
    });
    try {
      await this.#service.stop(this.#operation);
    } catch (error) {
      // It cannot be started again to any good: it would hang or fault once more.
      if (isDriversOwnFailure(error)) this.#undo.pop();
      throw error;
    }
  }

  async #makeService(before: ServiceStatus | undefined, driver: string): Promise<ServiceStatus> {
    if (before !== undefined) {
      await this.#service.remove(this.#operation);
      this.#undo.push(async (operation) => {
        await this.#service.create(before.binaryPath, operation);
      });
    }
    this.#undo.push((operation) => this.#service.remove(operation));
    return this.#service.create(driver, this.#operation);
  }

  /** The file that was there is kept beside until all has gone well. */
  async #replace(hostPath: string, path: string): Promise<void> {
    const name = path.slice(path.lastIndexOf('\\') + 1);
    this.#operation.progress(`Copying ${name} to the target`);
    const { signal } = this.#operation;
    const { entry } = await this.#client.request('file/stat', { path }, { signal });
    this.#undo.push(async (operation) => {
      const old = await this.#client.request('file/stat', { path: oldOf(path) }, { signal: operation.signal });
      if (old.entry !== undefined) {
        await this.#remove(path, operation);
        await this.#client.request('file/rename', { from: oldOf(path), to: path }, { signal: operation.signal });
      } else if (entry === undefined) await this.#remove(path, operation);
    });
    if (entry !== undefined) {
      await this.#remove(oldOf(path), this.#operation);
      await this.#client.request('file/rename', { from: path, to: oldOf(path) }, { signal });
    }
    await this.#target.upload(hostPath, path, this.#operation);
    this.#uploaded.push(path);
  }

  /** A deployment that was cut off (a crash, a lost link) may have left the old file aside and no new one. */
  async #recover(): Promise<void> {
    const { signal } = this.#operation;
    for (const path of Object.values(this.#paths) as string[]) {
      const old = await this.#client.request('file/stat', { path: oldOf(path) }, { signal });
      if (old.entry === undefined) continue;
      const { entry } = await this.#client.request('file/stat', { path }, { signal });
      if (entry === undefined) {
        await this.#client.request('file/rename', { from: oldOf(path), to: path }, { signal });
      }
    }
  }

  async #isThere(hostPath: string, path: string): Promise<boolean> {
    const { signal } = this.#operation;
    const [ours, theirs] = await Promise.all([
      hashOf(hostPath),
      this.#client.request('file/hash', { path }, { signal }),
    ]);
    return ours === theirs.sha256?.toLowerCase();
  }

  async #remove(path: string, operation: Operation): Promise<void> {
    await this.#client.request('file/remove', { path }, { signal: operation.signal });
  }

  /** @returns the error to throw: the one that came, with what could not be put back */
  async #putBack(thrown: unknown): Promise<Error> {
    const error = asError(thrown);
    const operation = cleanupOperation(this.#operation, PUT_BACK_TIMEOUT_MS);
    if (this.#undo.length > 0) operation.progress('Putting the target back as it was');
    const failures: string[] = [];
    for (const undo of this.#undo.reverse()) {
      try {
        await undo(operation);
      } catch (failure) {
        if (!isDriversOwnFailure(failure)) failures.push(asError(failure).message);
      }
    }
    if (failures.length === 0) return error;
    const first = error instanceof EventscopeError ? error : undefined;
    return new EventscopeError({
      id: first?.id ?? 'deploy.notPutBack',
      what: first?.what ?? 'Deploying was cut off',
      target: this.#target.name,
      ...(first?.why === undefined ? {} : { why: first.why }),
      next: `The target could not be put back (${failures.join('; ')}). Run "eventscope undeploy" when it can be reached.`,
      data: { ...first?.data, notPutBack: failures },
      cause: error,
    });
  }
}

/** The service database may hold the NT form of a path, and Windows ignores case. */
function samePath(a: string, b: string): boolean {
  const plain = (path: string): string =>
    path
      .replace(/^\\\?\?\\/, '')
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase();
  return plain(a) === plain(b);
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
