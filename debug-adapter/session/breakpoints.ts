/** All breakpoints of a session: what the client asked for, kept in agreement with what is set in the target. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { EventscopeError } from '../../protocol/errors.js';
import type { BreakpointId, BreakpointRequest, Engine, SpaceId } from '../engine.js';
import { formatReference } from './addresses.js';
import { SessionBreakpoint, type BreakpointOptions, type BreakpointSpec, type Site } from './breakpoint.js';
import { symbolStatus, type Inventory, type LoadedModule } from './inventory.js';
import type { SourcePaths } from './source-paths.js';

export interface BreakpointRequestItem {
  readonly spec: BreakpointSpec;
  readonly options: BreakpointOptions;
}

interface Place {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly address: bigint;
  readonly module: LoadedModule | undefined;
  readonly line: number | undefined;
}

/** A name with a `*` is set at no more functions than this. */
const MAX_FUNCTIONS = 64;

export class Breakpoints {
  /** By what replaces them together: `source <path>`, `function`, `instruction`, `data`. */
  readonly #groups = new Map<string, SessionBreakpoint[]>();
  readonly #inventory: Inventory;
  readonly #engines: () => readonly Engine[];
  readonly #paths: () => SourcePaths;
  readonly #changed: (breakpoint: DebugProtocol.Breakpoint) => void;
  #nextId = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    inventory: Inventory,
    engines: () => readonly Engine[],
    paths: () => SourcePaths,
    changed: (breakpoint: DebugProtocol.Breakpoint) => void,
  ) {
    this.#inventory = inventory;
    this.#engines = engines;
    this.#paths = paths;
    this.#changed = changed;
  }

  /** Replaces a group; what is the same stays set. */
  replace(group: string, items: readonly BreakpointRequestItem[]): Promise<DebugProtocol.Breakpoint[]> {
    return this.#serial(async () => {
      const before = [...(this.#groups.get(group) ?? [])];
      const wanted = items.map(({ spec, options }) => {
        const index = before.findIndex((candidate) => candidate.isSame(spec, options));
        const kept = index < 0 ? undefined : before.splice(index, 1)[0];
        return { breakpoint: kept ?? new SessionBreakpoint(this.#nextId++, spec, options), isNew: kept === undefined };
      });
      this.#groups.set(
        group,
        wanted.map(({ breakpoint }) => breakpoint),
      );
      await this.#removeSites(before.flatMap(({ sites }) => sites));
      for (const { breakpoint, isNew } of wanted) if (isNew) await this.#set(breakpoint);
      return wanted.map(({ breakpoint }) => this.#toDap(breakpoint));
    });
  }

  /** A module was loaded: what waits for it is set. Settles when that is done. */
  bind(module: LoadedModule): Promise<void> {
    return this.#serial(async () => {
      for (const breakpoint of this.#all()) {
        if (breakpoint.spec.kind !== 'source' && breakpoint.spec.kind !== 'function') continue;
        const places = await this.#placesIn(breakpoint.spec, module);
        if (places.length > 0) {
          await this.#insert(breakpoint, places);
          this.#changed(this.#toDap(breakpoint));
        }
      }
    });
  }

  /** A module is gone, and with it what was set in it. */
  unbind(module: LoadedModule): Promise<void> {
    return this.#serial(() => {
      for (const breakpoint of this.#all()) {
        const left = breakpoint.sites.filter((site) => site.module !== module);
        if (left.length === breakpoint.sites.length) continue;
        breakpoint.sites = left;
        this.#changed(this.#toDap(breakpoint));
      }
      return Promise.resolve();
    });
  }

  /** The engine could not keep one. */
  lost(engine: Engine, id: BreakpointId, why: string): void {
    for (const breakpoint of this.#all()) {
      const left = breakpoint.sites.filter((site) => site.engine !== engine || site.breakpoint !== id);
      if (left.length === breakpoint.sites.length) continue;
      breakpoint.sites = left;
      breakpoint.trouble = why;
      this.#changed(this.#toDap(breakpoint));
    }
  }

  /** Those of the client that a stop of the engine is of. */
  hitBy(engine: Engine, ids: readonly BreakpointId[]): SessionBreakpoint[] {
    return this.#all().filter(({ sites }) =>
      sites.some((site) => site.engine === engine && ids.includes(site.breakpoint)),
    );
  }

  /** Everything that was set is gone with its target: all wait again. */
  forgetSites(): Promise<void> {
    return this.#serial(() => {
      for (const breakpoint of this.#all()) {
        const isOfAddress = breakpoint.spec.kind === 'instruction' || breakpoint.spec.kind === 'data';
        if (isOfAddress) breakpoint.trouble = 'its address is of a process that has ended';
        const wasSet = breakpoint.sites.length > 0;
        breakpoint.sites = [];
        breakpoint.hits = 0;
        if (wasSet) this.#changed(this.#toDap(breakpoint));
      }
      return Promise.resolve();
    });
  }

  /** When all that goes on is done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #all(): SessionBreakpoint[] {
    return [...this.#groups.values()].flat();
  }

  async #set(breakpoint: SessionBreakpoint): Promise<void> {
    if (breakpoint.mistake !== undefined) return;
    const { spec } = breakpoint;
    if (spec.kind === 'instruction' || spec.kind === 'data') {
      const module = this.#inventory.moduleAt(spec.engine, spec.space, spec.address);
      const { engine, space, address } = spec;
      await this.#insert(breakpoint, [{ engine, space, address, module, line: undefined }]);
      return;
    }
    for (const module of [...this.#inventory.modules()]) {
      await this.#insert(breakpoint, await this.#placesIn(spec, module));
    }
  }

  async #placesIn(
    spec: Extract<BreakpointSpec, { kind: 'source' | 'function' }>,
    module: LoadedModule,
  ): Promise<Place[]> {
    const { engine, symbols } = module;
    const { space, base } = module.module;
    const place = (rva: number, line?: number): Place => ({
      engine,
      space,
      address: base + BigInt(rva),
      module,
      line,
    });
    if (spec.kind === 'function') {
      const found = await functionsNamed(spec.name, module);
      return found.map((rva) => place(rva));
    }
    if (symbols.source !== 'pdb') return [];
    const paths = this.#paths();
    const found: Place[] = [];
    for (const file of await symbols.sourceFiles()) {
      if (!paths.isSame(file, spec.path)) continue;
      for (const { rva, source } of await symbols.addressesOfLine(file, spec.line)) found.push(place(rva, source.line));
    }
    return found;
  }

  async #insert(breakpoint: SessionBreakpoint, places: readonly Place[]): Promise<void> {
    const isThere = (place: Place): boolean =>
      breakpoint.sites.some(({ engine, space, address }) => {
        return engine === place.engine && space === place.space && address === place.address;
      });
    const missing = places.filter((place) => !isThere(place));
    for (const engine of new Set(missing.map((place) => place.engine))) {
      const own = missing.filter((place) => place.engine === engine);
      const answers = await engine.setBreakpoints(own.map((place) => requestFor(breakpoint, place)));
      own.forEach((place, index) => {
        const answer = answers[index];
        if (typeof answer === 'number') {
          breakpoint.sites.push({ ...place, breakpoint: answer });
          breakpoint.trouble = undefined;
        } else {
          breakpoint.trouble = answer instanceof Error ? answer.message : 'the target did not take it';
        }
      });
    }
    if (breakpoint.spec.kind === 'data' && breakpoint.sites.length > 0) {
      const { engine, space, address, length } = breakpoint.spec;
      breakpoint.before = (await engine.readMemory(space, [{ address, length }]))[0];
    }
  }

  async #removeSites(sites: readonly Site[]): Promise<void> {
    for (const engine of new Set(sites.map((site) => site.engine))) {
      const ids = sites.filter((site) => site.engine === engine).map((site) => site.breakpoint);
      await engine.removeBreakpoints(ids);
    }
  }

  #toDap(breakpoint: SessionBreakpoint): DebugProtocol.Breakpoint {
    return breakpoint.toDap(this.#pendingReason(breakpoint.spec), (site) => formatReference(this.#engines(), site));
  }

  /** What is missing, in words: the most likely reason first. */
  #pendingReason(spec: BreakpointSpec): string {
    if (spec.kind === 'function') return `no loaded module has a function ${spec.name}`;
    if (spec.kind !== 'source') return 'not set';
    const blind = this.#inventory
      .modules()
      .filter(({ symbols, module }) => symbols.source !== 'pdb' && /\.(sys|exe)$/i.test(module.name));
    const first = blind[0];
    const hint = first === undefined ? '' : `; ${first.module.name} has ${symbolStatus(first.symbols)}`;
    return `no loaded module has code of this file yet${hint}`;
  }

  /** One change at a time, in the order in which they were asked for. */
  #serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function requestFor(breakpoint: SessionBreakpoint, { space, address }: Place): BreakpointRequest {
  const { spec } = breakpoint;
  if (spec.kind === 'data') return { space, address, kind: spec.access, length: spec.length };
  return { space, address, kind: 'software' };
}

/** RVAs of the first instruction after the prologue. */
async function functionsNamed(name: string, module: LoadedModule): Promise<number[]> {
  const mark = name.indexOf('!');
  const file = module.module.name.toLowerCase();
  if (mark >= 0) {
    const wanted = name.slice(0, mark).toLowerCase();
    const isKernel = wanted === 'nt' && /^ntoskrnl|^ntkrnl/.test(file);
    if (!isKernel && file !== wanted && file.replace(/\.[^.]*$/, '') !== wanted) return [];
  }
  const plain = name.slice(mark + 1);
  const names = plain.endsWith('*')
    ? await module.symbols.namesBeginningWith(plain.slice(0, -1), MAX_FUNCTIONS)
    : [plain];
  const found = new Set<number>();
  for (const each of names) {
    for (const { bodyRva } of await module.symbols.functions(each)) found.add(bodyRva);
  }
  return [...found].slice(0, MAX_FUNCTIONS);
}

/** For a request of DAP whose arguments are not as they must be. */
export function argumentError(what: string): EventscopeError {
  return new EventscopeError({ id: 'debug.arguments', what });
}
