/** Signal and wait points of one session: what is wished for, what stops, which objects were met, and following the flow. */
import {
  DebugEventName,
  type PointMechanism,
  type PointSetting,
  type PointStatus,
  type TracepointsBody,
} from '../../../protocol/debug-requests.js';
import type { BreakpointId, Engine, EngineEvent, SpaceId } from '../../engine.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, LoadedModule, SessionThread } from '../inventory.js';
import { EventscopeError } from '../../../protocol/errors.js';
import { DispatcherObjects } from './dispatcher-objects.js';
import { Flow } from './flow.js';
import { aspectOf, POINT_FILTERS } from './point-filters.js';
import { PointStops, type ToldPoint } from './point-stops.js';
import { makeWish, pointOfCatalogue, PointWishes, type PointWish } from './point-wishes.js';

const FILTER = 'filter.';
const SINGLE = 'single.';

export interface ToldPointStop extends ToldPoint {
  /** Where a wait that was followed returned to is the middle of a line: the thread is to go on to its end. */
  readonly isMidLine?: boolean;
}

export interface FilterAnswer {
  readonly verified: boolean;
  readonly message?: string;
}

export class SessionPoints {
  readonly wishes: PointWishes;
  readonly objects: DispatcherObjects;
  readonly stops: PointStops;
  readonly flow: Flow;
  readonly #event: (name: string, body: object) => void;
  /** What records calls of points now, by name. */
  #recorded: ReadonlyMap<string, PointMechanism> = new Map();
  /** What the client was told of each single point. */
  readonly #told = new Map<string, string>();

  constructor(
    inventory: Inventory,
    inspector: Inspector,
    host: (file: string) => string | undefined,
    event: (name: string, body: object) => void,
  ) {
    this.#event = event;
    this.objects = new DispatcherObjects(inventory);
    this.wishes = new PointWishes(inventory, inspector);
    const parts = { inventory, inspector, wishes: this.wishes, objects: this.objects };
    this.flow = new Flow(parts);
    this.stops = new PointStops({ ...parts, host, isWanted: (wish, objects) => this.flow.isWanted(wish, objects) });
  }

  /** Filters of the Breakpoints view, with their conditions; undefined: an id is no filter of points. @returns answers in the same order */
  async setFilters(
    filters: readonly { readonly id: string; readonly condition: string | undefined }[],
  ): Promise<readonly (FilterAnswer | undefined)[]> {
    const wishes = filters.map(({ id, condition }) => {
      const filter = POINT_FILTERS.find((each) => each.id === id);
      if (filter === undefined) return undefined;
      const { aspect, points } = filter;
      return makeWish({ id: `${FILTER}${id}`, aspect, points, ...(condition === undefined ? {} : { condition }) });
    });
    await this.wishes.replace(
      FILTER,
      wishes.filter((wish) => wish !== undefined),
    );
    return wishes.map((wish) => {
      if (wish === undefined) return undefined;
      return wish.mistake === undefined ? { verified: true } : { verified: false, message: wish.mistake };
    });
  }

