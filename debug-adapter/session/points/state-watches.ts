/**
 * A signal or reset point of one object that is named, where the engine reads objects out of kernel memory: a data breakpoint on its
 * SignalState instead of breakpoints in functions that the whole machine calls.
 */
import type { Condition } from '../../../machine/conditions.js';
import { POINTS, rolesOf, type Point } from '../../../machine/points.js';
import type { BreakpointRequest, Engine } from '../../engine.js';
import type { Frame } from '../stacks.js';
import type { PointWish } from './point-wishes.js';

/** Of DISPATCHER_HEADER. */
export const SIGNAL_STATE = 4n;
/**
 * KeSetEvent may hand a synchronization event straight to the thread that waits, without writing its state: that signal would be missed.
 * The others' states are written at each signal.
 */
const HANDED_OVER = 'synchronization event';
/** Frames between the function of a point and the instruction that writes. */
const FRAMES = 6;

/** Where a wish is served by watching the state; undefined: breakpoints in the functions serve it. */
export async function stateWatch(
  wish: PointWish,
  engine: Engine,
): Promise<Pick<BreakpointRequest, 'address' | 'kind' | 'length' | 'leaves' | 'filter'> | undefined> {
  const { aspect, filter } = wish;
  if ((aspect !== 'signal' && aspect !== 'reset') || filter === undefined || engine.objectNamed === undefined) {
    return undefined;
  }
  if (!wish.points.some(({ side }) => side === 'kernel')) return undefined;
  const path = onlyObject(filter.condition);
  const object = path === undefined ? undefined : await engine.objectNamed(path);
  if (object === undefined || object.type === HANDED_OVER) return undefined;
  return {
    ...{ address: object.address + SIGNAL_STATE, kind: 'write', length: 4, filter },
    leaves: aspect === 'signal' ? 'signaled' : 'notSignaled',
  };
}

/** The path of the one object that a condition can hold for. */
function onlyObject(condition: Condition): string | undefined {
  switch (condition.kind) {
    case 'and':
      return condition.operands.map(onlyObject).find((path) => path !== undefined);
    case 'text':
      return condition.comparison === '==' &&
        (condition.field === 'event' || condition.field === 'object') &&
        condition.value.startsWith('\\')
        ? condition.value
        : undefined;
    case 'or':
    case 'not':
    case 'number':
      return undefined;
  }
}

/** The point in whose function the state was written, and who called that. */
export function writerOf(
  frames: readonly Frame[],
  aspect: PointWish['aspect'],
): { readonly point: Point; readonly caller: Frame | undefined } | undefined {
  for (const [index, frame] of frames.slice(0, FRAMES).entries()) {
    const name = frame.source?.functionName;
    const point = POINTS.find(
      (each) => each.name === name && each.layer === 'kernel' && rolesOf(each).some((role) => role === aspect),
    );
    if (point !== undefined) return { point, caller: frames[index + 1] };
  }
  return undefined;
}
