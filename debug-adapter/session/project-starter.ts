/**
 * What a session debugs on a project's target: built and deployed where the configuration says so, the driver by its host process, the
 * application launched or attached to, both through one agent of the session's own.
 */
import path from 'node:path';
import { describeServiceStartError } from '../../machine/status.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { build, type BuildResult } from '../../target/build.js';
import { deploy, deployedPaths } from '../../target/deploy.js';
import { DriverService, win32CodeOf } from '../../target/driver-service.js';
import { loadProject, type Project } from '../../target/project.js';
import type { Operation, Target } from '../../target/target.js';
import { acquireTargetLock } from '../../target/target-lock.js';
import { versionsOf } from '../../target/traced-run.js';
import { openTarget } from '../../target/targets.js';
import { SymbolWorker } from '../symbols/symbol-worker.js';
import { startDriver, type StartedDriver } from '../win32/driver-start.js';
import { Win32Engine } from '../win32/win32-engine.js';
import type { AttachConfiguration, Configuration } from './configuration.js';
import type { Debuggee, DebuggeeStarter, RecordingIdentity, StartOperation } from './debuggee.js';
import { ImageSymbols } from './image-symbols.js';
import { startKernelDebuggee } from './kernel-debuggee.js';

export class ProjectStarter implements DebuggeeStarter {
  readonly #folder: string | undefined;

  /** @param folder of the project, when a configuration names none */
  constructor(folder?: string) {
    this.#folder = folder;
  }