  async setPoints(settings: readonly PointSetting[]): Promise<readonly PointStatus[]> {
    const wishes = await this.wishes.replace(SINGLE, settings.map(wishOf));
    const statuses = wishes.map((wish) => this.#statusOf(wish));
    this.#told.clear();
    for (const status of statuses) this.#told.set(status.id, JSON.stringify(status));
    return statuses;
  }

  /** Settles when what is wished for is set in it. */
  async bind(module: LoadedModule): Promise<void> {
    await this.wishes.bind(module);
    this.#tellChanges();
  }

  unbind(module: LoadedModule): void {
    this.wishes.unbind(module);
    this.#tellChanges();
  }

  lost(engine: Engine, breakpoint: BreakpointId, why: string): void {
    this.wishes.lost(engine, breakpoint, why);
    this.#tellChanges();
  }

  spaceGone(engine: Engine, space: SpaceId): void {
    this.objects.spaceGone(engine, space);
  }

  /** What a recording serves; empty: there is none. A point that is served in several ways is told by the dearest. */
  recorded(points: TracepointsBody['points']): void {
    const recorded = new Map<string, PointMechanism>();
    for (const { point, mechanism } of points) {
      if (mechanism !== 'none' && recorded.get(point) !== 'stoppingTracepoint') recorded.set(point, mechanism);
    }
    this.#recorded = recorded;
    this.#tellChanges();
  }

  /** The engine's counters. They come before anything that is asked about the stop that they came with. */
  counted(engine: Engine, { counts }: Extract<EngineEvent, { type: 'hits' }>): void {
    this.objects.counted(engine, new Set(counts.filter(({ counts: { hits } }) => hits > 0).map(({ breakpoint }) => breakpoint))); // prettier-ignore
    this.#tellChanges();
  }

  /** Whether a stop is of a point: told, passed by, or nothing of ours (undefined). */
  async decide(
    engine: Engine,
    thread: SessionThread | undefined,
    ids: readonly BreakpointId[],
    signal: AbortSignal,
  ): Promise<ToldPointStop | 'passBy' | undefined> {
    const landed = thread === undefined ? undefined : await this.flow.landed(engine, thread, ids);
    if (landed !== undefined) return landed;
    const verdict = await this.stops.decide(engine, thread, ids, signal);
    if (typeof verdict === 'object') {
      const { current } = this.stops;
      if (current?.aspect === 'waitSatisfied') this.flow.woken(current.thread, current.objects[0]);
    }
    this.#tellChanges();
    return verdict;
  }

  /** The user is told of a stop, of a point or not. */
  async reported(): Promise<void> {
    await this.flow.end();
    if (this.stops.current !== undefined) {
      const objects = this.objects.all().map((object) => this.objects.toDap(object));
      this.#event(DebugEventName.dispatcherObjectsChanged, { objects });
    }
  }

  /** When all that goes on is done. */
  async settled(): Promise<void> {
    await this.wishes.settled();
  }

  clear(): void {
    this.objects.clear();
  }

  #tellChanges(): void {
    const changed = this.wishes
      .all()
      .filter(({ id }) => id.startsWith(SINGLE))
      .map((wish) => this.#statusOf(wish))
      .filter((status) => this.#told.get(status.id) !== JSON.stringify(status));
    if (changed.length === 0) return;
    for (const status of changed) this.#told.set(status.id, JSON.stringify(status));
    this.#event(DebugEventName.pointsChanged, { points: changed });
  }

  #statusOf(wish: PointWish): PointStatus {
    const verified = wish.sites.length > 0;
    const [point] = wish.points;
    const recordedBy = this.#recorded.get(point?.name ?? '');
    const message =
      wish.mistake ?? (verified ? undefined : (wish.trouble ?? `no loaded module exports ${point?.name ?? 'it'} yet`));
    return {
      id: wish.id.slice(SINGLE.length),
      verified,
      ...(message === undefined ? {} : { message }),
      mechanism: !verified ? 'none' : wish.sites.every(({ at }) => at === 'state') ? 'dataBreakpoint' : 'breakpoint',
      ...(recordedBy === undefined ? {} : { recordedBy }),
      hits: wish.hits,
      filtered: wish.filtered + this.wishes.filteredOnTarget(wish),
    };
  }
}

function wishOf(setting: PointSetting): PointWish {
  const { id, condition, hitCondition, place } = setting;
  const options = {
    id: `${SINGLE}${id}`,
    ...(condition === undefined ? {} : { condition }),
    ...(hitCondition === undefined ? {} : { hitCondition }),
    ...(place === undefined ? {} : { place }),
  };
  try {
    const point = pointOfCatalogue(setting.point);
    return makeWish({ ...options, aspect: aspectOf(point), points: [point] });
  } catch (error) {
    if (!(error instanceof EventscopeError)) throw error;
    return makeWish({ ...options, aspect: 'signal', points: [], mistake: error.message });
  }
}
