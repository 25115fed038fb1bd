/**
 * What applications call: kernel32.dll (kernelbase.dll) and user32.dll. Parameters by the Win32 documentation; the native call that each
 * makes by name, so that one operation is not counted twice.
 */
import type { PointObject, PointParameter, PointRow } from './point.js';

/** Both forms of a function with a name. */
function wideAndNarrow(
  name: string,
  row: Omit<PointRow, 'name' | 'parameters'>,
  parameters: (text: 'wideName' | 'narrowName') => readonly PointParameter[],
): PointRow[] {
  return [
    { ...row, name: `${name}W`, parameters: parameters('wideName') },
    { ...row, name: `${name}A`, parameters: parameters('narrowName') },
  ];
}

const created = (object: PointObject, native: string): Omit<PointRow, 'name' | 'parameters'> => ({
  ...{ role: 'lifecycle', action: 'create', object, returns: 'handle', enters: [native] },
});
const opened = (object: PointObject, native: string): Omit<PointRow, 'name' | 'parameters'> => ({
  ...{ role: 'lifecycle', action: 'open', object, returns: 'handle', enters: [native] },
});

const NAMED: readonly PointRow[] = [
  ...wideAndNarrow('CreateEvent', created('event', 'NtCreateEvent'), (name) => [
    ...(['other', 'manualReset', 'initialState', name] as const),
  ]),
  ...wideAndNarrow('CreateEventEx', created('event', 'NtCreateEvent'), (name) => [
    ...(['other', name, 'eventFlags', 'access'] as const),
  ]),
  ...wideAndNarrow('OpenEvent', opened('event', 'NtOpenEvent'), (name) => ['access', 'other', name]),
  ...wideAndNarrow('CreateSemaphore', created('semaphore', 'NtCreateSemaphore'), (name) => [
    ...(['other', 'initialCount', 'maximumCount', name] as const),
  ]),
  ...wideAndNarrow('CreateSemaphoreEx', created('semaphore', 'NtCreateSemaphore'), (name) => [
    ...(['other', 'initialCount', 'maximumCount', name, 'other', 'access'] as const),
  ]),
  ...wideAndNarrow('OpenSemaphore', opened('semaphore', 'NtOpenSemaphore'), (name) => ['access', 'other', name]),
  ...wideAndNarrow('CreateMutex', created('mutant', 'NtCreateMutant'), (name) => ['other', 'initialOwner', name]),
  ...wideAndNarrow('CreateMutexEx', created('mutant', 'NtCreateMutant'), (name) => [
    ...(['other', name, 'mutexFlags', 'access'] as const),
  ]),
  ...wideAndNarrow('OpenMutex', opened('mutant', 'NtOpenMutant'), (name) => ['access', 'other', name]),
  ...wideAndNarrow('CreateWaitableTimer', created('timer', 'NtCreateTimer'), (name) => ['other', 'manualReset', name]),
  ...wideAndNarrow('CreateWaitableTimerEx', created('timer', 'NtCreateTimer'), (name) => [
    ...(['other', name, 'timerFlags', 'access'] as const),
  ]),
  ...wideAndNarrow('OpenWaitableTimer', opened('timer', 'NtOpenTimer'), (name) => ['access', 'other', name]),
];

const WAIT_SINGLE_ENTERS = {
  enters: ['NtWaitForSingleObject'],
  entersOnWine: ['NtWaitForMultipleObjects'],
} as const;

