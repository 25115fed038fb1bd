/**
 * A kernel over its debugging link: one engine has the kernel, its drivers and the named processes. Nothing waits for an agent: while
 * the machine is stopped there is none that could answer.
 */
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { loadProject, type Project } from '../../target/project.js';
import type { EngineModule } from '../engine.js';
import { KdEngine } from '../kd/kd-engine.js';
import { KERNEL_SPACE } from '../kd/kernel-inventory.js';
import { KernelViews } from '../kd/kernel-views.js';
import { openCarrier } from '../kd/open-target.js';
import { SessionRecorder } from '../kd/replay/recording.js';
import { ServedFolder } from '../kd/served-folder.js';
import type { ModuleSymbols } from '../symbols/symbol-provider.js';
import { SymbolWorker } from '../symbols/symbol-worker.js';
import type { MemoryAccess } from '../variables/value.js';
import type { AttachConfiguration, KernelLink } from './configuration.js';
import type { Debuggee, RecordingIdentity, KernelViewsOfEngine, StartOperation, SymbolLoader } from './debuggee.js';
import { ImageSymbols } from './image-symbols.js';

/** Without a project: symbols and the journal of breakpoints. */
const USER_FOLDER = path.join(homedir(), '.eventscope');

/**
 * @param folder that may be a project, when the configuration names none
 * @throws EventscopeError of the project or the address
 */
export async function startKernelDebuggee(
  configuration: AttachConfiguration,
  link: KernelLink,
  folder: string | undefined,
): Promise<Debuggee> {
  return new KernelDebuggee(configuration, link, await projectOf(configuration, folder));
}

/** A kernel can be debugged from any folder; a project that was named must be one. */
async function projectOf(configuration: AttachConfiguration, folder: string | undefined): Promise<Project | undefined> {
  const named = configuration.project ?? folder;
  if (named === undefined) return undefined;
  try {
    return await loadProject(named);
  } catch (error) {
    if (configuration.project === undefined && error instanceof EventscopeError) return undefined;
    throw error;
  }
}

class KernelDebuggee implements Debuggee {
  readonly engines: readonly KdEngine[];
  readonly kernel: KernelViewsOfEngine;
  readonly projectFolder: string | undefined;
  readonly symbols: KernelSymbols;
  readonly programs: { readonly application?: string; readonly driver?: string };
  readonly recording: RecordingIdentity;
  readonly #configuration: AttachConfiguration;
  readonly #link: KernelLink;
  readonly #project: Project | undefined;
  readonly #engine: KdEngine;
  readonly #worker: SymbolWorker;
  readonly #recorder: SessionRecorder | undefined;
  readonly #folder: ServedFolder | undefined;
  /** What is odd about the target's side of the protocol is told once there is somebody to tell. */
  #output: (text: string) => void = () => undefined;

