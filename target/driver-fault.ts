/**
 * A fault in a driver. Under Wine it ends the driver's host process, and Wine's loader says so in one line; on Windows it
 * stops the machine with a bugcheck. It is reported as the bugcheck that it would be.
 */
import { EventscopeError } from '../protocol/errors.js';
import type { DbgPrintLine } from './target.js';

export interface DriverFault {
  /** As Wine puts it: "page fault on write access to 0000000000000010". */
  readonly exception: string;
  /** Where: 64-bit address in hex. */
  readonly address: string;
}

const UNHANDLED = /^wine: Unhandled (.+?) (?:in \S+ )?at address ([0-9A-Fa-f]{8,16}) \(thread [0-9a-f]+\)/;
const UNIMPLEMENTED = /^wine: Call from ([0-9A-Fa-fx]+) to unimplemented function (\S+?),/;

/** The fault that a line of the debug output tells of; undefined when it tells of none. */
export function driverFaultOf(line: string): DriverFault | undefined {
  const unhandled = UNHANDLED.exec(line);
  if (unhandled !== null) return { exception: unhandled[1] ?? '', address: unhandled[2] ?? '' };
  const missing = UNIMPLEMENTED.exec(line);
  if (missing === null) return undefined;
  return { exception: `call of ${missing[2] ?? ''}, which Wine's kernel does not have`, address: missing[1] ?? '' };
}

export function firstFault(lines: readonly DbgPrintLine[]): DriverFault | undefined {
  for (const line of lines) {
    const fault = driverFaultOf(line.text);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const IN_SYSTEM_THREAD = { code: 0x7e, name: 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED', when: 'in a system thread' };
const IN_REQUEST = { code: 0x3b, name: 'SYSTEM_SERVICE_EXCEPTION', when: 'in a request' };
const AT_RAISED_IRQL = { code: 0xd1, name: 'DRIVER_IRQL_NOT_LESS_OR_EQUAL', when: 'in a DPC' };

export interface FaultContext {
  readonly id: string;
  readonly driver: string;
  readonly target: string;
  /** DriverEntry and DriverUnload run in a system thread; a fault during a run may come from anywhere. */
  readonly where: 'DriverEntry' | 'the run' | 'DriverUnload';
  /** Undefined when the driver host ended and nobody said why. */
  readonly fault: DriverFault | undefined;
  readonly lines: readonly DbgPrintLine[];
  /** State that was left, and what to do. */
  readonly next: string;
}

export function driverFaultError(context: FaultContext): EventscopeError {
  const { fault } = context;
  const bugchecks = context.where === 'the run' ? [IN_REQUEST, IN_SYSTEM_THREAD, AT_RAISED_IRQL] : [IN_SYSTEM_THREAD];
  const where = fault === undefined ? 'its host process ended' : `${fault.exception} at address 0x${fault.address}`;
  const codes = bugchecks.map(({ code, name, when }) => {
    const bugcheck = `0x${code.toString(16).toUpperCase()} (${name})`;
    return bugchecks.length === 1 ? bugcheck : `${bugcheck} ${when}`;
  });
  return new EventscopeError({
    id: context.id,
    what: `The driver ${context.driver} faulted ${context.where === 'the run' ? 'during' : 'in'} ${context.where}`,
    target: context.target,
    why: `${where}; on Windows this stops the machine with bugcheck ${codes.join(', or ')}`,
    next: context.next,
    data: {
      bugchecks: bugchecks.map(({ code, name }) => ({ code, name })),
      fault,
      dbgPrint: context.lines.map((line) => line.text),
    },
  });
}
