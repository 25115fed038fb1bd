/** What a condition may ask of a thread that stands before a breakpoint. */
import type { ConditionField, FieldValue } from '../machine/conditions.js';
import type { X64Context } from '../machine/x64-context.js';
import type { Breakpoint } from './debug-breakpoints.js';
import { threadDescription } from './debug-events.js';
import type { DebuggedThread } from './debug-process.js';

const DRIVER_HOST = 'winedevice.exe';

/** registers: at the first instruction of a function, so that its arguments and its return address are where the call put them. */
export function hitLookup(
  breakpoint: Breakpoint,
  thread: DebuggedThread,
  registers: X64Context,
): (field: ConditionField) => FieldValue | undefined {
  const { process } = thread;
  const side = process.name.toLowerCase() === DRIVER_HOST ? 'kernel' : 'user';
  return (field) => {
    switch (field) {
      case 'side':
        return side;
      case 'thread.id':
        return thread.threadId;
      case 'thread.name':
        // A name may have been given since the thread was last looked at.
        return threadDescription(thread.handle) ?? thread.name;
      case 'process.name':
        return process.name;
      case 'process.id':
        return process.processId;
      case 'hits':
        return breakpoint.hits + breakpoint.filtered + 1n;
      case 'address':
        return side === 'kernel' ? registers.get('rcx') : undefined;
      case 'handle':
        return side === 'user' ? registers.get('rcx') : undefined;
      case 'caller.module':
        return callerModule(thread, registers);
      case 'status':
        return breakpoint.request.atReturn === true ? registers.get('rax') & 0xffff_ffffn : undefined;
      // Not known without the catalogue's entry of the point: such a condition is undecided, and an undecided hit stops.
      case 'event':
      case 'object':
      case 'previous':
      case 'timeout':
      case 'point':
        return undefined;
    }
  };
}

function callerModule({ process }: DebuggedThread, registers: X64Context): string | undefined {
  const data = process.read(registers.rsp, 8);
  if (data?.length !== 8) {
    return undefined;
  }
  return process.moduleAt(new DataView(data.buffer).getBigUint64(0, true))?.name;
}
