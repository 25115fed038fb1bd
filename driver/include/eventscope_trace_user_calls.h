/*
 * eventscope_trace_user_calls.h - the Win32 calls that eventscope_trace.h records in an application.
 *
 * Each recorder makes the real call between two readings of the counter, then writes one record. A wait writes two.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACE_USER_CALLS_H
#define EVENTSCOPE_TRACE_USER_CALLS_H

/* The counter at a call's entry; 0 when recording is off. */
ES_TRACE_INLINE uint64_t EsTraceFrom(void)
{
    return EsTraceIsOn() ? ES_TRACE_READ_TSC() : 0;
}

/* Signal and reset: one handle, BOOL. */

ES_TRACE_INLINE void EsTraceHandleCall(uint16_t kind, HANDLE handle, uint64_t argument, BOOL ok, uint64_t from,
                                       uint64_t caller)
{
    EsTraceRecord(kind, 0, EsTraceHandleValue(handle), argument, EsTraceLastStatus(ok), ES_TRACE_PREVIOUS_UNKNOWN, from, 1,
                  caller, 0, NULL, 0);
}

ES_TRACE_NOINLINE BOOL EsTracedSetEvent(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = SetEvent(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTraceSet, handle, 0, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedResetEvent(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = ResetEvent(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTraceReset, handle, 0, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedPulseEvent(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = PulseEvent(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTracePulse, handle, 0, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedReleaseMutex(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = ReleaseMutex(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTraceRelease, handle, 1, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedCloseHandle(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = CloseHandle(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTraceClose, handle, 0, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedCancelWaitableTimer(HANDLE handle)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = CancelWaitableTimer(handle);

    if (from != 0) {
        EsTraceHandleCall(EsTraceTimerCancel, handle, 0, ok, from, ES_TRACE_RETURN_ADDRESS());
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedReleaseSemaphore(HANDLE handle, LONG count, LPLONG previous)
{
    LONG before = -1;
    const uint64_t from = EsTraceFrom();
    const BOOL ok = ReleaseSemaphore(handle, count, &before);

    if (ok && previous != NULL) {
        *previous = before;
    }
    if (from != 0) {
        EsTraceRecord(EsTraceRelease, 0, EsTraceHandleValue(handle), (uint64_t)(int64_t)count, EsTraceLastStatus(ok),
                      ok ? EsTracePrevious(before) : ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
    return ok;
}

ES_TRACE_NOINLINE BOOL EsTracedSetWaitableTimer(HANDLE handle, const LARGE_INTEGER *due, LONG period,
                                                PTIMERAPCROUTINE routine, LPVOID context, BOOL resume)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = SetWaitableTimer(handle, due, period, routine, context, resume);

    if (from != 0) {
        /* status is the period here, as the layout says; a failed call is a timer set to nothing. */
        EsTraceRecord(EsTraceTimerSet, 0, EsTraceHandleValue(handle), ok ? (uint64_t)due->QuadPart : 0, ok ? period : 0,
                      ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
    return ok;
}

/* Waits. */

ES_TRACE_INLINE void EsTraceWaitBegins(const HANDLE *handles, DWORD count, uint8_t flags, DWORD timeout, uint64_t from,
                                       uint64_t caller)
{
    const uint64_t first = count == 0 ? 0 : EsTraceHandleValue(handles[0]);

    if (count <= 1) {
        EsTraceRecord(EsTraceWaitBegin, flags, first, EsTraceTimeout(timeout), 0, ES_TRACE_PREVIOUS_UNKNOWN, from, 0, caller, 0,
                      NULL, 0);
    } else {
        uint64_t list[MAXIMUM_WAIT_OBJECTS];
        DWORD index;

        count = count > MAXIMUM_WAIT_OBJECTS ? MAXIMUM_WAIT_OBJECTS : count;
        for (index = 0; index < count; index++) {
            list[index] = EsTraceHandleValue(handles[index]);
        }
        EsTraceRecord(EsTraceWaitBegin, flags, first, EsTraceTimeout(timeout), 0, ES_TRACE_PREVIOUS_UNKNOWN, from, 0, caller, 0,
                      list, count * (uint32_t)sizeof(list[0]));
    }
}

ES_TRACE_INLINE void EsTraceWaitEnds(const HANDLE *handles, DWORD count, uint8_t flags, DWORD result, uint64_t from,
                                     uint64_t caller)
{
    DWORD index = 0;

    if ((flags & ES_TRACE_FLAG_WAIT_ALL) == 0) {
        if (result < WAIT_OBJECT_0 + count) {
            index = result - WAIT_OBJECT_0;
        } else if (result >= WAIT_ABANDONED_0 && result < WAIT_ABANDONED_0 + count) {
            index = result - WAIT_ABANDONED_0;
        }
    }
    EsTraceRecord(EsTraceWaitEnd, flags, count == 0 ? 0 : EsTraceHandleValue(handles[index]), 0, EsTraceWaitStatus(result),
                  ES_TRACE_PREVIOUS_UNKNOWN, from, 1, caller, 0, NULL, 0);
}

ES_TRACE_NOINLINE DWORD EsTracedWaitForSingleObjectEx(HANDLE handle, DWORD timeout, BOOL alertable)
{
    const uint8_t flags = alertable ? ES_TRACE_FLAG_ALERTABLE : 0;
    const uint64_t from = EsTraceFrom();
    DWORD result;

    if (from != 0) {
        EsTraceWaitBegins(&handle, 1, flags, timeout, from, ES_TRACE_RETURN_ADDRESS());
    }
    result = WaitForSingleObjectEx(handle, timeout, alertable);
    if (from != 0) {
        EsTraceWaitEnds(&handle, 1, flags, result, from, ES_TRACE_RETURN_ADDRESS());
    }
    return result;
}

ES_TRACE_NOINLINE DWORD EsTracedWaitForMultipleObjectsEx(DWORD count, const HANDLE *handles, BOOL all, DWORD timeout,
                                                         BOOL alertable)
{
    const uint8_t flags = (uint8_t)((alertable ? ES_TRACE_FLAG_ALERTABLE : 0) | (all ? ES_TRACE_FLAG_WAIT_ALL : 0));
    const uint64_t from = EsTraceFrom();
    DWORD result;

    if (from != 0) {
        EsTraceWaitBegins(handles, count, flags, timeout, from, ES_TRACE_RETURN_ADDRESS());
    }
    result = WaitForMultipleObjectsEx(count, handles, all, timeout, alertable);
    if (from != 0) {
        EsTraceWaitEnds(handles, count, flags, result, from, ES_TRACE_RETURN_ADDRESS());
    }
    return result;
}

/* What is signaled may be an event, a semaphore or a mutant: the call does not say, so the record is a Set. */
ES_TRACE_NOINLINE DWORD EsTracedSignalObjectAndWait(HANDLE signal, HANDLE handle, DWORD timeout, BOOL alertable)
{
    const uint8_t flags = alertable ? ES_TRACE_FLAG_ALERTABLE : 0;
    const uint64_t from = EsTraceFrom();
    DWORD result;

    if (from != 0) {
        EsTraceWaitBegins(&handle, 1, flags, timeout, from, ES_TRACE_RETURN_ADDRESS());
        EsTraceRecord(EsTraceSet, 0, EsTraceHandleValue(signal), 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, from, 1,
                      ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
    result = SignalObjectAndWait(signal, handle, timeout, alertable);
    if (from != 0) {
        EsTraceWaitEnds(&handle, 1, flags, result, from, ES_TRACE_RETURN_ADDRESS());
    }
    return result;
}

/* Create and open: a name, a handle. The last error tells a creation that found the object there already. */

ES_TRACE_INLINE void EsTraceMade(uint16_t kind, HANDLE handle, uint8_t flags, uint64_t argument, uint64_t from,
                                 uint64_t caller, LPCWSTR name)
{
    const DWORD lastError = GetLastError();

    if (kind == EsTraceCreate && handle != NULL && lastError == ERROR_ALREADY_EXISTS) {
        flags |= ES_TRACE_FLAG_EXISTED;
    }
    EsTraceRecord(kind, flags, EsTraceHandleValue(handle), argument, EsTraceLastStatus(handle != NULL),
                  ES_TRACE_PREVIOUS_UNKNOWN, from, 1, caller, 0, name, EsTraceTextBytes(name));
    SetLastError(lastError);
}

ES_TRACE_INLINE uint8_t EsTraceEventFlags(BOOL manualReset, BOOL initialState)
{
    return (uint8_t)((manualReset ? 0 : ES_TRACE_FLAG_SYNCHRONIZATION) | (initialState ? ES_TRACE_FLAG_INITIALLY_SET : 0));
}

ES_TRACE_INLINE uint8_t EsTraceExFlags(DWORD flags)
{
    return EsTraceEventFlags((flags & CREATE_EVENT_MANUAL_RESET) != 0, (flags & CREATE_EVENT_INITIAL_SET) != 0);
}

ES_TRACE_COLD void EsTraceMadeNarrow(uint16_t kind, HANDLE handle, uint8_t flags, uint64_t argument, uint64_t from,
                                     uint64_t caller, LPCSTR name)
{
    const DWORD lastError = GetLastError();
    WCHAR wide[MAX_PATH];
    const uint32_t bytes = EsTraceWiden(name, wide, ARRAYSIZE(wide) - 1);

    wide[bytes / sizeof(WCHAR)] = 0;
    SetLastError(lastError);
    EsTraceMade(kind, handle, flags, argument, from, caller, bytes == 0 ? NULL : wide);
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateEventW(LPSECURITY_ATTRIBUTES security, BOOL manualReset, BOOL initialState, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateEventW(security, manualReset, initialState, name);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, handle, EsTraceEventFlags(manualReset, initialState),
                    EsTraceObjectEvent, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateEventA(LPSECURITY_ATTRIBUTES security, BOOL manualReset, BOOL initialState, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateEventA(security, manualReset, initialState, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceCreate, handle, EsTraceEventFlags(manualReset, initialState),
                          EsTraceObjectEvent, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateEventExW(LPSECURITY_ATTRIBUTES security, LPCWSTR name, DWORD flags, DWORD access)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateEventExW(security, name, flags, access);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, handle, EsTraceExFlags(flags),
                    EsTraceObjectEvent, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateEventExA(LPSECURITY_ATTRIBUTES security, LPCSTR name, DWORD flags, DWORD access)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateEventExA(security, name, flags, access);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceCreate, handle, EsTraceExFlags(flags),
                          EsTraceObjectEvent, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenEventW(DWORD access, BOOL inherit, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenEventW(access, inherit, name);

    if (from != 0) {
        EsTraceMade(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectEvent, access), from,
                    ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenEventA(DWORD access, BOOL inherit, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenEventA(access, inherit, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectEvent, access), from,
                          ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateSemaphoreW(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateSemaphoreW(security, initial, maximum, name);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, handle, (uint8_t)(initial > 0 ? ES_TRACE_FLAG_INITIALLY_SET : 0),
                    EsTraceObjectSemaphore, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateSemaphoreA(LPSECURITY_ATTRIBUTES security, LONG initial, LONG maximum, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateSemaphoreA(security, initial, maximum, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceCreate, handle, (uint8_t)(initial > 0 ? ES_TRACE_FLAG_INITIALLY_SET : 0),
                          EsTraceObjectSemaphore, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenSemaphoreW(DWORD access, BOOL inherit, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenSemaphoreW(access, inherit, name);

    if (from != 0) {
        EsTraceMade(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectSemaphore, access), from,
                    ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenSemaphoreA(DWORD access, BOOL inherit, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenSemaphoreA(access, inherit, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectSemaphore, access), from,
                          ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateMutexW(LPSECURITY_ATTRIBUTES security, BOOL initialOwner, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateMutexW(security, initialOwner, name);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, handle, (uint8_t)(initialOwner ? 0 : ES_TRACE_FLAG_INITIALLY_SET),
                    EsTraceObjectMutant, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateMutexA(LPSECURITY_ATTRIBUTES security, BOOL initialOwner, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateMutexA(security, initialOwner, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceCreate, handle, (uint8_t)(initialOwner ? 0 : ES_TRACE_FLAG_INITIALLY_SET),
                          EsTraceObjectMutant, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenMutexW(DWORD access, BOOL inherit, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenMutexW(access, inherit, name);

    if (from != 0) {
        EsTraceMade(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectMutant, access), from,
                    ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenMutexA(DWORD access, BOOL inherit, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenMutexA(access, inherit, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectMutant, access), from,
                          ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateWaitableTimerW(LPSECURITY_ATTRIBUTES security, BOOL manualReset, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateWaitableTimerW(security, manualReset, name);

    if (from != 0) {
        EsTraceMade(EsTraceCreate, handle, EsTraceEventFlags(manualReset, FALSE),
                    EsTraceObjectTimer, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedCreateWaitableTimerA(LPSECURITY_ATTRIBUTES security, BOOL manualReset, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = CreateWaitableTimerA(security, manualReset, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceCreate, handle, EsTraceEventFlags(manualReset, FALSE),
                          EsTraceObjectTimer, from, ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenWaitableTimerW(DWORD access, BOOL inherit, LPCWSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenWaitableTimerW(access, inherit, name);

    if (from != 0) {
        EsTraceMade(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectTimer, access), from,
                    ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE HANDLE EsTracedOpenWaitableTimerA(DWORD access, BOOL inherit, LPCSTR name)
{
    const uint64_t from = EsTraceFrom();
    const HANDLE handle = OpenWaitableTimerA(access, inherit, name);

    if (from != 0) {
        EsTraceMadeNarrow(EsTraceOpen, handle, 0, EsTraceOpenArgument(EsTraceObjectTimer, access), from,
                          ES_TRACE_RETURN_ADDRESS(), name);
    }
    return handle;
}

ES_TRACE_NOINLINE BOOL EsTracedDuplicateHandle(HANDLE sourceProcess, HANDLE source, HANDLE targetProcess, LPHANDLE target,
                                               DWORD access, BOOL inherit, DWORD options)
{
    const uint64_t from = EsTraceFrom();
    const BOOL ok = DuplicateHandle(sourceProcess, source, targetProcess, target, access, inherit, options);

    if (from != 0) {
        const DWORD lastError = GetLastError();
        const DWORD owner = targetProcess == NULL ? 0 : GetProcessId(targetProcess);

        SetLastError(lastError);
        EsTraceRecord(EsTraceDuplicate, 0, EsTraceHandleValue(source), ok && target != NULL ? EsTraceHandleValue(*target) : 0,
                      EsTraceLastStatus(ok), ES_TRACE_PREVIOUS_UNKNOWN, from, 1, ES_TRACE_RETURN_ADDRESS(), owner, NULL, 0);
    }
    return ok;
}

/*
 * From here on the names mean the recorders. Functions with an A or W form are replaced in both.
 */
#undef SetEvent
#define SetEvent(handle) ES_TRACE_CALL(EsTracedSetEvent((handle)))
#undef ResetEvent
#define ResetEvent(handle) ES_TRACE_CALL(EsTracedResetEvent((handle)))
#undef PulseEvent
#define PulseEvent(handle) ES_TRACE_CALL(EsTracedPulseEvent((handle)))
#undef ReleaseMutex
#define ReleaseMutex(handle) ES_TRACE_CALL(EsTracedReleaseMutex((handle)))
#undef CloseHandle
#define CloseHandle(handle) ES_TRACE_CALL(EsTracedCloseHandle((handle)))
#undef CancelWaitableTimer
#define CancelWaitableTimer(handle) ES_TRACE_CALL(EsTracedCancelWaitableTimer((handle)))
#undef ReleaseSemaphore
#define ReleaseSemaphore(handle, count, previous) ES_TRACE_CALL(EsTracedReleaseSemaphore((handle), (count), (previous)))
#undef SetWaitableTimer
#define SetWaitableTimer(handle, due, period, routine, context, resume) \
    ES_TRACE_CALL(EsTracedSetWaitableTimer((handle), (due), (period), (routine), (context), (resume)))
#undef WaitForSingleObjectEx
#define WaitForSingleObjectEx(handle, timeout, alertable) \
    ES_TRACE_CALL(EsTracedWaitForSingleObjectEx((handle), (timeout), (alertable)))
#undef WaitForMultipleObjectsEx
#define WaitForMultipleObjectsEx(count, handles, all, timeout, alertable) \
    ES_TRACE_CALL(EsTracedWaitForMultipleObjectsEx((count), (handles), (all), (timeout), (alertable)))
#undef SignalObjectAndWait
#define SignalObjectAndWait(signal, handle, timeout, alertable) \
    ES_TRACE_CALL(EsTracedSignalObjectAndWait((signal), (handle), (timeout), (alertable)))
#undef CreateEventW
#define CreateEventW(security, manual, initial, name) \
    ES_TRACE_CALL(EsTracedCreateEventW((security), (manual), (initial), (name)))
#undef CreateEventA
#define CreateEventA(security, manual, initial, name) \
    ES_TRACE_CALL(EsTracedCreateEventA((security), (manual), (initial), (name)))
#undef CreateEventExW
#define CreateEventExW(security, name, flags, access) \
    ES_TRACE_CALL(EsTracedCreateEventExW((security), (name), (flags), (access)))
#undef CreateEventExA
#define CreateEventExA(security, name, flags, access) \
    ES_TRACE_CALL(EsTracedCreateEventExA((security), (name), (flags), (access)))
#undef OpenEventW
#define OpenEventW(access, inherit, name) ES_TRACE_CALL(EsTracedOpenEventW((access), (inherit), (name)))
#undef OpenEventA
#define OpenEventA(access, inherit, name) ES_TRACE_CALL(EsTracedOpenEventA((access), (inherit), (name)))
#undef CreateSemaphoreW
#define CreateSemaphoreW(security, initial, maximum, name) \
    ES_TRACE_CALL(EsTracedCreateSemaphoreW((security), (initial), (maximum), (name)))
#undef CreateSemaphoreA
#define CreateSemaphoreA(security, initial, maximum, name) \
    ES_TRACE_CALL(EsTracedCreateSemaphoreA((security), (initial), (maximum), (name)))
#undef OpenSemaphoreW
#define OpenSemaphoreW(access, inherit, name) ES_TRACE_CALL(EsTracedOpenSemaphoreW((access), (inherit), (name)))
#undef OpenSemaphoreA
#define OpenSemaphoreA(access, inherit, name) ES_TRACE_CALL(EsTracedOpenSemaphoreA((access), (inherit), (name)))
#undef CreateMutexW
#define CreateMutexW(security, owner, name) ES_TRACE_CALL(EsTracedCreateMutexW((security), (owner), (name)))
#undef CreateMutexA
#define CreateMutexA(security, owner, name) ES_TRACE_CALL(EsTracedCreateMutexA((security), (owner), (name)))
#undef OpenMutexW
#define OpenMutexW(access, inherit, name) ES_TRACE_CALL(EsTracedOpenMutexW((access), (inherit), (name)))
#undef OpenMutexA
#define OpenMutexA(access, inherit, name) ES_TRACE_CALL(EsTracedOpenMutexA((access), (inherit), (name)))
#undef CreateWaitableTimerW
#define CreateWaitableTimerW(security, manual, name) \
    ES_TRACE_CALL(EsTracedCreateWaitableTimerW((security), (manual), (name)))
#undef CreateWaitableTimerA
#define CreateWaitableTimerA(security, manual, name) \
    ES_TRACE_CALL(EsTracedCreateWaitableTimerA((security), (manual), (name)))
#undef OpenWaitableTimerW
#define OpenWaitableTimerW(access, inherit, name) ES_TRACE_CALL(EsTracedOpenWaitableTimerW((access), (inherit), (name)))
#undef OpenWaitableTimerA
#define OpenWaitableTimerA(access, inherit, name) ES_TRACE_CALL(EsTracedOpenWaitableTimerA((access), (inherit), (name)))
#undef DuplicateHandle
#define DuplicateHandle(sourceProcess, source, targetProcess, target, access, inherit, options) \
    ES_TRACE_CALL(EsTracedDuplicateHandle((sourceProcess), (source), (targetProcess), (target), (access), (inherit), (options)))
#undef WaitForSingleObject
#define WaitForSingleObject(handle, timeout) ES_TRACE_CALL(EsTracedWaitForSingleObjectEx((handle), (timeout), FALSE))
#undef WaitForMultipleObjects
#define WaitForMultipleObjects(count, handles, all, timeout) \
    ES_TRACE_CALL(EsTracedWaitForMultipleObjectsEx((count), (handles), (all), (timeout), FALSE))

#endif /* EVENTSCOPE_TRACE_USER_CALLS_H */
