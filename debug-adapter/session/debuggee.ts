/**
 * What a session debugs, once it is there: engines with processes in them, where symbols come from, and how it is started and ended.
 * Building, deploying and connecting happen before; see start-debuggee.ts for the targets of a project.
 */
import type { X64Context } from '../../machine/x64-context.js';
import type { Engine, EngineModule, SpaceId } from '../engine.js';
import type { KernelViews } from '../kd/kernel-views.js';
import type { ModuleSymbols } from '../symbols/symbol-provider.js';
import type { MemoryAccess } from '../variables/value.js';
import type { Configuration } from './configuration.js';

/** What the user sees while something is made ready. */
export interface StartOperation {
  readonly signal: AbortSignal;
  progress(message: string): void;
  /** A line for the debug console. */
  output(text: string): void;
}

export interface SymbolLoader {
  /**
   * Symbols of one image of the target. Never fails for want of symbols: what is missing is told in `searched`.
   * @param memory of the image's address space, for what its file is not needed for
   */
  load(module: EngineModule, memory: MemoryAccess, signal: AbortSignal): Promise<ModuleSymbols>;
}

/** Registers of a caller, as far as its callees have preserved them. */
export interface CallerFrame {
  readonly context: X64Context;
  /** RIP is the instruction itself (an interrupted frame); else the call is before it. */
  readonly isExact: boolean;
}

/** Walks a stack by the images' own unwind data. */
export interface StackUnwinder {
  /**
   * The callers, innermost first, without the frame of the given registers; ends where the stack ends or cannot be followed.
   * @param limit of frames
   */
  callers(
    space: SpaceId,
    registers: X64Context,
    modules: readonly EngineModule[],
    memory: MemoryAccess,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly CallerFrame[]>;
}

/** What a recording of it says of itself, and where it is kept. */
export interface RecordingIdentity {
  readonly target: string;
  readonly title: string;
  /** File name of the driver, whose calls are those of the kernel's side; undefined: of any module that is not the system's. */
  readonly driver?: string;
  /** Host folder: the project's own for what we make. */
  readonly stateFolder: string;
  /** What took part and its version. */
  versions(): Promise<Readonly<Record<string, string>>>;
}

/** A kernel whose memory tells what views show while it is stopped. */
export interface KernelViewsOfEngine {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly views: KernelViews;
}

export interface Debuggee {
  readonly engines: readonly Engine[];
  /** Undefined: none of them has a kernel's memory. */
  readonly kernel?: KernelViewsOfEngine;
  /** Undefined: it is of no project. */
  readonly recording?: RecordingIdentity;
  /** Host folder that relative names in PDBs are relative to. */
  readonly projectFolder: string | undefined;
  readonly symbols: SymbolLoader;
  /** File names (lower case) of the program and the driver, for stopping at their entry. */
  readonly programs: { readonly application?: string; readonly driver?: string };
  /** Attaches to what runs already; breakpoints are set in it before anything else begins. */
  attach(operation: StartOperation): Promise<void>;
  /** Starts what is to be started. Breakpoints are known and stopOnLoad is set: modules stop as they load. */
  begin(operation: StartOperation): Promise<void>;
  /** First-chance exceptions that stop, by code. */
  setExceptions(codes: readonly number[]): Promise<void>;
  /** Ends what was launched and releases everything of ours. */
  terminate(): Promise<void>;
  /** Leaves everything running and releases everything of ours. */
  detach(): Promise<void>;
}

export interface DebuggeeStarter {
  /** @throws EventscopeError, CancelledError */
  start(configuration: Configuration, operation: StartOperation): Promise<Debuggee>;
}
