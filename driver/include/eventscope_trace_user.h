/*
 * eventscope_trace_user.h - the application's side of eventscope_trace.h, which includes it.
 *
 * One ring per thread, single producer, in a section that the agent made and named in the environment. A thread claims a
 * free ring at its first record and gives it back when it ends (fiber local storage callback). Nothing here blocks, takes a
 * lock or calls the system after a thread's first record; the last error is left as the real call left it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACE_USER_H
#define EVENTSCOPE_TRACE_USER_H

#ifndef _WINDOWS_
#error Include windows.h before eventscope_trace.h
#endif

typedef struct ES_TRACE_USER {
    const volatile uint32_t *enabled; /* the section's switch, or a constant */
    uint8_t *area;
    uint32_t ringCount;
    uint32_t process;
    uint32_t fls;       /* index whose value is a thread's ring */
    uint32_t useRdtscp; /* processor numbers from RDTSCP */
    uint64_t calibrateTicks; /* a thread calibrates again after that many */
    int32_t moduleWritten;
    INIT_ONCE once;
} ES_TRACE_USER;

/* Until the first record nobody knows whether there is a section: "on" leads to the slow path, which finds out. */
ES_TRACE_GLOBAL const uint32_t EsTraceUserUnknown = 1;
ES_TRACE_GLOBAL const uint32_t EsTraceUserOff = 0;
ES_TRACE_GLOBAL ES_TRACE_USER EsTraceUser = {&EsTraceUserUnknown, NULL, 0, 0, 0, 0, 0, 0, INIT_ONCE_STATIC_INIT};

/* Of a thread without a ring. Its owner is no thread's id. */
ES_TRACE_GLOBAL ES_TRACE_RING EsTraceNoRing = {0};

#if defined(_MSC_VER) && !defined(__clang__)
static __declspec(thread) ES_TRACE_RING *EsTraceThreadRing = &EsTraceNoRing;
static __declspec(thread) uint64_t EsTraceThreadCalibrated;
#else
static __thread ES_TRACE_RING *EsTraceThreadRing __attribute__((unused)) = &EsTraceNoRing;
static __thread uint64_t EsTraceThreadCalibrated __attribute__((unused));
#endif

ES_TRACE_INLINE int EsTraceIsOn(void)
{
    return *EsTraceUser.enabled != 0;
}

ES_TRACE_INLINE ES_TRACE_RING *EsTraceRingAt(uint8_t *area, uint32_t index)
{
    return (ES_TRACE_RING *)(area + sizeof(ES_TRACE_AREA)) + index;
}

ES_TRACE_COLD VOID WINAPI EsTraceThreadEnds(PVOID value)
{
    ES_TRACE_RING *ring = (ES_TRACE_RING *)value;

    if (ring != NULL) {
        ES_TRACE_STORE_RELEASE32(&ring->owner, 0u);
    }
}

/* Whether the section's header describes something that lies inside the section. */
ES_TRACE_COLD int EsTraceAreaIsSound(uint8_t *area, uint64_t bytes)
{
    const ES_TRACE_AREA *head = (const ES_TRACE_AREA *)area;
    uint32_t index;

    if (bytes < sizeof(ES_TRACE_AREA) || head->magic != ES_TRACE_MAGIC || head->version != ES_TRACE_VERSION ||
        head->slotBytes != ES_TRACE_SLOT_BYTES || (((uint64_t)head->areaBytesHigh << 32) | head->areaBytes) > bytes ||
        head->ringCount == 0 || head->ringCount > (bytes - sizeof(ES_TRACE_AREA)) / sizeof(ES_TRACE_RING)) {
        return 0;
    }
    for (index = 0; index < head->ringCount; index++) {
        const ES_TRACE_RING *ring = EsTraceRingAt(area, index);

        if (ring->capacity < 2 * ES_TRACE_MAX_SLOTS || (ring->capacity & (ring->capacity - 1u)) != 0 ||
            ring->slotsOffset % ES_TRACE_SLOT_BYTES != 0 || ring->slotsOffset > bytes ||
            (bytes - ring->slotsOffset) / ES_TRACE_SLOT_BYTES < ring->capacity) {
            return 0;
        }
    }
    return 1;
}

