/**
 * Which points of the catalogue shall stop, and where that is set in the target. What is wished for is bound to each module that is
 * loaded; conditions go along, so that the target decides them.
 */
import {
  ConditionError,
  fieldsOf,
  parseFilter,
  type ConditionField,
  type Filter,
} from '../../../machine/conditions.js';
import { enteredBy, pointNamed, POINTS, type Point, type PointParameter } from '../../../machine/points.js';
import { EventscopeError } from '../../../protocol/errors.js';
import type { BreakpointId, BreakpointRequest, Engine, SpaceId } from '../../engine.js';
import { parseHitCondition, type HitCondition } from '../hit-condition.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, LoadedModule } from '../inventory.js';
import { functionExits, returnsIn } from '../../symbols/function-exits.js';
import { tellsByAddress } from './dispatcher-objects.js';
import type { PointAspect } from './point-filters.js';
import { stateWatch } from './state-watches.js';

export interface PointSite {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly module: LoadedModule;
  readonly address: bigint;
  /** What the user wished for. */
  readonly point: Point;
  /**
   * `entry`: its first instruction. `inner`: that of the native call by which Wine's kernel does it. `result`: where a wait returns. `state`:
   * the object's SignalState itself.
   */
  readonly at: 'entry' | 'inner' | 'result' | 'state';
  readonly breakpoint: BreakpointId;
}

export interface PointWish {
  /** Filter's or client's id, or that of a flow command. */
  readonly id: string;
  readonly aspect: PointAspect;
  readonly points: readonly Point[];
  readonly condition: string | undefined;
  readonly filter: Filter | undefined;
  readonly hitCondition: string | undefined;
  readonly stopsAt: HitCondition | undefined;
  /** Why it is never set. */
  readonly mistake: string | undefined;
  /** The calls of one line alone. */
  readonly place: { readonly path: string; readonly line: number } | undefined;
  sites: PointSite[];
  /** Why it is set nowhere, when the target refused it. */
  trouble: string | undefined;
  hits: number;
  /** Hits whose condition was refused here, and on the target by a site that is gone. */
  filtered: number;
}

/** A call without one of these is about no object whose name could be asked for. */
const OBJECT_PARAMETERS: ReadonlySet<PointParameter> = new Set([
  ...(['object', 'handle', 'objects', 'handles', 'signalHandle', 'waitHandle', 'sourceHandle'] as const),
  ...(['attributes', 'unicodeName'] as const),
]);
const STUB_BYTES = 64;
const NO_SIGNAL = new AbortController().signal;
const WAIT_STUBS = ['NtWaitForSingleObject', 'NtWaitForMultipleObjects', 'NtSignalAndWaitForSingleObject'];

/** A wish with its condition read. What does not parse is its mistake, to be told at the check box. */
export function makeWish(
  wish: Pick<PointWish, 'id' | 'aspect' | 'points'> &
    Partial<Pick<PointWish, 'condition' | 'hitCondition' | 'mistake' | 'place'>>,
): PointWish {
  const condition = wish.condition?.trim() === '' ? undefined : wish.condition;
  let filter: Filter | undefined;
  let { mistake } = wish;
  try {
    filter = condition === undefined ? undefined : parseFilter(condition);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    mistake = `The condition is not understood: ${error.message}`;
  }
  const hitCondition = wish.hitCondition?.trim() === '' ? undefined : wish.hitCondition;
  let stopsAt: HitCondition | undefined;
  try {
    stopsAt = hitCondition === undefined ? undefined : parseHitCondition(hitCondition);
  } catch (error) {
    if (!(error instanceof EventscopeError)) throw error;
    mistake = error.message;
  }
  const { id, aspect, points, place } = wish;
  const counters = { hits: 0, filtered: 0, sites: [], trouble: undefined };
  return { id, aspect, points, condition, filter, hitCondition, stopsAt, mistake, place, ...counters };
}

