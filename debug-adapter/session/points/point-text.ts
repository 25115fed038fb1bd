/** A stop at a point, in one line. */
import { argument } from './point-call.js';
import type { Point } from '../../../machine/points.js';
import { hexAddress, type MemoryAccess } from '../../variables/value.js';
import type { X64Context } from '../../../machine/x64-context.js';
import type { Inventory, SessionThread } from '../inventory.js';
import { objectLabel, threadLabel, type SessionObject } from './dispatcher-objects.js';
import type { CallFacts } from './point-condition.js';
import type { PointAspect } from './point-filters.js';
import type { PointSite } from './point-wishes.js';

export interface PointToDescribe {
  readonly aspect: PointAspect;
  readonly site: Pick<PointSite, 'point' | 'at'>;
  readonly thread: SessionThread;
  readonly objects: readonly SessionObject[];
  readonly facts: CallFacts;
  readonly inventory: Inventory;
  readonly registers: X64Context;
  readonly memory: MemoryAccess;
}

/** "KeSetEvent on \BaseNamedObjects\SharedEvent: was not signaled; 1 waiter: eventapp thread 36". */
export async function describePoint(stop: PointToDescribe): Promise<string> {
  const { aspect, thread, objects, facts, inventory } = stop;
  const { point, at } = stop.site;
  const label = objects.length === 0 ? 'an object that is not known' : objects.slice(0, 4).map(objectLabel).join(', ');
  const state = objects[0]?.isSignaled;
  if (at === 'state') {
    // The instruction that writes it has been done.
    return `${point.name} on ${label}: is ${state === true ? 'signaled' : 'not signaled'} now; ${waitersText(inventory, objects)}`;
  }
  const was = state === undefined ? 'its state is not known' : `was ${state ? 'signaled' : 'not signaled'}`;
  switch (aspect) {
    case 'signal':
      if (point.object === 'request') return describeCompletion(point, stop);
      return `${point.name} on ${label}: ${was}; ${waitersText(inventory, objects)}`;
    case 'reset':
      return `${point.name} on ${label}: ${was}`;
    case 'wait': {
      const now = state === undefined ? 'its state is not known' : state ? 'signaled' : 'not signaled';
      const what = objects.length > 1 ? label : `${label}: ${now}`;
      return `${point.name} on ${what}${facts.timeout === undefined ? '' : `; waits ${facts.timeout}`}`;
    }
    case 'waitSatisfied':
      return `The wait of ${threadLabel(inventory, thread)} for ${label} was satisfied`;
    case 'waitTimedOut':
      return `The wait of ${threadLabel(inventory, thread)} for ${label} timed out`;
    case 'lifecycle':
      return `${point.name} of ${objects.length > 0 ? label : (facts.name ?? unknownLabel(point, facts))}`;
  }
}

async function describeCompletion(point: Point, { registers, memory }: PointToDescribe): Promise<string> {
  const request = await argument(point, 'irp', registers, memory);
  const label = request === undefined ? 'a request' : `the request at ${hexAddress(request)}`;
  return `${point.name} of ${label}: signals its event, when it has one`;
}

/** A handle of another process says nothing here. */
function unknownLabel({ object, action }: Point, { handle }: CallFacts): string {
  if (action === 'duplicate' || action === 'reference') {
    return handle === undefined ? 'an object of another process' : `handle ${hexAddress(handle)} of the requestor`;
  }
  return object === 'process' || object === 'thread' ? `a ${object}` : 'an object without a name';
}

/** "1 waiter: eventapp thread 36". */
export function waitersText(inventory: Inventory, objects: readonly SessionObject[]): string {
  const waiters = [...new Set(objects.flatMap((object) => object.waiters))];
  if (waiters.length === 0) return 'nobody waits';
  const names = waiters.slice(0, 4).map((thread) => threadLabel(inventory, thread));
  const more = waiters.length > names.length ? `, and ${waiters.length - names.length} more` : '';
  return `${waiters.length} ${waiters.length === 1 ? 'waiter' : 'waiters'}: ${names.join(', ')}${more}`;
}