ES_TRACE_COLD BOOL CALLBACK EsTraceAttach(PINIT_ONCE once, PVOID parameter, PVOID *context)
{
    WCHAR name[256];
    MEMORY_BASIC_INFORMATION region;
    HANDLE section;
    uint8_t *area = NULL;
    const DWORD length = GetEnvironmentVariableW(L"" ES_TRACE_SECTION_VARIABLE, name, ARRAYSIZE(name));

    (void)once;
    (void)parameter;
    (void)context;
    EsTraceUser.process = GetCurrentProcessId();
    if (length != 0 && length < ARRAYSIZE(name)) {
        section = (OpenFileMappingW)(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, name);
        if (section != NULL) {
            area = (uint8_t *)(MapViewOfFile)(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
            (CloseHandle)(section);
        }
    }
    if (area != NULL && (VirtualQuery(area, &region, sizeof(region)) == 0 || !EsTraceAreaIsSound(area, region.RegionSize) ||
                         (!ES_TRACE_CAS32(&((ES_TRACE_AREA *)area)->process, 0u, EsTraceUser.process) &&
                          ((ES_TRACE_AREA *)area)->process != EsTraceUser.process))) {
        /* Damaged, of another version, or another process's: a child inherits the variable. */
        UnmapViewOfFile(area);
        area = NULL;
    }
    if (area != NULL) {
        DWORD session = 0;
        const HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");

        (void)ProcessIdToSessionId(EsTraceUser.process, &session);
        ((ES_TRACE_AREA *)area)->sessionId = session;
        EsTraceUser.area = area;
        EsTraceUser.ringCount = ((ES_TRACE_AREA *)area)->ringCount;
        EsTraceUser.fls = FlsAlloc(EsTraceThreadEnds);
        /* On Windows asking for the processor is cheap; on Wine it is a system call, and RDTSCP tells the host's number. */
        EsTraceUser.useRdtscp = ntdll != NULL && GetProcAddress(ntdll, "wine_get_version") != NULL && EsTraceHasRdtscp();
        EsTraceUser.calibrateTicks = (uint64_t)1 << 32; /* one to two seconds */
        EsTraceUser.enabled = &((ES_TRACE_AREA *)area)->enabled;
    } else {
        EsTraceUser.enabled = &EsTraceUserOff;
    }
    return TRUE;
}

/* What a new ring's owner, and after that each thread now and then, writes before anything else. */
ES_TRACE_COLD void EsTraceCalibrate(ES_TRACE_RING *ring, uint64_t now);
ES_TRACE_COLD void EsTraceWriteModule(ES_TRACE_RING *ring);

/*
 * The calling thread's ring, claimed now if need be; NULL when recording is off or no ring is free (counted).
 * Called for a thread's first record in each source file, and for every record of a thread without a ring.
 */
ES_TRACE_COLD ES_TRACE_RING *EsTraceFindRing(void)
{
    const DWORD lastError = GetLastError();
    const uint32_t thread = GetCurrentThreadId();
    ES_TRACE_RING *ring = NULL;

    (void)InitOnceExecuteOnce(&EsTraceUser.once, EsTraceAttach, NULL, NULL);
    if (EsTraceUser.area != NULL && EsTraceIsOn()) {
        ring = (ES_TRACE_RING *)FlsGetValue(EsTraceUser.fls);
        if (ring == NULL || ring->owner != thread) {
            uint32_t index;

            ring = NULL;
            for (index = 0; index < EsTraceUser.ringCount && ring == NULL; index++) {
                ES_TRACE_RING *candidate = EsTraceRingAt(EsTraceUser.area, index);

                if (candidate->owner == 0 && ES_TRACE_CAS32(&candidate->owner, 0u, thread)) {
                    ring = candidate;
                }
            }
            if (ring != NULL && !FlsSetValue(EsTraceUser.fls, ring)) {
                ES_TRACE_STORE_RELEASE32(&ring->owner, 0u); /* it could never be given back */
                ring = NULL;
            }
            if (ring != NULL) {
                ring->generation++;
                ring->cachedTail = ES_TRACE_LOAD_ACQUIRE64(&ring->tail);
                EsTraceCalibrate(ring, ES_TRACE_READ_TSC());
                if (ES_TRACE_CAS32(&EsTraceUser.moduleWritten, 0, 1)) {
                    EsTraceWriteModule(ring);
                }
            } else {
                ES_TRACE_ADD64(&((ES_TRACE_AREA *)EsTraceUser.area)->unringedLost, 1);
            }
        }
    }
    if (ring != NULL) {
        EsTraceThreadRing = ring;
    }
    SetLastError(lastError);
    return ring;
}

/* Writes a record, and its payload when it has one. `record` lacks lost, slots and what the writer itself knows. */
ES_TRACE_INLINE void EsTracePut(ES_TRACE_RING *ring, ES_TRACE_RECORD *record, const void *payload, uint32_t payloadBytes)
{
    ES_TRACE_RECORD *slots = (ES_TRACE_RECORD *)(EsTraceUser.area + ring->slotsOffset);
    const uint64_t head = ring->head;
    const uint32_t count = EsTraceSlotsFor(payloadBytes);

    if (!ES_TRACE_LIKELY(head + count - ring->cachedTail <= ring->capacity)) {
        ring->cachedTail = ES_TRACE_LOAD_ACQUIRE64(&ring->tail);
        if (head + count - ring->cachedTail > ring->capacity) {
            ES_TRACE_STORE_RELEASE64(&ring->lost, ring->lost + 1);
            return;
        }
    }
    if (payloadBytes != 0) {
        EsTraceStoreContinuation(slots, ring->capacity - 1u, head, (const uint8_t *)payload, payloadBytes);
    }
    record->lost = (uint32_t)ring->lost;
    record->slots = (uint8_t)count;
    EsTraceStoreRecord(&slots[head & (ring->capacity - 1u)], head, record);
    ES_TRACE_STORE_RELEASE64(&ring->head, head + count);
}

ES_TRACE_COLD void EsTraceCalibrate(ES_TRACE_RING *ring, uint64_t now)
{
    ES_TRACE_RECORD record = {0};
    LARGE_INTEGER frequency, counter;
    FILETIME utc;
    uint64_t before, after;

    EsTraceThreadCalibrated = now;
    QueryPerformanceFrequency(&frequency);
    before = ES_TRACE_READ_TSC();
    QueryPerformanceCounter(&counter);
    GetSystemTimeAsFileTime(&utc);
    after = ES_TRACE_READ_TSC();
    record.tsc = before + (after - before) / 2;
    record.object = ((uint64_t)utc.dwHighDateTime << 32) | utc.dwLowDateTime;
    record.caller = (uint64_t)frequency.QuadPart;
    record.argument = (uint64_t)counter.QuadPart;
    record.process = EsTraceUser.process;
    record.thread = ring->owner;
    record.duration = EsTraceDuration(before, after); /* the reading's uncertainty */
    record.kind = EsTraceCalibration;
    record.processor = ES_TRACE_PROCESSOR_UNKNOWN;
    record.irql = 0;
    record.previous = ES_TRACE_PREVIOUS_UNKNOWN;
    EsTracePut(ring, &record, NULL, 0);
}

ES_TRACE_COLD void EsTraceRecordPayload(ES_TRACE_RING *ring, ES_TRACE_RECORD *record, const void *payload, uint32_t bytes)
{
    EsTracePut(ring, record, payload, bytes > ES_TRACE_MAX_PAYLOAD_BYTES ? ES_TRACE_MAX_PAYLOAD_BYTES : bytes);
}

/* One record of this thread, now: the last thing that every recorder does. from 0: a point, at
   this moment; interval: the duration is the time since `from`. */
ES_TRACE_INLINE void EsTraceRecord(uint16_t kind, uint8_t flags, uint64_t object, uint64_t argument, int32_t status,
                                   uint8_t previous, uint64_t from, int interval, uint64_t caller, uint32_t process,
                                   const void *payload, uint32_t payloadBytes)
{
    ES_TRACE_RECORD record;
    ES_TRACE_RING *ring = EsTraceThreadRing;
    const uint32_t thread = GetCurrentThreadId();
    uint64_t now;

    /* A thread that has given its ring back (it is ending) must not write there: it may be another's by now. */
    if (!ES_TRACE_LIKELY(ring->owner == thread)) {
        ring = EsTraceFindRing();
        if (ring == NULL) {
            return;
        }
    }
    if (ES_TRACE_LIKELY(EsTraceUser.useRdtscp)) {
        now = EsTraceReadTscAndProcessor(&record.processor);
    } else {
        record.processor = (uint16_t)GetCurrentProcessorNumber();
        now = ES_TRACE_READ_TSC();
    }
    if (!ES_TRACE_LIKELY(now - EsTraceThreadCalibrated < EsTraceUser.calibrateTicks)) {
        const DWORD lastError = GetLastError();

        EsTraceCalibrate(ring, now);
        SetLastError(lastError);
    }
    record.tsc = EsTraceMoment(kind, from, now);
    record.object = object;
    record.caller = caller;
    record.argument = argument;
    record.process = process != 0 ? process : EsTraceUser.process;
    record.thread = thread;
    record.status = status;
    record.duration = interval ? EsTraceDuration(from, now) : 0;
    record.kind = kind;
    record.irql = 0; /* PASSIVE_LEVEL, as everything in user mode */
    record.previous = previous;
    record.flags = flags;
    if (payloadBytes == 0) {
        EsTracePut(ring, &record, NULL, 0);
    } else {
        EsTraceRecordPayload(ring, &record, payload, payloadBytes);
    }
}

/* NTSTATUS_FROM_WIN32 of the last error: 0xC007xxxx. */
ES_TRACE_INLINE int32_t EsTraceLastStatus(int succeeded)
{
    return succeeded ? 0 : (int32_t)(0xC0070000u | (GetLastError() & 0xFFFFu));
}

/* What a wait function returned, as the NTSTATUS that its system call returned. */
ES_TRACE_INLINE int32_t EsTraceWaitStatus(DWORD result)
{
    return result == WAIT_FAILED ? EsTraceLastStatus(0) : (int32_t)result;
}

ES_TRACE_INLINE uint64_t EsTraceHandleValue(HANDLE handle)
{
    return (uint64_t)(uintptr_t)handle;
}

ES_TRACE_INLINE uint64_t EsTraceTimeout(DWORD milliseconds)
{
    return (uint64_t)(milliseconds == INFINITE ? ES_TRACE_NO_TIMEOUT : -(int64_t)milliseconds * 10000);
}

ES_TRACE_INLINE uint32_t EsTraceTextBytes(LPCWSTR text)
{
    return text == NULL ? 0u : (uint32_t)(sizeof(WCHAR) * (size_t)lstrlenW(text));
}

ES_TRACE_COLD void EsTraceWriteModule(ES_TRACE_RING *ring)
{
    WCHAR path[MAX_PATH];
    const WCHAR *name = path;
    const IMAGE_NT_HEADERS *headers;
    ES_TRACE_RECORD record = {0};
    HMODULE module = NULL;
    DWORD length;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCWSTR)&EsTraceUser, &module)) {
        return;
    }
    headers = (const IMAGE_NT_HEADERS *)((const uint8_t *)module + ((const IMAGE_DOS_HEADER *)module)->e_lfanew);
    length = GetModuleFileNameW(module, path, ARRAYSIZE(path));
    length = length >= ARRAYSIZE(path) ? ARRAYSIZE(path) - 1 : length;
    path[length] = 0;
    for (; length > 0; length--) {
        if (path[length - 1] == L'\\') {
            name = &path[length];
            break;
        }
    }
    record.tsc = ES_TRACE_READ_TSC();
    record.object = (uint64_t)(uintptr_t)module;
    record.argument = headers->OptionalHeader.SizeOfImage;
    record.process = EsTraceUser.process;
    record.thread = ring->owner;
    record.kind = EsTraceModule;
    record.processor = ES_TRACE_PROCESSOR_UNKNOWN;
    record.previous = ES_TRACE_PREVIOUS_UNKNOWN;
    EsTraceRecordPayload(ring, &record, name, EsTraceTextBytes(name));
}

