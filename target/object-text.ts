/** Objects of the namespace in words, for the tree and the command line alike. */
import { ntstatusName } from '../machine/status.js';
import type { ObjectInfo, ObjectState, Unavailable } from '../protocol/agent-rpc.js';
import type { QueriedObject } from './objects.js';

export const isUnavailable = (value: unknown): value is Unavailable =>
  typeof value === 'object' && value !== null && 'unavailable' in value;

const hundredNanoseconds = (remaining: bigint): string => `${(Number(remaining) / 10_000).toFixed(1)} ms`;

const hex = (status: number): string => `0x${status.toString(16).toUpperCase().padStart(8, '0')}`;

/** Such as "cannot be opened: STATUS_ACCESS_DENIED". */
export const describeOpenFailure = (status: number): string =>
  `cannot be opened: ${ntstatusName(status) ?? hex(status)}`;

/** The state of a dispatcher object in a few words. */
export function describeState(state: ObjectState): string {
  switch (state.type) {
    case 'Event':
      return `${state.signaled ? 'signaled' : 'not signaled'}, ${state.kind}`;
    case 'Semaphore':
      return `count ${state.count} of ${state.maximum}`;
    case 'Mutant':
      return `${state.count > 0 ? 'free' : 'held'}${state.abandoned ? ', abandoned' : ''}`;
    case 'Timer':
      return state.signaled ? 'signaled' : `due in ${hundredNanoseconds(state.remaining)}`;
  }
}

/** State of a dispatcher object or target of a link; empty for what has neither. */
export function describeObject(object: ObjectInfo): string {
  if (object.linkTarget !== undefined) {
    return isUnavailable(object.linkTarget) ? object.linkTarget.unavailable : `-> ${object.linkTarget}`;
  }
  if (object.state === undefined) return '';
  return isUnavailable(object.state) ? object.state.unavailable : describeState(object.state);
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The owner of a held mutant, such as "owner: process 120, thread 124"; empty for everything else. */
function describeOwner(object: ObjectInfo): string {
  const { state } = object;
  if (state === undefined || isUnavailable(state) || state.type !== 'Mutant' || state.count > 0) return '';
  if (isUnavailable(state.owner)) return '';
  return `owner: process ${state.owner.process}, thread ${state.owner.thread}`;
}

/** What stands behind a name in a list: state, owner, number of handles. */
export function describeEntry(object: QueriedObject | undefined): string {
  if (object === undefined) return '';
  if ('status' in object) return describeOpenFailure(object.status);
  const handles =
    object.state === undefined || isUnavailable(object.handleCount) ? '' : plural(object.handleCount, 'handle');
  const waiting = object.waiters?.length ?? 0;
  const waiters = waiting === 0 ? '' : plural(waiting, 'waiter');
  // Who waits goes first: a narrow list cuts what is last.
  return [waiters, describeObject(object), describeOwner(object), handles].filter((part) => part !== '').join(' · ');
}

const orWhy = (value: string | number | Unavailable): string =>
  isUnavailable(value) ? `not available on this target: ${value.unavailable}` : String(value);

/** All that is known of an object, one fact a line. */
export function describeDetails(object: QueriedObject): string[] {
  if ('status' in object) return [describeOpenFailure(object.status)];
  const lines: string[] = [];
  const text = describeObject(object);
  if (text !== '') lines.push(text);
  if (object.state !== undefined && !isUnavailable(object.state) && object.state.type === 'Mutant') {
    const { owner } = object.state;
    const who = isUnavailable(owner) ? owner : `process ${owner.process}, thread ${owner.thread}`;
    lines.push(object.state.count > 0 ? 'Owner: none, it is free' : `Owner: ${orWhy(who)}`);
  }
  for (const waiter of object.waiters ?? []) lines.push(`Waiter: ${waiter}`);
  lines.push(`Handles: ${orWhy(object.handleCount)}`, `Pointers (approximate): ${orWhy(object.pointerCount)}`);
  return lines;
}

/** What must be equal for two readings to show the same thing. A timer's time runs by itself and is no change. */
export function changeKey(object: QueriedObject): string {
  if ('status' in object) return `status ${object.status}`;
  const { state, handleCount, linkTarget } = object;
  const stateKey =
    state !== undefined && !isUnavailable(state) && state.type === 'Timer'
      ? `Timer ${state.signaled}`
      : JSON.stringify(state);
  return [stateKey, JSON.stringify(handleCount), JSON.stringify(linkTarget)].join(' ');
}
