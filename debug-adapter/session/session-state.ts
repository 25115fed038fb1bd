/** What the requests of one session share. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Engine } from '../engine.js';
import { Breakpoints } from './breakpoints.js';
import type { KernelViewsOfEngine, StackUnwinder } from './debuggee.js';
import { ExceptionSettings } from './exceptions.js';
import type { Execution } from './execution.js';
import { HandleTree } from './handle-tree.js';
import { Inspector, type Container } from './inspector.js';
import { Inventory, type LoadedModule, type SessionThread } from './inventory.js';
import { SessionPoints } from './points/session-points.js';
import { runningError, staleError } from './protocol-error.js';
import { SourcePaths } from './source-paths.js';
import type { Frame } from './stacks.js';

/** A source that is not on this machine: what is shown in its place. */
export interface MissingSource {
  readonly file: string;
  readonly module: LoadedModule;
  readonly rva: number;
}

export class SessionState {
  readonly inventory = new Inventory();
  readonly inspector: Inspector;
  readonly breakpoints: Breakpoints;
  readonly exceptions = new ExceptionSettings();
  readonly points: SessionPoints;
  readonly missingSources = new HandleTree<MissingSource>();
  engines: readonly Engine[] = [];
  /** Undefined: no kernel is debugged. */
  kernel: KernelViewsOfEngine | undefined;
  paths = new SourcePaths({ projectFolder: undefined, sourceMap: {} });
  /** Undefined until there is something that can run. */
  execution: Execution | undefined;
  /** The space that a plain address is meant in: of the frame that the client looked at last. */
  focus: Pick<SessionThread, 'engine' | 'space'> | undefined;

  constructor(
    unwinder: StackUnwinder,
    breakpointChanged: (breakpoint: DebugProtocol.Breakpoint) => void,
    event: (name: string, body: object) => void,
  ) {
    this.inspector = new Inspector(this.inventory, unwinder);
    this.points = new SessionPoints(this.inventory, this.inspector, (file) => this.paths.toHost(file), event);
    this.breakpoints = new Breakpoints(
      this.inventory,
      () => this.engines,
      () => this.paths,
      breakpointChanged,
    );
  }

  /** @throws EventscopeError `debug.running`, `debug.stale` */
  stoppedThread(id: number): SessionThread {
    this.#requireStopped();
    const thread = this.inventory.threadById(id);
    if (thread === undefined) throw staleError();
    return thread;
  }

  /** @throws EventscopeError `debug.running`, `debug.stale` */
  container(reference: number): Container {
    this.#requireStopped();
    const container = this.inspector.containers.get(reference);
    if (container === undefined) throw staleError();
    return container;
  }

  /** A frame that a request names, or the innermost one of the stop. */
  async frame(id: number | undefined): Promise<Frame> {
    const stop = this.#requireStopped();
    if (id !== undefined) {
      const frame = this.inspector.frame(id);
      this.focus = frame.thread;
      return frame;
    }
    const [top] = stop.thread === undefined ? [] : await this.inspector.stacks.top(stop.thread);
    if (top === undefined) throw staleError();
    return top;
  }

  #requireStopped(): NonNullable<Execution['stop']> {
    if (this.execution === undefined) throw runningError();
    return this.execution.requireStopped();
  }

  /** A file as DAP names it: its path here, or a reference to what is told of it instead. */
  source(file: string, module: LoadedModule, rva: number): DebugProtocol.Source {
    const path = this.paths.toHost(file);
    const name = file.replace(/^.*[\\/]/, '');
    if (path !== undefined) return { name, path };
    const sourceReference = this.missingSources.add(0, `${module.id}/${file}`, { file, module, rva });
    return { name, sourceReference, origin: 'not on this machine', presentationHint: 'deemphasize' };
  }
}