const UNNAMED: readonly PointRow[] = [
  {
    ...{ name: 'SetEvent', role: 'signal', action: 'set', object: 'event' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtSetEvent'] },
  },
  {
    ...{ name: 'PulseEvent', role: 'signal', action: 'pulse', object: 'event' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtPulseEvent'] },
  },
  {
    ...{ name: 'ReleaseSemaphore', role: 'signal', action: 'release', object: 'semaphore' },
    ...{ parameters: ['handle', 'adjustment', 'previous'], returns: 'bool', enters: ['NtReleaseSemaphore'] },
  },
  {
    ...{ name: 'ReleaseMutex', role: 'signal', action: 'release', object: 'mutant' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtReleaseMutant'] },
  },
  {
    ...{ name: 'SetWaitableTimer', role: 'signal', action: 'timerSet', object: 'timer' },
    parameters: ['handle', 'dueTimePointer', 'period', 'other', 'other', 'other'],
    ...{ returns: 'bool', enters: ['NtSetTimer'], note: 'Signals when the time has come, not at the call.' },
  },
  {
    ...{ name: 'SetWaitableTimerEx', role: 'signal', action: 'timerSet', object: 'timer' },
    parameters: ['handle', 'dueTimePointer', 'period', 'other', 'other', 'other', 'other'],
    ...{ returns: 'bool', enters: ['NtSetTimer'], note: 'Signals when the time has come, not at the call.' },
  },
  {
    ...{ name: 'CancelWaitableTimer', role: 'reset', action: 'timerCancel', object: 'timer' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtCancelTimer'] },
  },
  {
    ...{ name: 'ResetEvent', role: 'reset', action: 'reset', object: 'event' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtResetEvent'] },
  },
  {
    ...{ name: 'WaitForSingleObject', role: 'wait', action: 'wait', object: 'any', ...WAIT_SINGLE_ENTERS },
    ...{ parameters: ['handle', 'milliseconds'], returns: 'win32Wait' },
  },
  {
    ...{ name: 'WaitForSingleObjectEx', role: 'wait', action: 'wait', object: 'any', ...WAIT_SINGLE_ENTERS },
    ...{ parameters: ['handle', 'milliseconds', 'alertable'], returns: 'win32Wait' },
  },
  {
    ...{ name: 'WaitForMultipleObjects', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['count', 'handles', 'waitAll', 'milliseconds'], returns: 'win32Wait' },
    enters: ['NtWaitForMultipleObjects'],
  },
  {
    ...{ name: 'WaitForMultipleObjectsEx', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['count', 'handles', 'waitAll', 'milliseconds', 'alertable'], returns: 'win32Wait' },
    enters: ['NtWaitForMultipleObjects'],
  },
  {
    ...{ name: 'SignalObjectAndWait', role: 'wait', action: 'signalAndWait', object: 'any' },
    ...{ parameters: ['signalHandle', 'waitHandle', 'milliseconds', 'alertable'], returns: 'win32Wait' },
    ...{ enters: ['NtSignalAndWaitForSingleObject'] },
    note: 'A signal point of its first argument, and a wait point of its second.',
  },
  {
    ...{ name: 'SleepEx', role: 'wait', action: 'delay', object: 'thread' },
    ...{ parameters: ['milliseconds', 'alertable'], returns: 'win32Wait', enters: ['NtDelayExecution'] },
  },
  {
    ...{ name: 'DuplicateHandle', role: 'lifecycle', action: 'duplicate', object: 'any' },
    parameters: ['sourceProcess', 'sourceHandle', 'targetProcess', 'newHandle', 'access', 'other', 'other'],
    ...{ returns: 'bool', enters: ['NtDuplicateObject'] },
  },
  {
    ...{ name: 'CloseHandle', role: 'lifecycle', action: 'close', object: 'any' },
    ...{ parameters: ['handle'], returns: 'bool', enters: ['NtClose'] },
  },
];

/** kernel32.dll. */
export const WIN32_POINTS: readonly PointRow[] = [...UNNAMED, ...NAMED];

/** kernelbase.dll and the API sets alone: their home is not kernel32.dll. */
export const ADDRESS_POINTS: readonly PointRow[] = [
  {
    ...{ name: 'WaitOnAddress', role: 'wait', action: 'wait', object: 'address' },
    ...{ parameters: ['waitedAddress', 'other', 'other', 'milliseconds'], returns: 'bool' },
    enters: ['RtlWaitOnAddress', 'NtWaitForAlertByThreadId'],
  },
  {
    ...{ name: 'WakeByAddressSingle', role: 'signal', action: 'wake', object: 'address' },
    ...{ parameters: ['waitedAddress'], returns: 'none', enters: ['RtlWakeAddressSingle', 'NtAlertThreadByThreadId'] },
  },
  {
    ...{ name: 'WakeByAddressAll', role: 'signal', action: 'wake', object: 'address' },
    ...{ parameters: ['waitedAddress'], returns: 'none', enters: ['RtlWakeAddressAll', 'NtAlertThreadByThreadId'] },
  },
];

/** user32.dll. */
export const USER32_POINTS: readonly PointRow[] = [
  {
    ...{ name: 'MsgWaitForMultipleObjects', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['count', 'handles', 'waitAll', 'milliseconds', 'other'], returns: 'win32Wait' },
    note: 'Its result may be the count itself: a message came.',
  },
  {
    ...{ name: 'MsgWaitForMultipleObjectsEx', role: 'wait', action: 'wait', object: 'any' },
    ...{ parameters: ['count', 'handles', 'milliseconds', 'other', 'other'], returns: 'win32Wait' },
    note: 'Its result may be the count itself: a message came. Flags 1 = all, 2 = alertable.',
  },
];
