/**
 * The kernel's side of the catalogue: exports of ntoskrnl.exe that drivers call. Parameters and IRQLs by the documentation of
 * the driver interface (wdm.h, ntifs.h); what Wine lacks by its ntoskrnl.exe 8.0.
 */
import type { PointRow } from './point.js';

const KE_WAIT_SINGLE = ['object', 'waitReason', 'waitMode', 'alertable', 'timeout'] as const;
const WAIT_IRQL_NOTE = 'At DISPATCH_LEVEL only with a timeout that is not null and zero.';

/** Ke, Io and Ob. */
export const KERNEL_POINTS: readonly PointRow[] = [
  {
    ...{ name: 'KeSetEvent', role: 'signal', action: 'set', object: 'event', irql: 'dispatch' },
    ...{ parameters: ['object', 'increment', 'waitFollows'], returns: 'previousState', entersOnWine: ['NtSetEvent'] },
  },
  {
    ...{ name: 'KeSetEventBoostPriority', role: 'signal', action: 'set', object: 'event', irql: 'dispatch' },
    ...{ parameters: ['object', 'other'], returns: 'none', wine: 'stub' },
  },
  {
    ...{ name: 'KePulseEvent', role: 'signal', action: 'pulse', object: 'event', irql: 'dispatch' },
    ...{ parameters: ['object', 'increment', 'waitFollows'], returns: 'previousState', wine: 'stub' },
  },
  {
    ...{ name: 'KeReleaseSemaphore', role: 'signal', action: 'release', object: 'semaphore', irql: 'dispatch' },
    ...{ parameters: ['object', 'increment', 'adjustment', 'waitFollows'], returns: 'previousState' },
    entersOnWine: ['NtReleaseSemaphore'],
  },
  {
    ...{ name: 'KeReleaseMutex', role: 'signal', action: 'release', object: 'mutant', irql: 'dispatch' },
    ...{ parameters: ['object', 'waitFollows'], returns: 'previousState', entersOnWine: ['NtReleaseMutant'] },
  },
  {
    ...{ name: 'KeReleaseMutant', role: 'signal', action: 'release', object: 'mutant', irql: 'dispatch' },
    ...{ parameters: ['object', 'increment', 'other', 'waitFollows'], returns: 'previousState', wine: 'stub' },
  },
  {
    ...{ name: 'KeInsertQueue', role: 'signal', action: 'wake', object: 'queue', irql: 'dispatch' },
    ...{ parameters: ['object', 'other'], returns: 'previousState', wine: 'stub' },
  },
  {
    ...{ name: 'KeInsertHeadQueue', role: 'signal', action: 'wake', object: 'queue', irql: 'dispatch' },
    ...{ parameters: ['object', 'other'], returns: 'previousState', wine: 'stub' },
  },
  {
    ...{ name: 'KeSetTimer', role: 'signal', action: 'timerSet', object: 'timer', irql: 'dispatch' },
    ...{ parameters: ['object', 'dueTime', 'other'], returns: 'wasQueued', enters: ['KeSetTimerEx'] },
    note: 'Signals when the time has come, not at the call.',
  },
  {
    ...{ name: 'KeSetTimerEx', role: 'signal', action: 'timerSet', object: 'timer', irql: 'dispatch' },
    ...{ parameters: ['object', 'dueTime', 'period', 'other'], returns: 'wasQueued' },
    note: 'Signals when the time has come, not at the call.',
  },
  {
    ...{ name: 'KeSetCoalescableTimer', role: 'signal', action: 'timerSet', object: 'timer', irql: 'dispatch' },
    ...{ parameters: ['object', 'dueTime', 'period', 'other', 'other'], returns: 'wasQueued', wine: 'absent' },
    note: 'Signals when the time has come, not at the call.',
  },
  {
    ...{ name: 'KeCancelTimer', role: 'reset', action: 'timerCancel', object: 'timer', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'wasQueued' },
  },
  {
    ...{ name: 'IofCompleteRequest', role: 'signal', action: 'complete', object: 'request', irql: 'dispatch' },
    ...{ parameters: ['irp', 'other'], returns: 'none' },
    note: "Signals the requestor's event, when the request has one; IoCompleteRequest is a macro for it.",
  },
  {
    ...{ name: 'IoCompleteRequest', role: 'signal', action: 'complete', object: 'request', irql: 'dispatch' },
    ...{ parameters: ['irp', 'other'], returns: 'none', enters: ['IofCompleteRequest'] },
  },
  {
    ...{ name: 'KeAlertThread', role: 'signal', action: 'wake', object: 'thread', irql: 'dispatch' },
    ...{ parameters: ['object', 'waitMode'], returns: 'wasQueued', wine: 'stub' },
  },
  {
    ...{ name: 'KeWaitForSingleObject', role: 'wait', action: 'wait', object: 'any', irql: 'apc' },
    ...{ parameters: [...KE_WAIT_SINGLE], returns: 'waitStatus', note: WAIT_IRQL_NOTE },
    entersOnWine: ['KeWaitForMultipleObjects', 'NtWaitForMultipleObjects'],
  },
  {
    ...{ name: 'KeWaitForMutexObject', role: 'wait', action: 'wait', object: 'mutant', irql: 'apc' },
    ...{ parameters: [...KE_WAIT_SINGLE], returns: 'waitStatus', enters: ['KeWaitForSingleObject'] },
    entersOnWine: ['KeWaitForMultipleObjects', 'NtWaitForMultipleObjects'],
  },
  {
    ...{ name: 'KeWaitForMultipleObjects', role: 'wait', action: 'wait', object: 'any', irql: 'apc' },
    parameters: ['count', 'objects', 'waitType', 'waitReason', 'waitMode', 'alertable', 'timeout', 'other'],
    ...{ returns: 'waitStatus', note: WAIT_IRQL_NOTE, entersOnWine: ['NtWaitForMultipleObjects'] },
  },
  {
    ...{ name: 'KeDelayExecutionThread', role: 'wait', action: 'delay', object: 'thread', irql: 'apc' },
    ...{ parameters: ['waitMode', 'alertable', 'timeout'], returns: 'waitStatus', entersOnWine: ['NtDelayExecution'] },
  },
  {
    ...{ name: 'KeRemoveQueue', role: 'wait', action: 'wait', object: 'queue', irql: 'apc' },
    ...{ parameters: ['object', 'waitMode', 'timeout'], returns: 'object', wine: 'stub' },
    note: 'Returns the entry, or a status below 256 as a pointer.',
  },
  {
    ...{ name: 'KeResetEvent', role: 'reset', action: 'reset', object: 'event', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'previousState', entersOnWine: ['NtResetEvent'] },
  },
  {
    ...{ name: 'KeClearEvent', role: 'reset', action: 'reset', object: 'event', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'none', entersOnWine: ['KeResetEvent', 'NtResetEvent'] },
  },
  {
    ...{ name: 'KeInitializeEvent', role: 'lifecycle', action: 'initialize', object: 'event' },
    ...{ parameters: ['object', 'eventType', 'initialState'], returns: 'none' },
  },
  {
    ...{ name: 'KeInitializeSemaphore', role: 'lifecycle', action: 'initialize', object: 'semaphore' },
    ...{ parameters: ['object', 'initialCount', 'maximumCount'], returns: 'none' },
  },
  {
    ...{ name: 'KeInitializeMutex', role: 'lifecycle', action: 'initialize', object: 'mutant' },
    ...{ parameters: ['object', 'other'], returns: 'none' },
  },
  {
    ...{ name: 'KeInitializeTimer', role: 'lifecycle', action: 'initialize', object: 'timer' },
    ...{ parameters: ['object'], returns: 'none', enters: ['KeInitializeTimerEx'] },
  },
  {
    ...{ name: 'KeInitializeTimerEx', role: 'lifecycle', action: 'initialize', object: 'timer' },
    ...{ parameters: ['object', 'eventType'], returns: 'none' },
  },
  {
    ...{ name: 'IoCreateNotificationEvent', role: 'lifecycle', action: 'create', object: 'event', irql: 'passive' },
    ...{ parameters: ['unicodeName', 'newHandle'], returns: 'object' },
    note: 'Opens what is there, or creates it signaled: it does not tell which.',
  },
  {
    ...{ name: 'IoCreateSynchronizationEvent', role: 'lifecycle', action: 'create', object: 'event', irql: 'passive' },
    ...{ parameters: ['unicodeName', 'newHandle'], returns: 'object' },
    note: 'Opens what is there, or creates it signaled: it does not tell which.',
  },
  {
    ...{ name: 'ObReferenceObjectByHandle', role: 'lifecycle', action: 'reference', object: 'any', irql: 'passive' },
    ...{ parameters: ['handle', 'access', 'other', 'accessMode', 'newObject', 'other'], returns: 'ntstatus' },
  },
  {
    ...{ name: 'ObfReferenceObject', role: 'lifecycle', action: 'reference', object: 'any', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'none' },
  },
  {
    ...{ name: 'ObfDereferenceObject', role: 'lifecycle', action: 'dereference', object: 'any', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'none', note: 'ObDereferenceObject is a macro for it.' },
  },
  {
    ...{ name: 'ObDereferenceObject', role: 'lifecycle', action: 'dereference', object: 'any', irql: 'dispatch' },
    ...{ parameters: ['object'], returns: 'none', enters: ['ObfDereferenceObject'] },
  },
  {
    ...{ name: 'ObOpenObjectByPointer', role: 'lifecycle', action: 'duplicate', object: 'any', irql: 'passive' },
    parameters: ['object', 'handleAttributes', 'other', 'access', 'other', 'accessMode', 'newHandle'],
    returns: 'ntstatus',
  },
  {
    ...{ name: 'ZwOpenProcess', role: 'lifecycle', action: 'open', object: 'process', irql: 'passive' },
    ...{ parameters: ['newHandle', 'access', 'attributes', 'clientId'], returns: 'ntstatus' },
    note: 'Tells whose handles a driver duplicates.',
  },
];
