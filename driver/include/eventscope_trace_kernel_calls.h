/*
 * eventscope_trace_kernel_calls.h - the kernel calls that eventscope_trace.h records in a driver.
 *
 * Each recorder makes the real call between two readings of the counter, then writes one record; a wait writes two. A
 * recorder is legal wherever the call is, and never above DISPATCH_LEVEL.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACE_KERNEL_CALLS_H
#define EVENTSCOPE_TRACE_KERNEL_CALLS_H

#if defined(__MINGW32__)
/* Not in mingw's headers. */
NTSYSAPI NTSTATUS NTAPI ZwCreateEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, EVENT_TYPE type,
                                      BOOLEAN initialState);
NTSYSAPI NTSTATUS NTAPI ZwOpenEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes);
NTSYSAPI NTSTATUS NTAPI ZwSetEvent(HANDLE handle, PLONG previous);
NTSYSAPI NTSTATUS NTAPI ZwDuplicateObject(HANDLE sourceProcess, HANDLE source, HANDLE targetProcess, PHANDLE target,
                                          ACCESS_MASK access, ULONG attributes, ULONG options);
NTKERNELAPI NTSTATUS NTAPI ObOpenObjectByPointer(PVOID object, ULONG attributes, PACCESS_STATE accessState, ACCESS_MASK access,
                                                 POBJECT_TYPE type, KPROCESSOR_MODE mode, PHANDLE handle);
#endif

ES_TRACE_INLINE uint64_t EsTraceAddress(const volatile void *object)
{
    return (uint64_t)(uintptr_t)object;
}

/* A call about one object in memory, with or without a state before. */
ES_TRACE_INLINE void EsTraceObjectCall(uint16_t kind, uint8_t flags, const volatile void *object, uint64_t argument,
                                       int32_t status, uint8_t previous, uint64_t from, uint64_t caller)
{
    EsTraceRecord(kind, flags, EsTraceAddress(object), argument, status, previous, from, 1, caller, 0, NULL, 0);
}

/* Signal and reset. */

ES_TRACE_NOINLINE LONG EsTracedKeSetEvent(PRKEVENT event, KPRIORITY increment, BOOLEAN wait)
{
    const uint64_t from = EsTraceFrom();
    const LONG previous = KeSetEvent(event, increment, wait);

    /* With Wait = TRUE the dispatcher is still locked: nothing may come between this call and the wait. */
    if (from != 0 && !wait) {
        EsTraceObjectCall(EsTraceSet, 0, event, 0, 0, EsTracePrevious(previous), from, ES_TRACE_RETURN_ADDRESS());
    }
    return previous;
}

ES_TRACE_NOINLINE LONG EsTracedKeResetEvent(PRKEVENT event)
{
    const uint64_t from = EsTraceFrom();
    const LONG previous = KeResetEvent(event);

    if (from != 0) {
        EsTraceObjectCall(EsTraceReset, 0, event, 0, 0, EsTracePrevious(previous), from, ES_TRACE_RETURN_ADDRESS());
    }
    return previous;
}

ES_TRACE_NOINLINE void EsTracedKeClearEvent(PRKEVENT event)
{
    const uint64_t from = EsTraceFrom();

    KeClearEvent(event);
    if (from != 0) {
        EsTraceObjectCall(EsTraceReset, 0, event, 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, from, ES_TRACE_RETURN_ADDRESS());
    }
}

ES_TRACE_NOINLINE LONG EsTracedKeReleaseSemaphore(PRKSEMAPHORE semaphore, KPRIORITY increment, LONG count, BOOLEAN wait)
{
    const uint64_t from = EsTraceFrom();
    const LONG previous = KeReleaseSemaphore(semaphore, increment, count, wait);

    if (from != 0 && !wait) {
        EsTraceObjectCall(EsTraceRelease, 0, semaphore, (uint64_t)(int64_t)count, 0, EsTracePrevious(previous), from,
                          ES_TRACE_RETURN_ADDRESS());
    }
    return previous;
}

ES_TRACE_NOINLINE LONG EsTracedKeReleaseMutex(PRKMUTEX mutex, BOOLEAN wait)
{
    const uint64_t from = EsTraceFrom();
    const LONG previous = KeReleaseMutex(mutex, wait);

    if (from != 0 && !wait) {
        EsTraceObjectCall(EsTraceRelease, 0, mutex, 1, 0, EsTracePrevious(previous), from, ES_TRACE_RETURN_ADDRESS());
    }
    return previous;
}