export class PointWishes {
  readonly #wishes = new Map<string, PointWish>();
  readonly #inventory: Inventory;
  readonly #inspector: Inspector;
  #last: Promise<unknown> = Promise.resolve();

  constructor(inventory: Inventory, inspector: Inspector) {
    this.#inventory = inventory;
    this.#inspector = inspector;
  }

  all(): readonly PointWish[] {
    return [...this.#wishes.values()];
  }

  /** Replaces the wishes of a group (ids with this beginning); what is the same stays set and keeps its counts. @returns them, in order */
  replace(prefix: string, wanted: readonly PointWish[]): Promise<readonly PointWish[]> {
    return this.#serial(async () => {
      const kept = wanted.map((wish) => {
        const before = this.#wishes.get(wish.id);
        return before !== undefined && isSame(before, wish) ? before : wish;
      });
      const over = this.all().filter((wish) => wish.id.startsWith(prefix) && !kept.includes(wish));
      for (const wish of over) {
        this.#wishes.delete(wish.id);
        await this.#remove(wish.sites);
      }
      for (const wish of kept) {
        if (this.#wishes.has(wish.id)) continue;
        this.#wishes.set(wish.id, wish);
        await this.#bindAll(wish, this.#inventory.modules());
      }
      return kept;
    });
  }

