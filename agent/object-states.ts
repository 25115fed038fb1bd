/** What the dispatcher objects tell of their state, each on an open handle with the right to query. Runs in a call worker. */
import type { ObjectState } from '../protocol/agent-rpc.js';
import { describeNtstatus } from '../machine/status.js';
import {
  EVENT_BASIC_INFORMATION,
  MUTANT_BASIC_INFORMATION,
  MUTANT_OWNER_INFORMATION,
  SEMAPHORE_BASIC_INFORMATION,
  TIMER_BASIC_INFORMATION,
} from './native/layouts.js';
import type { Handle } from './native/memory.js';
import { ntstatusError } from './native/native-error.js';
import { NtQueryEvent, NtQueryMutant, NtQuerySemaphore, NtQueryTimer } from './objects-native.js';

const STATUS_SUCCESS = 0;
const STATUS_INVALID_INFO_CLASS = 0xc0000003;

function query(
  call: string,
  native: (handle: Handle, informationClass: number, buffer: Buffer, length: number, returned: null) => number,
  handle: Handle,
  size: number,
): Buffer {
  const buffer = Buffer.alloc(size);
  const status = native(handle, 0, buffer, size, null) >>> 0;
  if (status !== STATUS_SUCCESS) {
    throw ntstatusError(call, status);
  }
  return buffer;
}

export function eventState(handle: Handle): ObjectState {
  const information = query('NtQueryEvent', NtQueryEvent, handle, EVENT_BASIC_INFORMATION.size);
  return {
    type: 'Event',
    kind: information.readInt32LE(EVENT_BASIC_INFORMATION.EventType) === 0 ? 'notification' : 'synchronization',
    signaled: information.readInt32LE(EVENT_BASIC_INFORMATION.EventState) !== 0,
  };
}

export function semaphoreState(handle: Handle): ObjectState {
  const information = query('NtQuerySemaphore', NtQuerySemaphore, handle, SEMAPHORE_BASIC_INFORMATION.size);
  return {
    type: 'Semaphore',
    count: information.readInt32LE(SEMAPHORE_BASIC_INFORMATION.CurrentCount),
    maximum: information.readInt32LE(SEMAPHORE_BASIC_INFORMATION.MaximumCount),
  };
}

export function timerState(handle: Handle): ObjectState {
  const information = query('NtQueryTimer', NtQueryTimer, handle, TIMER_BASIC_INFORMATION.size);
  return {
    type: 'Timer',
    signaled: information.readUInt8(TIMER_BASIC_INFORMATION.TimerState) !== 0,
    remaining: information.readBigInt64LE(TIMER_BASIC_INFORMATION.RemainingTime),
  };
}

export function mutantState(handle: Handle): ObjectState {
  const information = query('NtQueryMutant', NtQueryMutant, handle, MUTANT_BASIC_INFORMATION.size);
  const owner = Buffer.alloc(MUTANT_OWNER_INFORMATION.size);
  const ownerClass = 1;
  const status = NtQueryMutant(handle, ownerClass, owner, owner.length, null) >>> 0;
  return {
    type: 'Mutant',
    count: information.readInt32LE(MUTANT_BASIC_INFORMATION.CurrentCount),
    abandoned: information.readUInt8(MUTANT_BASIC_INFORMATION.AbandonedState) !== 0,
    owner:
      status === STATUS_SUCCESS
        ? {
            process: owner.readUInt32LE(MUTANT_OWNER_INFORMATION.UniqueProcess),
            thread: owner.readUInt32LE(MUTANT_OWNER_INFORMATION.UniqueThread),
          }
        : {
            unavailable:
              status === STATUS_INVALID_INFO_CLASS
                ? 'This target does not tell the owner of a mutant'
                : describeNtstatus(status),
          },
  };
}