ES_TRACE_NOINLINE NTSTATUS EsTracedZwSetEvent(HANDLE handle, PLONG previous)
{
    const uint64_t from = EsTraceFrom();
    LONG before = 0;
    const NTSTATUS status = ZwSetEvent(handle, &before);

    if (NT_SUCCESS(status) && previous != NULL) {
        *previous = before;
    }
    if (from != 0) {
        EsTraceRecord(EsTraceSet, ES_TRACE_FLAG_OBJECT_IS_HANDLE, EsTraceAddress(handle), 0, status,
                      NT_SUCCESS(status) ? EsTracePrevious(before) : ES_TRACE_PREVIOUS_UNKNOWN, from, 1,
                      ES_TRACE_RETURN_ADDRESS(), EsTraceHandleOwner(handle, 1), NULL, 0);
    }
    return status;
}

/* Requests: the system sets the event that the requestor waits for. */

ES_TRACE_NOINLINE void EsTracedCompleteRequest(PIRP irp, CCHAR boost, uint64_t requestId)
{
    /* The request is gone when the call returns. */
    const int waited = requestId != 0 || irp->UserEvent != NULL;
    const NTSTATUS result = irp->IoStatus.Status;
    const uint64_t from = EsTraceFrom();

    IoCompleteRequest(irp, boost);
    if (from != 0 && waited) {
        EsTraceObjectCall(EsTraceComplete, 0, irp, requestId, result, ES_TRACE_PREVIOUS_UNKNOWN, from,
                          ES_TRACE_RETURN_ADDRESS());
    }
}

/* Timers. */

ES_TRACE_NOINLINE BOOLEAN EsTracedKeSetTimerEx(PKTIMER timer, LARGE_INTEGER due, LONG period, PKDPC dpc)
{
    const uint64_t from = EsTraceFrom();
    const BOOLEAN queued = KeSetTimerEx(timer, due, period, dpc);

    if (from != 0) {
        EsTraceObjectCall(EsTraceTimerSet, 0, timer, (uint64_t)due.QuadPart, period, EsTracePrevious(queued), from,
                          ES_TRACE_RETURN_ADDRESS());
    }
    return queued;
}

ES_TRACE_NOINLINE BOOLEAN EsTracedKeCancelTimer(PKTIMER timer)
{
    const uint64_t from = EsTraceFrom();
    const BOOLEAN queued = KeCancelTimer(timer);

    if (from != 0) {
        EsTraceObjectCall(EsTraceTimerCancel, 0, timer, 0, 0, EsTracePrevious(queued), from, ES_TRACE_RETURN_ADDRESS());
    }
    return queued;
}