  constructor(configuration: AttachConfiguration, link: KernelLink, project: Project | undefined) {
    this.#configuration = configuration;
    this.#link = link;
    this.#project = project;
    this.projectFolder = project?.folder;
    const state = project?.stateFolder ?? USER_FOLDER;
    this.#recorder =
      link.record === undefined
        ? undefined
        : new SessionRecorder(link.record, { target: link.connect.replace(/key=[^,]*/, 'key=') });
    this.#folder = link.files === undefined ? undefined : new ServedFolder(link.files);
    this.recording = {
      ...{ target: link.connect.replace(/key=[^,]*/, 'key='), title: 'kernel', stateFolder: state },
      // The kernel's own version is part of what it tells of itself.
      versions: () => Promise.resolve({ kernel: `build ${this.#engine.inventory.version?.buildNumber ?? 0}` }),
    };
    const carrier = openCarrier(link.connect, this.#recorder?.tap);
    this.#engine = new KdEngine({
      carrier,
      target: carrier.description,
      breakIn: link.breakIn,
      // Once processes and their threads are known, and breakpoints are set.
      tellsAttachStop: false,
      journalDirectory: path.join(state, 'kd'),
      log: (text) => this.#output(text),
      ...(this.#folder === undefined ? {} : { files: this.#folder.answer }),
    });
    this.engines = [this.#engine];
    this.kernel = { engine: this.#engine, space: KERNEL_SPACE, views: new KernelViews(this.#engine) };
    const ntSymbolPath = process.env['_NT_SYMBOL_PATH'];
    const outputs = project === undefined ? [] : [path.join(project.stateFolder, 'build', 'default')];
    this.#worker = new SymbolWorker({
      settings: {
        symbolPath: [...configuration.symbolPath, ...outputs],
        ...(ntSymbolPath === undefined ? {} : { ntSymbolPath }),
        useSymbolServers: configuration.symbolPath.some((element) => /^(?:srv|symsrv)\*/i.test(element)),
        cacheFolder: path.join(state, 'symbols'),
      },
    });
    this.symbols = new KernelSymbols(new ImageSymbols(this.#worker, new Map()), this.#engine);
    const application = this.#application();
    this.programs = {
      ...(application === undefined ? {} : { application }),
      ...(project === undefined ? {} : { driver: `${project.driver.name}.sys`.toLowerCase() }),
    };
  }

  async attach(operation: StartOperation): Promise<void> {
    this.#output = (text) => operation.output(text);
    if (this.#link.files !== undefined) await access(this.#link.files);
    operation.progress(`Waiting for the kernel at ${this.#engine.target}`);
    await this.#engine.attach(operation.signal);
    const { kernelBase, buildNumber } = this.#engine.inventory.version ?? {};
    operation.output(`Connected to the kernel, build ${buildNumber ?? 'not known'}`);
    if (this.#engine.modules(KERNEL_SPACE).some(({ base }) => base === kernelBase)) {
      // The offsets in its PDB decide before the tables do.
      await Promise.race([this.symbols.kernelLoaded, aborted(operation.signal)]);
    }
    await this.#openProcesses(operation);
  }

  /** Everything is set: a machine that was stopped for that alone goes on, unless it is to stay so. */
  async begin(): Promise<void> {
    await this.#engine.release(this.#link.stopOnAttach);
  }

  /** Exceptions reach a kernel debugger when nobody else handles them: there is nothing to choose. */
  setExceptions(): Promise<void> {
    return Promise.resolve();
  }

  terminate(): Promise<void> {
    return this.detach();
  }

  async detach(): Promise<void> {
    try {
      await this.#engine.detach();
    } finally {
      await this.#worker.dispose();
      await this.#folder?.close();
      await this.#recorder?.close();
    }
  }

  #application(): string | undefined {
    const { application } = this.#configuration;
    if (application === false) return undefined;
    if (application.name !== undefined) return application.name.toLowerCase();
    return this.#project === undefined ? undefined : `${this.#project.application.name}.exe`.toLowerCase();
  }

  async #openProcesses(operation: StartOperation): Promise<void> {
    const { application } = this.#configuration;
    const id = application === false ? undefined : application.processId;
    const names = [...this.#link.processes.map((name) => name.toLowerCase())];
    const own = this.#application();
    if (own !== undefined && id === undefined) names.push(own);
    if (names.length === 0 && id === undefined) return;
    const isWanted = id === undefined ? () => false : (processId: number): boolean => processId === id;
    const found = new Set<string>();
    try {
      for (const process of await this.#engine.inventory.listProcesses()) {
        // The kernel keeps the first characters of the name alone.
        const name = names.find((each) => each === process.name.toLowerCase() || isCut(process.name, each));
        if (name === undefined && !isWanted(process.processId)) continue;
        await this.#engine.inventory.openProcess(process);
        if (name !== undefined) found.add(name);
      }
    } catch (error) {
      // Kernels whose structures are not known can still be debugged; what is missing is told.
      if (!(error instanceof EventscopeError) || error.id !== 'debug.ntLayout') throw error;
      operation.output(`Processes cannot be debugged: ${error.message}`);
      return;
    }
    for (const name of names)
      if (!found.has(name)) operation.output(`${name} does not run: only the kernel is debugged.`);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(new CancelledError());
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** EPROCESS.ImageFileName has 15 bytes with the 0 at its end. */
const NAME_CHARACTERS = 14;
const isCut = (kept: string, whole: string): boolean =>
  whole.length > NAME_CHARACTERS && kept.toLowerCase() === whole.slice(0, NAME_CHARACTERS);

/** The kernel's own PDB tells the offsets of its structures, which no table can for every build. */
class KernelSymbols implements SymbolLoader {
  /** The kernel's symbols are there, or are known to be nowhere. */
  readonly kernelLoaded: Promise<void>;
  #tellLoaded: () => void = () => undefined;
  readonly #images: ImageSymbols;
  readonly #engine: KdEngine;

  constructor(images: ImageSymbols, engine: KdEngine) {
    this.#images = images;
    this.#engine = engine;
    this.kernelLoaded = new Promise((resolve) => {
      this.#tellLoaded = resolve;
    });
  }

  async load(module: EngineModule, memory: MemoryAccess, signal: AbortSignal): Promise<ModuleSymbols> {
    const { inventory } = this.#engine;
    const isKernel = module.space === KERNEL_SPACE && module.base === inventory.version?.kernelBase;
    try {
      const symbols = await this.#images.load(module, memory, signal);
      if (isKernel && symbols.source === 'pdb') await inventory.useSymbols(symbols);
      return symbols;
    } finally {
      if (isKernel) this.#tellLoaded();
    }
  }
}