/* An ANSI name as the system turns it into UTF-16; returns bytes. */
ES_TRACE_COLD uint32_t EsTraceWiden(LPCSTR text, WCHAR *wide, int units)
{
    const int written = text == NULL ? 0 : MultiByteToWideChar(CP_ACP, 0, text, -1, wide, units);

    return written > 0 ? (uint32_t)(written - 1) * (uint32_t)sizeof(WCHAR) : 0u;
}

/* Explicit calls. */

ES_TRACE_NOINLINE void EsTraceText(uint16_t kind, HANDLE object, LPCWSTR text)
{
    if (EsTraceIsOn()) {
        const DWORD lastError = GetLastError();

        EsTraceRecord(kind, 0, EsTraceHandleValue(object), 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0, ES_TRACE_RETURN_ADDRESS(), 0,
                      text, EsTraceTextBytes(text));
        SetLastError(lastError);
    }
}
#define EsTraceName(object, name) ES_TRACE_CALL_VOID(EsTraceText(EsTraceName, (object), (name)))
#define EsTraceThreadName(name) ES_TRACE_CALL_VOID(EsTraceText(EsTraceThreadName, NULL, (name)))
#define EsTraceNote(text) ES_TRACE_CALL_VOID(EsTraceText(EsTraceNote, NULL, (text)))

ES_TRACE_NOINLINE void EsTraceRequestAt(HANDLE event, uint64_t requestId)
{
    if (EsTraceIsOn()) {
        EsTraceRecord(EsTraceRequest, 0, EsTraceHandleValue(event), requestId, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0,
                      ES_TRACE_RETURN_ADDRESS(), 0, NULL, 0);
    }
}
#define EsTraceRequest(event, requestId) ES_TRACE_CALL_VOID(EsTraceRequestAt((event), (requestId)))

#include "eventscope_trace_user_calls.h"

#endif /* EVENTSCOPE_TRACE_USER_H */