ES_TRACE_NOINLINE void EsTraceTimerExpireAt(PKTIMER timer)
{
    if (EsTraceIsOn()) {
        EsTraceRecord(EsTraceTimerExpire, ES_TRACE_FLAG_DPC, EsTraceAddress(timer), 0, 0, ES_TRACE_PREVIOUS_UNKNOWN,
                      0, 0, ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
}
#define EsTraceTimerExpire(timer) ES_TRACE_CALL_VOID(EsTraceTimerExpireAt((timer)))

ES_TRACE_NOINLINE void EsTracedKeInitializeEvent(PRKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
    const uint64_t from = EsTraceFrom();

    KeInitializeEvent(event, type, state);
    if (from != 0) {
        EsTraceObjectCall(EsTraceInitialize,
                          (uint8_t)((type == SynchronizationEvent ? ES_TRACE_FLAG_SYNCHRONIZATION : 0) |
                                    (state ? ES_TRACE_FLAG_INITIALLY_SET : 0)),
                          event, EsTraceObjectEvent, 0, ES_TRACE_PREVIOUS_UNKNOWN, from, ES_TRACE_RETURN_ADDRESS());
    }
}

ES_TRACE_NOINLINE void EsTracedKeInitializeTimerEx(PKTIMER timer, TIMER_TYPE type)
{
    const uint64_t from = EsTraceFrom();

    KeInitializeTimerEx(timer, type);
    if (from != 0) {
        EsTraceObjectCall(EsTraceInitialize, (uint8_t)(type == SynchronizationTimer ? ES_TRACE_FLAG_SYNCHRONIZATION : 0), timer,
                          EsTraceObjectTimer, 0, ES_TRACE_PREVIOUS_UNKNOWN, from, ES_TRACE_RETURN_ADDRESS());
    }
}

/* Waits. */

ES_TRACE_INLINE uint64_t EsTraceTimeout(const LARGE_INTEGER *timeout)
{
    return (uint64_t)(timeout == NULL ? ES_TRACE_NO_TIMEOUT : timeout->QuadPart);
}

ES_TRACE_NOINLINE NTSTATUS EsTracedKeWaitForSingleObject(PVOID object, KWAIT_REASON reason, KPROCESSOR_MODE mode,
                                                         BOOLEAN alertable, PLARGE_INTEGER timeout)
{
    const uint8_t flags = alertable ? ES_TRACE_FLAG_ALERTABLE : 0;
    const uint64_t from = EsTraceFrom();
    NTSTATUS status;

    if (from != 0) {
        EsTraceRecord(EsTraceWaitBegin, flags, EsTraceAddress(object), EsTraceTimeout(timeout), 0, ES_TRACE_PREVIOUS_UNKNOWN,
                      from, 0, ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
    status = KeWaitForSingleObject(object, reason, mode, alertable, timeout);
    if (from != 0) {
        EsTraceObjectCall(EsTraceWaitEnd, flags, object, 0, status, ES_TRACE_PREVIOUS_UNKNOWN, from, ES_TRACE_RETURN_ADDRESS());
    }
    return status;
}

ES_TRACE_NOINLINE NTSTATUS EsTracedKeWaitForMultipleObjects(ULONG count, PVOID objects[], WAIT_TYPE type, KWAIT_REASON reason,
                                                            KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER timeout,
                                                            PKWAIT_BLOCK blocks)
{
    const uint8_t flags = (uint8_t)((alertable ? ES_TRACE_FLAG_ALERTABLE : 0) | (type == WaitAll ? ES_TRACE_FLAG_WAIT_ALL : 0));
    const uint64_t from = EsTraceFrom();
    ULONG satisfied = 0;
    NTSTATUS status;

    if (from != 0) {
        uint64_t list[MAXIMUM_WAIT_OBJECTS];
        ULONG index;

        for (index = 0; index < count && index < MAXIMUM_WAIT_OBJECTS; index++) {
            list[index] = EsTraceAddress(objects[index]);
        }
        EsTraceRecord(EsTraceWaitBegin, flags, list[0], EsTraceTimeout(timeout), 0, ES_TRACE_PREVIOUS_UNKNOWN, from, 0,
                      ES_TRACE_RETURN_ADDRESS(), 0, list, index * (uint32_t)sizeof(list[0]));
    }
    status = KeWaitForMultipleObjects(count, objects, type, reason, mode, alertable, timeout, blocks);
    if (from != 0) {
        if (type == WaitAny && status >= STATUS_WAIT_0 && (ULONG)status < count) {
            satisfied = (ULONG)status;
        }
        EsTraceObjectCall(EsTraceWaitEnd, flags, objects[satisfied], 0, status, ES_TRACE_PREVIOUS_UNKNOWN, from,
                          ES_TRACE_RETURN_ADDRESS());
    }
    return status;
}

/* Create, open, reference, duplicate, close. All at PASSIVE_LEVEL, but for the dereference. */

ES_TRACE_INLINE void EsTraceMade(uint16_t kind, uint8_t flags, HANDLE handle, uint64_t argument, NTSTATUS status, uint64_t from,
                                 uint64_t caller, const UNICODE_STRING *name)
{
    EsTraceRecord(kind,
                  (uint8_t)(flags | ES_TRACE_FLAG_OBJECT_IS_HANDLE |
                            (status == STATUS_OBJECT_NAME_EXISTS ? ES_TRACE_FLAG_EXISTED : 0)),
                  NT_SUCCESS(status) ? EsTraceAddress(handle) : 0, argument, status, ES_TRACE_PREVIOUS_UNKNOWN, from, 1, caller,
                  EsTraceKernel.systemProcess, name == NULL ? NULL : name->Buffer, name == NULL ? 0u : name->Length);
}

ES_TRACE_INLINE uint8_t EsTraceEventFlags(EVENT_TYPE type, BOOLEAN state)
{
    return (uint8_t)((type == SynchronizationEvent ? ES_TRACE_FLAG_SYNCHRONIZATION : 0) |
                     (state ? ES_TRACE_FLAG_INITIALLY_SET : 0));
}

ES_TRACE_NOINLINE NTSTATUS EsTracedZwCreateEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                                                 EVENT_TYPE type, BOOLEAN state)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ZwCreateEvent(handle, access, attributes, type, state);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, EsTraceEventFlags(type, state), *handle, EsTraceObjectEvent, status, from,
                    ES_TRACE_RETURN_ADDRESS(), attributes == NULL ? NULL : attributes->ObjectName);
    }
    return status;
}

