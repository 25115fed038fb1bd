/** Numbers that mean more than their digits: NTSTATUS, I/O control codes, times. */
import { FILETIME_OF_1970 } from '../../machine/filetime.js';
import { ntstatusName } from '../../machine/status.js';
import { EVENTSYS_IOCTL } from '../../protocol/eventsys-ioctl.js';

const TICKS_PER_MS = 10_000n;
const LATEST = FILETIME_OF_1970 + 10_000_000n * 4_102_444_800n;

const milliseconds = (ticks: bigint): string => {
  const whole = Number(ticks) / Number(TICKS_PER_MS);
  return `${Number.isInteger(whole) ? whole : whole.toFixed(3)} ms`;
};

/** A due time or timeout in 100 ns units: negative is relative, 0 at once, positive a time of day in UTC. */
export function describeDueTime(ticks: bigint): string {
  if (ticks === 0n) return 'at once';
  if (ticks < 0n) return `in ${milliseconds(-ticks)}`;
  if (ticks >= FILETIME_OF_1970 && ticks <= LATEST) {
    return `at ${new Date(Number((ticks - FILETIME_OF_1970) / TICKS_PER_MS)).toISOString()}`;
  }
  return `at ${ticks} (100 ns units since boot or 1601)`;
}

/** What a LARGE_INTEGER may mean besides its number; undefined when it is most likely just a number. */
export function largeIntegerMeaning(value: bigint): string | undefined {
  // A relative time of at least 1 us and at most 30 days, or a date between 1970 and 2100.
  const isRelative = value <= -10n && value >= -10_000_000n * 86_400n * 30n;
  return isRelative || (value >= FILETIME_OF_1970 && value <= LATEST) ? describeDueTime(value) : undefined;
}

/** NTSTATUS for a person, without its meaning: `STATUS_PENDING (0x00000103)`. */
export function namedStatus(status: number): string {
  const name = ntstatusName(status);
  const hex = `0x${(status >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
  return name === undefined ? hex : `${name} (${hex})`;
}

const METHODS = ['METHOD_BUFFERED', 'METHOD_IN_DIRECT', 'METHOD_OUT_DIRECT', 'METHOD_NEITHER'];
const ACCESSES = ['FILE_ANY_ACCESS', 'FILE_READ_ACCESS', 'FILE_WRITE_ACCESS', 'FILE_READ_ACCESS|FILE_WRITE_ACCESS'];

const IOCTL_NAMES = new Map<number, string>(
  Object.entries(EVENTSYS_IOCTL).map(([name, code]) => [code, `IOCTL_EVENTSYS_${name}`]),
);

/** An I/O control code: its name where it is known, else its parts as CTL_CODE (winioctl.h) takes them. */
export function describeIoctl(code: number): string {
  const unsigned = code >>> 0;
  const hex = `0x${unsigned.toString(16).toUpperCase().padStart(8, '0')}`;
  const name = IOCTL_NAMES.get(unsigned);
  if (name !== undefined) return `${name} (${hex})`;
  const parts = [
    `device 0x${(unsigned >>> 16).toString(16)}`,
    `function 0x${((unsigned >>> 2) & 0xfff).toString(16)}`,
    METHODS[unsigned & 3],
    ACCESSES[(unsigned >>> 14) & 3],
  ];
  return `${hex} (${parts.join(', ')})`;
}

const STATUS_NAMES = /^(?:nt)?status$|Status$|^\w*_status$/;
const IOCTL_VARIABLE = /ioctl|^IoControlCode$|^control_?code$/i;

/**
 * What an integer of 32 bits means, told by what it is called: a PDB keeps `long`, not NTSTATUS. A status needs a known name, so that
 * a count that somebody called "status" stays a number.
 */
export function meaningByName(name: string, typeName: string, value: bigint): string | undefined {
  const code = Number(BigInt.asUintN(32, value));
  if (typeName === 'NTSTATUS' || (STATUS_NAMES.test(name) && /^(?:long|int|LONG)$/.test(typeName))) {
    return ntstatusName(code) === undefined ? undefined : namedStatus(code);
  }
  return IOCTL_VARIABLE.test(name) && code > 0xffff ? describeIoctl(code) : undefined;
}

const MAJOR_FUNCTIONS = (
  'CREATE CREATE_NAMED_PIPE CLOSE READ WRITE QUERY_INFORMATION SET_INFORMATION QUERY_EA SET_EA FLUSH_BUFFERS ' +
  'QUERY_VOLUME_INFORMATION SET_VOLUME_INFORMATION DIRECTORY_CONTROL FILE_SYSTEM_CONTROL DEVICE_CONTROL ' +
  'INTERNAL_DEVICE_CONTROL SHUTDOWN LOCK_CONTROL CLEANUP CREATE_MAILSLOT QUERY_SECURITY SET_SECURITY POWER ' +
  'SYSTEM_CONTROL DEVICE_CHANGE QUERY_QUOTA SET_QUOTA PNP'
).split(' ');
export const IRP_MJ_DEVICE_CONTROL = 14;
export const IRP_MJ_INTERNAL_DEVICE_CONTROL = 15;

/** IRP_MJ_* (wdm.h). */
export function majorFunctionName(major: number): string {
  const name = MAJOR_FUNCTIONS[major];
  return name === undefined ? `major function ${major}` : `IRP_MJ_${name}`;
}
