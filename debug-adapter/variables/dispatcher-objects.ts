/**
 * Dispatcher objects as a person reads them: "signaled, notification, 1 waiter". DISPATCHER_HEADER begins each of them; its Type is
 * KOBJECTS of ntddk/ReactOS's ke.h and the public WDK headers (EventNotificationObject 0, EventSynchronizationObject 1, MutantObject 2,
 * ProcessObject 3, QueueObject 4, SemaphoreObject 5, ThreadObject 6, TimerNotificationObject 8, TimerSynchronizationObject 9).
 */
import { walkList } from './list-entry.js';
import type { RecordReader } from './record-reader.js';
import { hexAddress } from './value.js';
import { describeDueTime } from './numbers.js';

const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'notification',
  1: 'synchronization',
  2: 'mutant',
  3: 'process',
  4: 'queue',
  5: 'semaphore',
  6: 'thread',
  8: 'notification',
  9: 'synchronization',
};
/** More waiters are counted as "more than". */
const MAX_WAITERS = 256;

async function headerType(object: RecordReader): Promise<number> {
  return (await object.number('Header.Type')) & 0x7f;
}

/** ", 2 waiters"; nothing where the target keeps no wait list in memory (Wine leaves it zero). */
async function waiters(object: RecordReader): Promise<string> {
  const head = await object.addressOf('Header.WaitListHead');
  if (head === undefined) return '';
  const { entries, fault } = await walkList(object.access, head, MAX_WAITERS);
  if (fault === 'not initialized') return '';
  if (fault !== undefined) return `, wait list damaged (${fault})`;
  return `, ${entries.length} ${entries.length === 1 ? 'waiter' : 'waiters'}`;
}

async function isSignaled(object: RecordReader): Promise<boolean> {
  return (await object.integer('Header.SignalState')) > 0n;
}

export async function describeEvent(event: RecordReader): Promise<string> {
  const type = await headerType(event);
  const state = (await isSignaled(event)) ? 'signaled' : 'not signaled';
  const kind = type <= 1 ? TYPE_NAMES[type] : `not an event (type ${type})`;
  return `${state}, ${kind}${await waiters(event)}`;
}

export async function describeSemaphore(semaphore: RecordReader): Promise<string> {
  const count = await semaphore.integer('Header.SignalState');
  const limit = await semaphore.optional('Limit');
  return `count ${count}${limit === undefined ? '' : ` of ${limit}`}${await waiters(semaphore)}`;
}

export async function describeMutant(mutant: RecordReader): Promise<string> {
  const state = await mutant.integer('Header.SignalState');
  const abandoned = ((await mutant.optional('Abandoned')) ?? 0n) !== 0n ? ', abandoned' : '';
  if (state > 0n) return `free${abandoned}${await waiters(mutant)}`;
  const owner = (await mutant.optional('OwnerThread')) ?? 0n;
  const times = 1n - state;
  const owned = owner === 0n ? 'owned' : `owned by thread ${hexAddress(owner)}`;
  return `${owned}${times > 1n ? `, ${times} times` : ''}${abandoned}${await waiters(mutant)}`;
}

export async function describeTimer(timer: RecordReader): Promise<string> {
  const type = await headerType(timer);
  const state = (await isSignaled(timer)) ? 'signaled' : 'not signaled';
  const period = (await timer.optional('Period')) ?? 0n;
  const inserted = (await timer.optional('Header.Inserted')) ?? 0n;
  const due = inserted === 0n ? undefined : await timer.optional('DueTime.QuadPart');
  return [
    `${state}, ${TYPE_NAMES[type] ?? `type ${type}`}`,
    ...(due === undefined ? [] : [describeDueTime(due)]),
    ...(period === 0n ? [] : [`every ${period} ms`]),
  ].join(', ');
}

/** Any dispatcher object by its header alone. */
export async function describeHeader(header: RecordReader): Promise<string> {
  const type = (await header.number('Type')) & 0x7f;
  const state = await header.integer('SignalState');
  return `${TYPE_NAMES[type] ?? `type ${type}`}, signal state ${state}`;
}