ES_TRACE_NOINLINE NTSTATUS EsTracedZwOpenEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ZwOpenEvent(handle, access, attributes);

    if (from != 0) {
        EsTraceMade(EsTraceOpen, 0, *handle, EsTraceOpenArgument(EsTraceObjectEvent, access), status, from,
                    ES_TRACE_RETURN_ADDRESS(), attributes->ObjectName);
    }
    return status;
}

/* IoCreateNotificationEvent and IoCreateSynchronizationEvent: a creation, and the join of its handle and address. */
ES_TRACE_INLINE void EsTraceIoMade(PKEVENT event, HANDLE handle, uint8_t flags, uint64_t from, uint64_t caller,
                                   const UNICODE_STRING *name)
{
    EsTraceMade(EsTraceCreate, (uint8_t)(flags | ES_TRACE_FLAG_INITIALLY_SET), handle, EsTraceObjectEvent,
                event != NULL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL, from, caller, name);
    if (event != NULL) {
        EsTraceRecord(EsTraceReference, 0, EsTraceAddress(event), EsTraceAddress(handle), STATUS_SUCCESS,
                      ES_TRACE_PREVIOUS_UNKNOWN, from, 1, caller, EsTraceKernel.systemProcess, NULL, 0);
    }
}

ES_TRACE_NOINLINE PKEVENT EsTracedIoCreateNotificationEvent(PUNICODE_STRING name, PHANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const PKEVENT event = IoCreateNotificationEvent(name, handle);

    if (from != 0) {
        EsTraceIoMade(event, event != NULL ? *handle : NULL, 0, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return event;
}

ES_TRACE_NOINLINE PKEVENT EsTracedIoCreateSynchronizationEvent(PUNICODE_STRING name, PHANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const PKEVENT event = IoCreateSynchronizationEvent(name, handle);

    if (from != 0) {
        EsTraceIoMade(event, event != NULL ? *handle : NULL, ES_TRACE_FLAG_SYNCHRONIZATION, from, ES_TRACE_RETURN_ADDRESS(),
                      name);
    }
    return event;
}

ES_TRACE_NOINLINE NTSTATUS EsTracedObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type,
                                                             KPROCESSOR_MODE mode, PVOID *object,
                                                             POBJECT_HANDLE_INFORMATION information)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ObReferenceObjectByHandle(handle, access, type, mode, object, information);

    if (from != 0) {
        EsTraceRecord(EsTraceReference, 0, NT_SUCCESS(status) ? EsTraceAddress(*object) : 0, EsTraceAddress(handle), status,
                      ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(),
                      EsTraceHandleOwner(handle, mode == KernelMode), NULL, 0);
    }
    return status;
}

ES_TRACE_NOINLINE void EsTracedObDereferenceObject(PVOID object)
{
    const uint64_t from = EsTraceFrom();

    ObDereferenceObject(object);
    if (from != 0) {
        EsTraceObjectCall(EsTraceDereference, 0, object, 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, from, ES_TRACE_RETURN_ADDRESS());
    }
}

ES_TRACE_NOINLINE NTSTATUS EsTracedObOpenObjectByPointer(PVOID object, ULONG attributes, PACCESS_STATE accessState,
                                                         ACCESS_MASK access, POBJECT_TYPE type, KPROCESSOR_MODE mode,
                                                         PHANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ObOpenObjectByPointer(object, attributes, accessState, access, type, mode, handle);

    if (from != 0) {
        EsTraceRecord(EsTraceDuplicate, 0, EsTraceAddress(object), NT_SUCCESS(status) ? EsTraceAddress(*handle) : 0, status,
                      ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(),
                      (attributes & OBJ_KERNEL_HANDLE) != 0 ? EsTraceKernel.systemProcess : 0u, NULL, 0);
    }
    return status;
}

