/**
 * Native calls: Nt and Rtl of ntdll.dll, and the Zw names under which drivers call the same services. Parameters by the public
 * headers of the native interface; what Wine lacks by its ntdll.dll and ntoskrnl.exe 8.0.
 */
import type { PointParameter, PointRow } from './point.js';

const ONE_STATE = ['handle', 'previous'] as const satisfies readonly PointParameter[];
const OPEN = ['newHandle', 'access', 'attributes'] as const satisfies readonly PointParameter[];

/** Of events, semaphores, mutants and timers: services that ntdll and (as Zw) the kernel have in common. */
const SERVICES: readonly PointRow[] = [
  {
    ...{ name: 'NtSetEvent', role: 'signal', action: 'set', object: 'event' },
    ...{ parameters: [...ONE_STATE], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtPulseEvent', role: 'signal', action: 'pulse', object: 'event' },
    ...{ parameters: [...ONE_STATE], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtReleaseSemaphore', role: 'signal', action: 'release', object: 'semaphore' },
    ...{ parameters: ['handle', 'adjustment', 'previous'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtReleaseMutant', role: 'signal', action: 'release', object: 'mutant' },
    ...{ parameters: [...ONE_STATE], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtSetTimer', role: 'signal', action: 'timerSet', object: 'timer' },
    parameters: ['handle', 'dueTimePointer', 'other', 'other', 'other', 'period', 'previous'],
    ...{ returns: 'ntstatus', note: 'Signals when the time has come, not at the call.' },
  },
  {
    ...{ name: 'NtCancelTimer', role: 'reset', action: 'timerCancel', object: 'timer' },
    ...{ parameters: [...ONE_STATE], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtResetEvent', role: 'reset', action: 'reset', object: 'event' },
    ...{ parameters: [...ONE_STATE], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtClearEvent', role: 'reset', action: 'reset', object: 'event' },
    ...{ parameters: ['handle'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtWaitForSingleObject', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['handle', 'alertable', 'timeout'], returns: 'waitStatus' },
    entersOnWine: ['NtWaitForMultipleObjects'],
  },
  {
    ...{ name: 'NtWaitForMultipleObjects', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['count', 'handles', 'waitType', 'alertable', 'timeout'], returns: 'waitStatus' },
  },
  {
    ...{ name: 'NtSignalAndWaitForSingleObject', role: 'wait', action: 'signalAndWait', object: 'any' },
    ...{ parameters: ['signalHandle', 'waitHandle', 'alertable', 'timeout'], returns: 'waitStatus' },
    note: 'A signal point of its first argument, and a wait point of its second.',
  },
  {
    ...{ name: 'NtCreateEvent', role: 'lifecycle', action: 'create', object: 'event' },
    ...{ parameters: [...OPEN, 'eventType', 'initialState'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtOpenEvent', role: 'lifecycle', action: 'open', object: 'event' },
    ...{ parameters: [...OPEN], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtCreateSemaphore', role: 'lifecycle', action: 'create', object: 'semaphore' },
    ...{ parameters: [...OPEN, 'initialCount', 'maximumCount'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtOpenSemaphore', role: 'lifecycle', action: 'open', object: 'semaphore' },
    ...{ parameters: [...OPEN], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtCreateMutant', role: 'lifecycle', action: 'create', object: 'mutant' },
    ...{ parameters: [...OPEN, 'initialOwner'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtOpenMutant', role: 'lifecycle', action: 'open', object: 'mutant' },
    ...{ parameters: [...OPEN], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtCreateTimer', role: 'lifecycle', action: 'create', object: 'timer' },
    ...{ parameters: [...OPEN, 'eventType'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtOpenTimer', role: 'lifecycle', action: 'open', object: 'timer' },
    ...{ parameters: [...OPEN], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtDuplicateObject', role: 'lifecycle', action: 'duplicate', object: 'any' },
    parameters: ['sourceProcess', 'sourceHandle', 'targetProcess', 'newHandle', 'access', 'handleAttributes', 'other'],
    returns: 'ntstatus',
  },
  {
    ...{ name: 'NtClose', role: 'lifecycle', action: 'close', object: 'any' },
    ...{ parameters: ['handle'], returns: 'ntstatus' },
  },
];

/** What only ntdll has. */
const NTDLL_ONLY: readonly PointRow[] = [
  {
    ...{ name: 'NtDelayExecution', role: 'wait', action: 'delay', object: 'thread' },
    ...{ parameters: ['alertable', 'timeout'], returns: 'waitStatus' },
  },
  {
    ...{ name: 'NtWaitForKeyedEvent', role: 'wait', action: 'wait', object: 'address' },
    ...{ parameters: ['handle', 'waitedAddress', 'alertable', 'timeout'], returns: 'waitStatus' },
  },
  {
    ...{ name: 'NtReleaseKeyedEvent', role: 'signal', action: 'wake', object: 'address' },
    ...{ parameters: ['handle', 'waitedAddress', 'alertable', 'timeout'], returns: 'waitStatus' },
    note: 'Waits itself until somebody waits for the key.',
  },
  {
    ...{ name: 'NtWaitForAlertByThreadId', role: 'wait', action: 'wait', object: 'address' },
    ...{ parameters: ['waitedAddress', 'timeout'], returns: 'waitStatus' },
    note: 'Critical sections, SRW locks, condition variables and WaitOnAddress block here.',
  },
  {
    ...{ name: 'NtAlertThreadByThreadId', role: 'signal', action: 'wake', object: 'thread' },
    ...{ parameters: ['threadId'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'NtAlertThread', role: 'signal', action: 'wake', object: 'thread' },
    ...{ parameters: ['handle'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'RtlWaitOnAddress', role: 'wait', action: 'wait', object: 'address' },
    ...{ parameters: ['waitedAddress', 'other', 'other', 'timeout'], returns: 'waitStatus' },
    enters: ['NtWaitForAlertByThreadId'],
  },
  {
    ...{ name: 'RtlWakeAddressSingle', role: 'signal', action: 'wake', object: 'address' },
    ...{ parameters: ['waitedAddress'], returns: 'none', enters: ['NtAlertThreadByThreadId'] },
  },
  {
    ...{ name: 'RtlWakeAddressAll', role: 'signal', action: 'wake', object: 'address' },
    ...{ parameters: ['waitedAddress'], returns: 'none', enters: ['NtAlertThreadByThreadId'] },
  },
];

/** Under their Zw names in ntoskrnl.exe. Semaphores and mutants have none for drivers. */
const KERNEL_SERVICES: ReadonlySet<string> = new Set([
  ...['NtSetEvent', 'NtPulseEvent', 'NtResetEvent', 'NtClearEvent', 'NtSetTimer', 'NtCancelTimer'],
  ...['NtWaitForSingleObject', 'NtWaitForMultipleObjects', 'NtDuplicateObject', 'NtClose'],
  ...['NtCreateEvent', 'NtOpenEvent', 'NtCreateTimer', 'NtOpenTimer'],
]);

export const NATIVE_POINTS: readonly PointRow[] = [...SERVICES, ...NTDLL_ONLY];

/** Services as drivers call them, documented for PASSIVE_LEVEL. */
export const KERNEL_NATIVE_POINTS: readonly PointRow[] = SERVICES.filter(({ name }) => KERNEL_SERVICES.has(name)).map(
  (row) => ({ ...row, name: `Zw${row.name.slice(2)}`, irql: 'passive', enters: [row.name] }),
);