  bind(module: LoadedModule): Promise<void> {
    return this.#serial(async () => {
      for (const wish of this.#wishes.values()) await this.#bindAll(wish, [module]);
    });
  }

  unbind(module: LoadedModule): void {
    for (const wish of this.#wishes.values()) wish.sites = wish.sites.filter((site) => site.module !== module);
  }

  lost(engine: Engine, id: BreakpointId, why: string): void {
    for (const wish of this.#wishes.values()) {
      const left = wish.sites.filter((site) => site.engine !== engine || site.breakpoint !== id);
      if (left.length < wish.sites.length) wish.trouble = why;
      wish.sites = left;
    }
  }

  /** When all that goes on is done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  hitBy(engine: Engine, ids: readonly BreakpointId[]): { readonly wish: PointWish; readonly site: PointSite }[] {
    return this.all().flatMap((wish) =>
      wish.sites
        .filter((site) => site.engine === engine && ids.includes(site.breakpoint))
        .map((site) => ({ wish, site })),
    );
  }

  /** Hits that the target itself refused. */
  filteredOnTarget(wish: PointWish): number {
    const counts = wish.sites.map(({ engine, breakpoint }) => engine.hitCounts([breakpoint]).get(breakpoint)?.filtered);
    return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  }

  async #bindAll(wish: PointWish, modules: readonly LoadedModule[]): Promise<void> {
    if (wish.mistake !== undefined) return;
    const byEngine = new Map<Engine, { readonly site: Omit<PointSite, 'breakpoint'>; readonly request: BreakpointRequest }[]>(); // prettier-ignore
    for (const module of [...modules]) {
      if (await this.#watchState(wish, module)) continue;
      for (const point of wish.points) {
        for (const place of await this.#places(wish, point, module)) {
          const { engine, module: { space } } = module; // prettier-ignore
          const isThere = (other: { address: bigint; space: SpaceId }): boolean =>
            other.address === place.address && other.space === space;
          const planned = byEngine.get(engine) ?? [];
          if (wish.sites.some(isThere) || planned.some(({ site }) => isThere(site))) continue;
          const site = { engine, space, module, point, at: place.at, address: place.address };
          planned.push({
            site,
            request: { space, kind: 'software', address: place.address, ...requestOf(wish, site) },
          });
          byEngine.set(engine, planned);
        }
      }
    }
    for (const [engine, planned] of byEngine) {
      const answers = await engine.setBreakpoints(planned.map(({ request }) => request));
      planned.forEach(({ site }, index) => {
        const answer = answers[index];
        if (typeof answer === 'number') wish.sites.push({ ...site, breakpoint: answer });
        else wish.trouble = answer instanceof Error ? answer.message : 'the target did not take it';
      });
    }
  }

  /** Whether a wish of this kernel's functions is served by its object's state. */
  async #watchState(wish: PointWish, loaded: LoadedModule): Promise<boolean> {
    const { engine, module } = loaded;
    const [point] = wish.points;
    if (point === undefined || module.space !== engine.capabilities.sharedSpace || !isKernelImage(module.name))
      return false;
    const watch = await stateWatch(wish, engine);
    if (watch === undefined) return false;
    const [answer] = await engine.setBreakpoints([{ space: module.space, ...watch }]);
    // Without a free debug register the functions serve it.
    if (typeof answer !== 'number') return false;
    wish.sites.push({
      ...{ engine, space: module.space, module: loaded, address: watch.address },
      ...{ point, at: 'state', breakpoint: answer },
    });
    return true;
  }

  /** Addresses in a module at which a wish is served. */
  async #places(
    wish: PointWish,
    point: Point,
    loaded: LoadedModule,
  ): Promise<{ readonly address: bigint; readonly at: PointSite['at'] }[]> {
    const { engine, module, symbols } = loaded;
    const file = module.name.toLowerCase();
    const side = this.#inventory.processOf(engine, module.space)?.side ?? (engine.kind === 'kd' ? 'kernel' : 'user');
    if (side !== point.side) return [];
    const entries = async (name: string): Promise<bigint[]> =>
      (await symbols.functions(name)).map(({ rva }) => module.base + BigInt(rva));
    if (wish.aspect === 'waitSatisfied' || wish.aspect === 'waitTimedOut') {
      if (point.layer === 'kernel' && tellsByAddress(engine)) {
        if (!point.modules.includes(file)) return [];
        const exits = await Promise.all((await entries(point.name)).map((at) => this.#exitsOf(loaded, at)));
        return exits.flat().map((address) => ({ address, at: 'result' as const }));
      }
      // One operation returns once from the native layer, whatever was called above it.
      if (file !== 'ntdll.dll') return [];
      const stubs = point.layer === 'native' ? [point.name] : [...enteredBy(point, true)];
      const found = await Promise.all(
        stubs.filter((name) => WAIT_STUBS.includes(name)).map(async (name) => Promise.all((await entries(name)).map((at) => this.#returnOf(loaded, at)))), // prettier-ignore
      );
      return found.flat().flatMap((address) => (address === undefined ? [] : [{ address, at: 'result' as const }]));
    }
    if (asksForName(wish) && !point.parameters.some((parameter) => OBJECT_PARAMETERS.has(parameter))) return [];
    if (isServedInside(wish, point) && !tellsByAddress(engine)) {
      if (file !== 'ntdll.dll') return [];
      const inner = await Promise.all([...enteredBy(point, true)].map(entries));
      return inner.flat().map((address) => ({ address, at: 'inner' }));
    }
    if (!point.modules.includes(file)) return [];
    // kernel32's own forms of what kernelbase has lead there.
    if (file === 'kernel32.dll' && (await this.#isIn(loaded, 'kernelbase.dll', point.name))) return [];
    return (await entries(point.name)).map((address) => ({ address, at: 'entry' }));
  }

  async #isIn({ engine, module }: LoadedModule, file: string, name: string): Promise<boolean> {
    const other = this.#inventory
      .modulesOf(engine, module.space)
      .find((each) => each.module.name.toLowerCase() === file);
    return ((await other?.symbols.functions(name)) ?? []).length > 0;
  }

  /** The return instruction of a stub of a system call: the last thing that it does, with the result in RAX. */
  async #returnOf({ engine, module }: LoadedModule, entry: bigint): Promise<bigint | undefined> {
    const memory = this.#inspector.memory(engine).access(module.space, NO_SIGNAL);
    return returnsIn(await memory.read(entry, STUB_BYTES), entry)[0];
  }

  async #exitsOf({ engine, module }: LoadedModule, entry: bigint): Promise<readonly bigint[]> {
    const memory = this.#inspector.memory(engine).access(module.space, NO_SIGNAL);
    try {
      return (await functionExits(module.base, entry, memory)).map(({ ret }) => ret);
    } catch (error) {
      // An image whose headers cannot be read does not tell where its functions end.
      if (error instanceof EventscopeError) return [];
      throw error;
    }
  }

  async #remove(sites: readonly PointSite[]): Promise<void> {
    for (const engine of new Set(sites.map((site) => site.engine))) {
      await engine.removeBreakpoints(sites.filter((site) => site.engine === engine).map((site) => site.breakpoint));
    }
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const NO_CONDITION = { kind: 'and', operands: [] } as const;
/** What a condition may ask in the native call beneath as well: its caller, name and arguments are others there. */
const SAME_INSIDE: ReadonlySet<ConditionField> = new Set([
  ...(['event', 'object', 'previous', 'side', 'thread.id', 'thread.name', 'process.id', 'process.name'] as const),
]);

/** A name of an object is known on Wine's kernel side where a handle is: in the native call that the kernel's makes. */
const isServedInside = (wish: PointWish, point: Point): boolean =>
  point.layer === 'kernel' &&
  point.entersOnWine !== undefined &&
  asksForName(wish) &&
  [...fieldsOf(wish.filter?.condition ?? NO_CONDITION)].every((field) => SAME_INSIDE.has(field));

function asksForName({ filter }: PointWish): boolean {
  if (filter === undefined) return false;
  const fields = fieldsOf(filter.condition);
  return fields.has('event') || fields.has('object');
}

const isKernelImage = (name: string): boolean => /^nt(oskrnl|krnlmp)\.exe$/i.test(name);

/** Of the result of a wait: satisfied or abandoned, and timed out. */
const RESULTS: Partial<Record<PointAspect, string>> = {
  waitSatisfied: 'status < 192',
  waitTimedOut: 'status == 258',
};

function requestOf(
  wish: PointWish,
  { point, at }: Pick<PointSite, 'point' | 'at'>,
): Pick<BreakpointRequest, 'filter' | 'atReturn' | 'point'> {
  // Who asks for a name is told of each reference by a handle: which object a pointer is of is known from there alone.
  // The kernel's exports count when a driver calls them; what lies below, when the kernel does. Of the user side the system's own calls of
  // itself do not count.
  const caller =
    point.side === 'user'
      ? 'caller.module != "ntdll.dll"'
      : at === 'inner'
        ? 'caller.module == "ntoskrnl.exe"'
        : 'caller.module ~ ".sys"';
  const learns = at === 'entry' && point.parameters.includes('newObject') && asksForName(wish);
  const condition = wish.filter === undefined || learns ? undefined : `(${wish.filter.text})`;
  const parts = [caller, RESULTS[wish.aspect], condition];
  const text = parts.filter((part) => part !== undefined).join(' && ');
  const called = at === 'inner' ? nativeCall(point) : point;
  return {
    filter: parseFilter(text),
    ...(called === undefined ? {} : { point: called.index }),
    ...(at === 'result' ? { atReturn: true } : {}),
  };
}

/** The native call by which Wine's kernel does what one of its exports does: where the object has a handle. */
export const nativeCall = (point: Point): Point | undefined =>
  [...enteredBy(point, true)].map(pointNamed).find((inner) => inner?.layer === 'native');

function isSame(one: PointWish, other: PointWish): boolean {
  return (
    one.condition === other.condition &&
    one.mistake === other.mistake &&
    one.place?.path === other.place?.path &&
    one.place?.line === other.place?.line &&
    one.hitCondition === other.hitCondition &&
    one.points.length === other.points.length &&
    one.points.every((point, index) => other.points[index] === point)
  );
}

/** @throws EventscopeError `debug.point` */
export function pointOfCatalogue(name: string): Point {
  const found = POINTS.find((point) => point.name === name.slice(name.indexOf('!') + 1));
  if (found !== undefined) return found;
  throw new EventscopeError({
    id: 'debug.point',
    what: `${name} is no signal or wait point`,
    next: 'Choose a function of the catalogue of points.',
  });
}