/* Between which processes is not to be seen from their handles: process is 0 but for the driver's own. */
ES_TRACE_NOINLINE NTSTATUS EsTracedZwDuplicateObject(HANDLE sourceProcess, HANDLE source, HANDLE targetProcess, PHANDLE target,
                                                     ACCESS_MASK access, ULONG attributes, ULONG options)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ZwDuplicateObject(sourceProcess, source, targetProcess, target, access, attributes, options);

    if (from != 0 && sourceProcess == NtCurrentProcess() && targetProcess == NtCurrentProcess() && EsTraceKernel.wine) {
        EsTraceRecord(EsTraceDuplicate, ES_TRACE_FLAG_OBJECT_IS_HANDLE, EsTraceAddress(source),
                      NT_SUCCESS(status) && target != NULL ? EsTraceAddress(*target) : 0, status, ES_TRACE_PREVIOUS_UNKNOWN,
                      from, 1, ES_TRACE_RETURN_ADDRESS(), EsTraceKernel.systemProcess, NULL, 0);
    }
    return status;
}

ES_TRACE_NOINLINE NTSTATUS EsTracedZwClose(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const NTSTATUS status = ZwClose(handle);

    if (from != 0) {
        EsTraceRecord(EsTraceClose, ES_TRACE_FLAG_OBJECT_IS_HANDLE, EsTraceAddress(handle), 0, status,
                      ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(), EsTraceHandleOwner(handle, 1), NULL, 0);
    }
    return status;
}

/* Explicit calls. */

ES_TRACE_NOINLINE void EsTraceReferenceHandle(HANDLE process, HANDLE handle, const void *object, NTSTATUS status)
{
    if (EsTraceIsOn()) {
        EsTraceRecord(EsTraceReference, 0, EsTraceAddress(object), EsTraceAddress(handle), status, ES_TRACE_PREVIOUS_UNKNOWN,
                      0, 0, ES_TRACE_RETURN_ADDRESS(), (uint32_t)(ULONG_PTR)process, NULL, 0);
    }
}

ES_TRACE_NOINLINE void EsTraceDuplicateHandle(const void *object, HANDLE process, HANDLE handle, NTSTATUS status)
{
    if (EsTraceIsOn()) {
        EsTraceRecord(EsTraceDuplicate, 0, EsTraceAddress(object), EsTraceAddress(handle), status, ES_TRACE_PREVIOUS_UNKNOWN,
                      0, 0, ES_TRACE_RETURN_ADDRESS(), (uint32_t)(ULONG_PTR)process, NULL, 0);
    }
}

ES_TRACE_NOINLINE void EsTraceText(uint16_t kind, const void *object, const UNICODE_STRING *text)
{
    if (EsTraceIsOn() && text != NULL) {
        EsTraceRecord(kind, 0, EsTraceAddress(object), 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0,
                      ES_TRACE_RETURN_ADDRESS(), 0, text->Buffer, text->Length);
    }
}
#define EsTraceName(object, name) ES_TRACE_CALL_VOID(EsTraceText(EsTraceName, (object), (name)))
#define EsTraceThreadName(name) ES_TRACE_CALL_VOID(EsTraceText(EsTraceThreadName, NULL, (name)))
#define EsTraceNote(text) ES_TRACE_CALL_VOID(EsTraceText(EsTraceNote, NULL, (text)))
#define EsTraceRequest(event, requestId) ((void)0) /* an application's */

/* From here on the names mean the recorders. */
#undef KeSetEvent
#define KeSetEvent(event, increment, wait) ES_TRACE_CALL(EsTracedKeSetEvent((event), (increment), (wait)))
#undef KeResetEvent
#define KeResetEvent(event) ES_TRACE_CALL(EsTracedKeResetEvent((event)))
#undef KeClearEvent
#define KeClearEvent(event) ES_TRACE_CALL_VOID(EsTracedKeClearEvent((event)))
#undef KeReleaseSemaphore
#define KeReleaseSemaphore(semaphore, increment, count, wait) \
    ES_TRACE_CALL(EsTracedKeReleaseSemaphore((semaphore), (increment), (count), (wait)))
