/**
 * What a session debugs, once it is there: engines with processes in them, where symbols come from, and how it is started and ended.
 * Building, deploying and connecting happen before; see start-debuggee.ts for the targets of a project.
 */
import type { X64Context } from '../../machine/x64-context.js';
import type { Engine, EngineModule, SpaceId } from '../engine.js';
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

/** Walks a stack by the images' own unwind data. */
export interface StackUnwinder {
  /**
   * Registers of each caller, innermost first, without the given ones; ends where the stack ends or cannot be followed.
   * @param limit of frames
   */
  callers(
    space: SpaceId,
    registers: X64Context,
    modules: readonly EngineModule[],
    memory: MemoryAccess,
    limit: number,
  ): Promise<readonly X64Context[]>;
}

export interface Debuggee {
  readonly engines: readonly Engine[];
  /** Host folder that relative names in PDBs are relative to. */
  readonly projectFolder: string | undefined;
  readonly symbols: SymbolLoader;
  readonly unwinder: StackUnwinder;
  /** File names (lower case) of the program and the driver, for stopping at their entry. */
  readonly programs: { readonly application?: string; readonly driver?: string };
  /**
   * Starts or lets go what is to be debugged. Breakpoints are known by now and stopOnLoad is set: modules stop as they load.
   */
  run(operation: StartOperation): Promise<void>;
  /** Ends what was launched and releases everything of ours. */
  terminate(): Promise<void>;
  /** Leaves everything running and releases everything of ours. */
  detach(): Promise<void>;
}

export interface DebuggeeStarter {
  /** @throws EventscopeError, CancelledError */
  start(configuration: Configuration, operation: StartOperation): Promise<Debuggee>;
}