  /** @throws EventscopeError of project, build, target, deployment or agent; CancelledError */
  async start(configuration: Configuration, operation: StartOperation): Promise<Debuggee> {
    if (configuration.request === 'attach' && configuration.kd !== undefined) {
      return startKernelDebuggee(configuration, configuration.kd, this.#folder);
    }
    const project = await loadProject(requireFolder(configuration.project ?? this.#folder));
    const target = await openTarget(project, configuration.target);
    const wantsBuild = configuration.request === 'launch' && configuration.build;
    const building = wantsBuild ? build(project, operation) : Promise.resolve(undefined);
    // Whoever fails first, the other is waited for: nothing goes on behind the session's back.
    const [built, connected] = await Promise.allSettled([building, connect(target, operation)]);
    if (built.status === 'rejected' || connected.status === 'rejected') {
      if (connected.status === 'fulfilled') await connected.value.close();
      throw built.status === 'rejected' ? built.reason : (connected as PromiseRejectedResult).reason;
    }
    const client = connected.value;
    try {
      if (configuration.request === 'launch' && configuration.deploy && built.value !== undefined) {
        const starts = !configuration.stopAtDriverEntry;
        await deploy(target, client, project, built.value, operation, { starts });
      }
      return new ProjectDebuggee({ configuration, project, target, client, built: built.value });
    } catch (error) {
      await client.close();
      throw error;
    }
  }
}

function requireFolder(folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new EventscopeError({
    id: 'debug.project',
    what: 'No project is named',
    next: 'Set "project" of the launch configuration to the folder of a project.',
  });
}

async function connect(target: Target, operation: Operation): Promise<AgentClient> {
  await target.start(operation);
  return target.connect(operation);
}

interface Parts {
  readonly configuration: Configuration;
  readonly project: Project;
  readonly target: Target;
  readonly client: AgentClient;
  readonly built: BuildResult | undefined;
}

/** Windows: the last part of a path. */
const fileName = (file: string): string => file.slice(Math.max(file.lastIndexOf('\\'), file.lastIndexOf('/')) + 1);

class ProjectDebuggee implements Debuggee {
  readonly engines: readonly Win32Engine[];
  readonly projectFolder: string;
  readonly recording: RecordingIdentity;
  readonly symbols: ImageSymbols;
  readonly programs: { readonly application?: string; readonly driver?: string };
  readonly #parts: Parts;
  readonly #engine: Win32Engine;
  readonly #worker: SymbolWorker;
  /** Started under the debugger. */
  #driver: StartedDriver | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { configuration, project, target, client, built } = parts;
    this.#engine = new Win32Engine(client);
    this.engines = [this.#engine];
    this.projectFolder = project.folder;
    const { name: title } = project.driver;
    const { stateFolder } = project;
    const recorded = { target: target.name, title, driver: `${title}.sys`, stateFolder };
    this.recording = { ...recorded, versions: () => versionsOf(client) };
    const outputs = path.join(project.stateFolder, 'build', 'default');
    const ntSymbolPath = process.env['_NT_SYMBOL_PATH'];
    this.#worker = new SymbolWorker({
      settings: {
        symbolPath: [...configuration.symbolPath, outputs],
        ...(ntSymbolPath === undefined ? {} : { ntSymbolPath }),
        useSymbolServers: configuration.symbolPath.some((element) => /^(?:srv|symsrv)\*/i.test(element)),
        cacheFolder: path.join(project.stateFolder, 'symbols'),
      },
    });
    const application = `${project.application.name}.exe`.toLowerCase();
    const driver = `${project.driver.name}.sys`.toLowerCase();
    this.symbols = new ImageSymbols(
      this.#worker,
      new Map(
        built === undefined
          ? []
          : [
              [application, built.application.exe],
              [driver, built.driver.sys],
            ],
      ),
    );
    this.programs = {
      ...(configuration.application === false ? {} : { application: applicationName(configuration, application) }),
      ...(configuration.driver ? { driver } : {}),
    };
  }

  async attach(operation: StartOperation): Promise<void> {
    const { configuration } = this.#parts;
    await this.#engine.freezeOthers(configuration.freezeOtherSide);
    if (configuration.driver) {
      const lock = { role: 'debugger', subject: this.#parts.project.driver.service } as const;
      // Held until our agent ends: nobody replaces the driver meanwhile.
      await acquireTargetLock(this.#parts.client, lock, `debugging ${this.#parts.project.driver.name}`, operation);
      if (!this.#startsDriver) await this.#attachToDriver(operation);
    }
    if (configuration.request === 'attach' && configuration.application !== false) {
      await this.#attachToApplication(configuration, operation);
    }
    if (configuration.request === 'attach' && this.#engine.processes().length === 0) {
      throw new EventscopeError({
        id: 'debug.nothing',
        what: 'There is nothing to attach to',
        target: this.#parts.target.name,
        why: 'neither the driver nor the application runs',
        next: 'Deploy the driver or start the application, or use a launch configuration.',
      });
    }
  }

  async begin(operation: StartOperation): Promise<void> {
    const { configuration, project, target } = this.#parts;
    if (this.#startsDriver) await this.#startDriver(operation);
    if (configuration.request !== 'launch' || configuration.application === false) return;
    const { application } = configuration;
    const program = programPath(target, application.program) ?? deployedPaths(target, project).application;
    operation.progress(`Starting ${fileName(program)} ${application.arguments.join(' ')}`.trimEnd());
    await this.#engine.launch(
      {
        program,
        arguments: application.arguments,
        environment: application.environment,
        ...(application.workingFolder === undefined ? {} : { workingFolder: application.workingFolder }),
      },
      { signal: operation.signal },
    );
  }

  setExceptions(codes: readonly number[]): Promise<void> {
    return this.#engine.stopOnExceptions(codes);
  }

  async terminate(): Promise<void> {
    await this.#release(() => this.#engine.terminate());
  }

  async detach(): Promise<void> {
    await this.#release(() => this.#engine.detach());
  }

  async #release(leave: () => Promise<void>): Promise<void> {
    try {
      await leave();
      await this.#driver?.close();
    } finally {
      await this.#parts.client.close();
      await this.#worker.dispose();
    }
  }

  get #startsDriver(): boolean {
    const { configuration } = this.#parts;
    return configuration.request === 'launch' && configuration.stopAtDriverEntry;
  }

  /** Settles when the driver runs: however long it was stopped in its DriverEntry. */
  async #startDriver(operation: StartOperation): Promise<void> {
    const { project, target, client } = this.#parts;
    const { name, service } = project.driver;
    await new DriverService(target, client, service).stop(operation);
    operation.progress(`Starting ${service} under the debugger`);
    this.#driver = await startDriver(this.#engine, client, service, { signal: operation.signal });
    try {
      await this.#driver.running;
    } catch (error) {
      const code = win32CodeOf(error);
      if (code === undefined) throw error;
      throw new EventscopeError({
        id: 'driver.start',
        what: `The driver ${name} did not start`,
        target: target.name,
        ...describeServiceStartError(code),
        data: { code },
        cause: error,
      });
    }
  }

  async #attachToDriver(operation: StartOperation): Promise<void> {
    const { project, target, client, configuration } = this.#parts;
    const service = new DriverService(target, client, project.driver.service);
    const status = await service.query(operation);
    if (status?.state !== 'running') {
      operation.output(`The driver ${project.driver.name} does not run: only the application is debugged.`);
      return;
    }
    if (status.processId === 0) {
      operation.output(
        `The driver ${project.driver.name} runs in the kernel of ${target.name}, which needs a kernel debugging link; only the application is debugged.`,
      );
      if (configuration.application === false) {
        throw new EventscopeError({
          id: 'debug.noKernelLink',
          what: 'The driver cannot be debugged',
          target: target.name,
          why: 'it runs in the kernel, and the target has no kernel debugging link',
          next: 'Describe the link in the settings of the target, or debug the application.',
        });
      }
      return;
    }
    await this.#engine.attach(status.processId, { signal: operation.signal });
  }

  async #attachToApplication(configuration: AttachConfiguration, operation: StartOperation): Promise<void> {
    const { client } = this.#parts;
    const { signal } = operation;
    const wanted = configuration.application;
    if (wanted === false) return;
    if (wanted.processId !== undefined) {
      await this.#engine.attach(wanted.processId, { signal });
      return;
    }
    const name = (wanted.name ?? `${this.#parts.project.application.name}.exe`).toLowerCase();
    const { processes } = await client.request('process/list', {}, { signal });
    const found = processes.filter((process) => fileName(process.name).toLowerCase() === name);
    if (found.length === 0) operation.output(`${name} does not run: only the driver is debugged.`);
    for (const { process } of found) await this.#engine.attach(process, { signal });
  }
}

function applicationName(configuration: Configuration, usual: string): string {
  const { application } = configuration;
  if (application === false) return usual;
  const given = 'program' in application ? application.program : 'name' in application ? application.name : undefined;
  return given === undefined ? usual : fileName(given).toLowerCase();
}

/** A name without a folder is of our folder of programs on the target. */
function programPath(target: Target, program: string | undefined): string | undefined {
  if (program === undefined || /[\\/]/.test(program)) return program;
  return `${target.folder}\\bin\\${program}`;
}