#undef KeReleaseMutex
#define KeReleaseMutex(mutex, wait) ES_TRACE_CALL(EsTracedKeReleaseMutex((mutex), (wait)))
#undef ZwSetEvent
#define ZwSetEvent(handle, previous) ES_TRACE_CALL(EsTracedZwSetEvent((handle), (previous)))
#undef IoCompleteRequest
#define IoCompleteRequest(irp, boost) ES_TRACE_CALL_VOID(EsTracedCompleteRequest((irp), (boost), 0))
#define EsTraceComplete(irp, boost, requestId) ES_TRACE_CALL_VOID(EsTracedCompleteRequest((irp), (boost), (requestId)))
#undef KeSetTimerEx
#define KeSetTimerEx(timer, due, period, dpc) ES_TRACE_CALL(EsTracedKeSetTimerEx((timer), (due), (period), (dpc)))
#undef KeSetTimer
#define KeSetTimer(timer, due, dpc) ES_TRACE_CALL(EsTracedKeSetTimerEx((timer), (due), 0, (dpc)))
#undef KeCancelTimer
#define KeCancelTimer(timer) ES_TRACE_CALL(EsTracedKeCancelTimer((timer)))
#undef KeInitializeEvent
#define KeInitializeEvent(event, type, state) ES_TRACE_CALL_VOID(EsTracedKeInitializeEvent((event), (type), (state)))
#undef KeInitializeTimerEx
#define KeInitializeTimerEx(timer, type) ES_TRACE_CALL_VOID(EsTracedKeInitializeTimerEx((timer), (type)))
#undef KeInitializeTimer
#define KeInitializeTimer(timer) ES_TRACE_CALL_VOID(EsTracedKeInitializeTimerEx((timer), NotificationTimer))
#undef KeWaitForSingleObject
#define KeWaitForSingleObject(object, reason, mode, alertable, timeout) \
    ES_TRACE_CALL(EsTracedKeWaitForSingleObject((object), (reason), (mode), (alertable), (timeout)))
#undef KeWaitForMultipleObjects
#define KeWaitForMultipleObjects(count, objects, type, reason, mode, alertable, timeout, blocks)                            \
    ES_TRACE_CALL(EsTracedKeWaitForMultipleObjects((count), (objects), (type), (reason), (mode), (alertable), (timeout),    \
                                                   (blocks)))
#undef ZwCreateEvent
#define ZwCreateEvent(handle, access, attributes, type, state) \
    ES_TRACE_CALL(EsTracedZwCreateEvent((handle), (access), (attributes), (type), (state)))
#undef ZwOpenEvent
#define ZwOpenEvent(handle, access, attributes) ES_TRACE_CALL(EsTracedZwOpenEvent((handle), (access), (attributes)))
#undef IoCreateNotificationEvent
#define IoCreateNotificationEvent(name, handle) ES_TRACE_CALL(EsTracedIoCreateNotificationEvent((name), (handle)))
#undef IoCreateSynchronizationEvent
#define IoCreateSynchronizationEvent(name, handle) ES_TRACE_CALL(EsTracedIoCreateSynchronizationEvent((name), (handle)))
#undef ObReferenceObjectByHandle
#define ObReferenceObjectByHandle(handle, access, type, mode, object, information) \
    ES_TRACE_CALL(EsTracedObReferenceObjectByHandle((handle), (access), (type), (mode), (object), (information)))
#undef ObDereferenceObject
#define ObDereferenceObject(object) ES_TRACE_CALL_VOID(EsTracedObDereferenceObject((object)))
#undef ObOpenObjectByPointer
#define ObOpenObjectByPointer(object, attributes, state, access, type, mode, handle) \
    ES_TRACE_CALL(EsTracedObOpenObjectByPointer((object), (attributes), (state), (access), (type), (mode), (handle)))
#undef ZwDuplicateObject
#define ZwDuplicateObject(sourceProcess, source, targetProcess, target, access, attributes, options)                         \
    ES_TRACE_CALL(EsTracedZwDuplicateObject((sourceProcess), (source), (targetProcess), (target), (access), (attributes),    \
                                            (options)))
#undef ZwClose
#define ZwClose(handle) ES_TRACE_CALL(EsTracedZwClose((handle)))

#endif /* EVENTSCOPE_TRACE_KERNEL_CALLS_H */
