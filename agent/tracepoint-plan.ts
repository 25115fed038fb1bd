/** Which import slots of a process are to lead to the recorder, and which functions it is stopped at. */
import { readImports } from '../machine/pe/imports.js';
import { PeImage } from '../machine/pe/pe-image.js';
import { pointNamed, type Point } from '../machine/points.js';
import { isOfSystem } from '../machine/system-modules.js';
import type { TraceSource } from '../protocol/agent-rpc.js';
import type { ForeignMemory, ForeignModule } from './foreign-memory.js';
import { plainError } from './native/native-error.js';
import { chooseImports, type ImportSlot } from './tracepoint-slots.js';
import { isPlanned, planStops, type StopPlan } from './tracepoint-stops.js';
import { type Wrapper, wrappersOf } from './tracepoint-wrappers.js';

export type TracepointSource = Extract<TraceSource, { type: 'tracepoints' }>;

const BOUND_TIMEOUT_MS = 5_000;
const POLL_MS = 2;

/** A module whose imports are recorded. */
export interface TracedModule extends ForeignModule {
  readonly size: number;
}

export interface PlannedSlot extends ImportSlot {
  readonly address: bigint;
  readonly target: bigint;
}

/** The worker's thread sleeps: nothing else runs there. */
export const pauseThread = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** What is to be recorded in one process. */
export interface Plan {
  readonly modules: readonly TracedModule[];
  readonly slots: readonly PlannedSlot[];
  readonly stops: readonly StopPlan[];
  /** Of the modules: through which a call is followed to who makes it. */
  readonly wrappers: readonly Wrapper[];
}

/** @throws NativeError when there is nothing to record */
export async function planTracepoints(memory: ForeignMemory, source: TracepointSource): Promise<Plan> {
  const { modules, slots, wrappers } = await planSlots(memory, source);
  const stops = await planStops(memory, source, new Set(slots.map(({ point }) => point.name)));
  if (slots.length > 0 || stops.some(isPlanned) || source.traceRings === true) {
    return { modules, slots, stops, wrappers };
  }
  const [refused] = stops.flatMap((stop) => ('why' in stop ? [stop.why] : []));
  const where = modules.map(({ name }) => name).join(', ') || (source.modules ?? ['its own modules']).join(', ');
  throw plainError(refused ?? `Nothing to record: no import of ${where} is one of the points`);
}

/** Of a process that was started a moment ago: when its loader has bound its imports. */
export async function planWhenBound(memory: ForeignMemory, source: TracepointSource): Promise<Plan> {
  const until = performance.now() + BOUND_TIMEOUT_MS;
  for (;;) {
    try {
      return await planTracepoints(memory, source);
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    pauseThread(POLL_MS);
  }
}

async function planSlots(
  memory: ForeignMemory,
  { side, points, modules: wantedModules, stops = [] }: TracepointSource,
): Promise<Omit<Plan, 'stops'>> {
  // One record a call: where the function itself is stopped at, its import slots are left alone.
  const stopped = new Set(stops.flatMap(({ point, always }) => (always ? [knownPoint(point, side).name] : [])));
  const wanted = points === undefined ? undefined : new Set(points.map((name) => knownPoint(name, side).name));
  const all = memory.modules();
  const names = wantedModules?.map((name) => name.toLowerCase());
  const chosen = all.filter(({ name, path }) => (names === undefined ? !isOfSystem(path) : names.includes(name)));
  const modules: TracedModule[] = [];
  const slots: PlannedSlot[] = [];
  const wrappers: Wrapper[] = [];
  for (const module of chosen) {
    const image = await PeImage.open(memory.image(module.base), 'memory');
    modules.push({ ...module, size: image.headers.sizeOfImage });
    wrappers.push(...(await wrappersOf(image, module.base)));
    for (const slot of chooseImports(await readImports(image), side, wanted).slots) {
      if (stopped.has(slot.point.name)) continue;
      const address = module.base + BigInt(slot.slotRva);
      const target = memory.read(address, 8)?.readBigUInt64LE() ?? 0n;
      // Until it is bound, an import slot holds an RVA.
      if (target < BigInt(image.headers.sizeOfImage))
        throw plainError(`The imports of ${module.name} are not bound yet`);
      slots.push({ ...slot, address, target });
    }
  }
  return { modules, slots, wrappers };
}

function knownPoint(name: string, side: Point['side']): Point {
  const point = pointNamed(name);
  if (point === undefined) throw plainError(`${name} is not in the catalogue of points`);
  if (point.side !== side) throw plainError(`${name} is a point of the ${point.side} side`);
  return point;
}
