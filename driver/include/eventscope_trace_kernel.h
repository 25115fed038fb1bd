/*
 * eventscope_trace_kernel.h - the driver's side of eventscope_trace.h, which includes it.
 *
 * One ring per processor, in nonpaged pool. Any thread may write to any ring: a slot is reserved by compare and swap of
 * head and committed by its sequence, so a writer that is preempted between the two, or that has moved to another
 * processor since it chose the ring, harms nobody. Recording is legal at IRQL <= DISPATCH_LEVEL, takes no lock, allocates
 * nothing and never waits. The other functions say what they ask for.
 *
 * On Wine the IRQL is recorded as unknown: asking for it costs 4 microseconds there (a trapped instruction) and always
 * tells 0. Wine is known by an export of its ntoskrnl.exe that Windows does not have, looked up once at start.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACE_KERNEL_H
#define EVENTSCOPE_TRACE_KERNEL_H

#define ES_TRACE_POOL_TAG 'rTsE'
#define ES_TRACE_DEFAULT_SLOTS 16384u /* 1 MiB per processor */
#define ES_TRACE_MIN_SLOTS 64u
#define ES_TRACE_MAX_SLOTS_PER_RING 1048576u
#define ES_TRACE_MAX_RINGS 256u
#define ES_TRACE_MAX_BYTES (256u * 1024u * 1024u) /* of all rings together */
#define ES_TRACE_MAX_FILE_NAME 64u
#define ES_TRACE_CALIBRATE_MS 250 /* not more often than that while draining */

#if !defined(ES_TRACE_ALLOCATE)
/* ExAllocatePool2 is not there before Windows 10 2004 and not on Wine. */
#define ES_TRACE_ALLOCATE(bytes) ExAllocatePoolWithTag(NonPagedPoolNx, (bytes), ES_TRACE_POOL_TAG)
#define ES_TRACE_FREE(memory) ExFreePoolWithTag((memory), ES_TRACE_POOL_TAG)
#endif

/* One allocation: this, the rings, the slots. Old ones stay until EsTraceStopKernel, as a writer may still be in them. */
typedef struct ES_TRACE_RINGS {
    struct ES_TRACE_RINGS *older;
    ES_TRACE_RING *rings;
    uint32_t ringCount;
    uint32_t slotsPerRing;
    uint64_t bytes;
} ES_TRACE_RINGS;

typedef VOID(NTAPI *ES_TRACE_QUERY_TIME)(PLARGE_INTEGER time);

typedef struct ES_TRACE_KERNEL {
    volatile uint32_t enabled;
    uint32_t useRdtscp;     /* processor numbers from RDTSCP (Wine), else KeGetCurrentProcessorNumberEx */
    uint32_t wine;
    uint32_t systemProcess; /* whose table kernel handles are in: System, or Wine's driver host */
    ES_TRACE_RINGS *current;
    /* What follows is under the mutex. */
    uint32_t started;
    uint32_t nextRing;      /* to drain */
    uint64_t drainedBefore; /* slots and records of rings that were replaced */
    uint64_t writtenBefore;
    uint64_t lostBefore;
    int64_t calibrated;     /* performance counter at the last calibration */
    ES_TRACE_QUERY_TIME queryTime;
    FAST_MUTEX mutex;
    uint16_t fileName[ES_TRACE_MAX_FILE_NAME];
    uint32_t fileNameBytes;
} ES_TRACE_KERNEL;

ES_TRACE_GLOBAL ES_TRACE_KERNEL EsTraceKernel = {0}; /* one for all source files of the driver */

ES_TRACE_INLINE int EsTraceIsOn(void)
{
    return EsTraceKernel.enabled != 0;
}

/* The counter at a call's entry; 0 when recording is off. */
ES_TRACE_INLINE uint64_t EsTraceFrom(void)
{
    return EsTraceIsOn() ? ES_TRACE_READ_TSC() : 0;
}

ES_TRACE_INLINE ES_TRACE_RECORD *EsTraceSlotsOf(const ES_TRACE_RINGS *rings, const ES_TRACE_RING *ring)
{
    return (ES_TRACE_RECORD *)((uint8_t *)rings + ring->slotsOffset);
}

/* IRQL <= DISPATCH_LEVEL. */
ES_TRACE_INLINE void EsTracePut(const ES_TRACE_RINGS *rings, uint32_t processor, ES_TRACE_RECORD *record,
                                const void *payload, uint32_t payloadBytes)
{
    ES_TRACE_RING *ring = &rings->rings[processor % rings->ringCount];
    ES_TRACE_RECORD *slots = EsTraceSlotsOf(rings, ring);
    const uint32_t count = EsTraceSlotsFor(payloadBytes);
    const int64_t capacity = ring->capacity;
    uint64_t head;

    for (;;) {
        head = ES_TRACE_LOAD_ACQUIRE64(&ring->head);
        /* Signed: cachedTail may have passed a head that is old by now; the exchange fails then. */
        if ((int64_t)(head + count - *(volatile uint64_t *)&ring->cachedTail) > capacity) {
            const uint64_t tail = ES_TRACE_LOAD_ACQUIRE64(&ring->tail);

            *(volatile uint64_t *)&ring->cachedTail = tail;
            if ((int64_t)(head + count - tail) > capacity) {
                (void)ES_TRACE_ADD64(&ring->lost, 1);
                return;
            }
        }
        if (ES_TRACE_CAS64(&ring->head, head, head + count)) {
            break;
        }
    }
    if (payloadBytes != 0) {
        EsTraceStoreContinuation(slots, (uint64_t)capacity - 1u, head, (const uint8_t *)payload, payloadBytes);
    }
    record->lost = (uint32_t)ES_TRACE_LOAD_ACQUIRE64(&ring->lost);
    record->slots = (uint8_t)count;
    EsTraceStoreRecord(&slots[head & ((uint64_t)capacity - 1u)], head, record);
}

ES_TRACE_INLINE uint64_t EsTraceNow(uint16_t *processor)
{
    if (EsTraceKernel.useRdtscp) {
        return EsTraceReadTscAndProcessor(processor);
    }
    *processor = (uint16_t)KeGetCurrentProcessorNumberEx(NULL);
    return ES_TRACE_READ_TSC();
}

/* One record, now. IRQL <= DISPATCH_LEVEL; the payload must be nonpaged then. process 0: the current one; from 0: a
   point, at this moment; interval: the duration is the time since `from`. */
ES_TRACE_INLINE void EsTraceRecord(uint16_t kind, uint8_t flags, uint64_t object, uint64_t argument, int32_t status,
                                   uint8_t previous, uint64_t from, int interval, uint64_t caller, uint32_t process,
                                   const void *payload, uint32_t payloadBytes)
{
    /* Acquire, against the barrier in EsTraceMakeRings: a restart may replace the rings meanwhile. */
    const ES_TRACE_RINGS *rings = (const ES_TRACE_RINGS *)(uintptr_t)ES_TRACE_LOAD_ACQUIRE64(&EsTraceKernel.current);
    ES_TRACE_RECORD record;
    uint64_t now;

    if (rings == NULL) {
        return;
    }
    now = EsTraceNow(&record.processor);
    record.tsc = EsTraceMoment(kind, from, now);
    record.object = object;
    record.caller = caller;
    record.argument = argument;
    record.process = process != 0 ? process : (uint32_t)(ULONG_PTR)PsGetCurrentProcessId();
    record.thread = (uint32_t)(ULONG_PTR)PsGetCurrentThreadId();
    record.status = status;
    record.duration = interval ? EsTraceDuration(from, now) : 0;
    record.kind = kind;
    record.irql = EsTraceKernel.wine ? ES_TRACE_IRQL_UNKNOWN : (uint8_t)KeGetCurrentIrql();
    record.previous = previous;
    record.flags = (uint8_t)(flags | ES_TRACE_FLAG_KERNEL);
    EsTracePut(rings, record.processor, &record, payload,
               payloadBytes > ES_TRACE_MAX_PAYLOAD_BYTES ? ES_TRACE_MAX_PAYLOAD_BYTES : payloadBytes);
}

/* Whose table a handle given to a kernel call is in. High handle values are kernel handles on Windows. */
ES_TRACE_INLINE uint32_t EsTraceHandleOwner(HANDLE handle, int kernelMode)
{
    return kernelMode && (EsTraceKernel.wine || (intptr_t)handle < 0) ? EsTraceKernel.systemProcess : 0u;
}

/* IRQL: PASSIVE_LEVEL. Time and module, so that a reader can place and name what follows. */
ES_TRACE_COLD void EsTraceCalibrate(void)
{
    LARGE_INTEGER frequency, counter, utc;
    ES_TRACE_RECORD record;
    uint64_t before, after;

    if (EsTraceKernel.current == NULL) {
        return;
    }
    RtlZeroMemory(&record, sizeof(record));
    utc.QuadPart = 0;
    before = ES_TRACE_READ_TSC();
    counter = KeQueryPerformanceCounter(&frequency);
    if (EsTraceKernel.queryTime != NULL) {
        EsTraceKernel.queryTime(&utc);
    }
    after = EsTraceNow(&record.processor);
    EsTraceKernel.calibrated = counter.QuadPart;
    record.tsc = before + (after - before) / 2;
    record.object = (uint64_t)utc.QuadPart;
    record.caller = (uint64_t)frequency.QuadPart;
    record.argument = (uint64_t)counter.QuadPart;
    record.process = EsTraceKernel.systemProcess;
    record.thread = (uint32_t)(ULONG_PTR)PsGetCurrentThreadId();
    record.duration = EsTraceDuration(before, after); /* the reading's uncertainty */
    record.kind = EsTraceCalibration;
    record.irql = EsTraceKernel.wine ? ES_TRACE_IRQL_UNKNOWN : 0;
    record.previous = ES_TRACE_PREVIOUS_UNKNOWN;
    record.flags = ES_TRACE_FLAG_KERNEL;
    EsTracePut(EsTraceKernel.current, record.processor, &record, NULL, 0);
}

ES_TRACE_COLD void EsTraceWriteModule(void)
{
#if defined(_WIN32)
    extern const uint8_t __ImageBase[];
    const uint8_t *base = __ImageBase;
    uint32_t peOffset, imageBytes;

    RtlCopyMemory(&peOffset, base + 0x3C, sizeof(peOffset));            /* IMAGE_DOS_HEADER.e_lfanew */
    RtlCopyMemory(&imageBytes, base + peOffset + 0x50, sizeof(imageBytes)); /* OptionalHeader.SizeOfImage, 32 and 64 bits */
#else
    const uint8_t *base = (const uint8_t *)&EsTraceKernel; /* no image in the host harness */
    const uint32_t imageBytes = 0;
#endif
    EsTraceRecord(EsTraceModule, 0, (uint64_t)(uintptr_t)base, imageBytes, 0, ES_TRACE_PREVIOUS_UNKNOWN, ES_TRACE_READ_TSC(), 0,
                  0, EsTraceKernel.systemProcess, EsTraceKernel.fileName, EsTraceKernel.fileNameBytes);
}

/* IRQL: PASSIVE_LEVEL, in DriverEntry (the current process is then the one that holds kernel handles). */
ES_TRACE_COLD NTSTATUS EsTraceStartKernel(const WCHAR *fileName)
{
    UNICODE_STRING name;
    uint32_t length = 0;

    RtlZeroMemory(&EsTraceKernel, sizeof(EsTraceKernel));
    ExInitializeFastMutex(&EsTraceKernel.mutex);
    RtlInitUnicodeString(&name, L"wine_ntoskrnl_main_loop");
    EsTraceKernel.wine = MmGetSystemRoutineAddress(&name) != NULL;
    EsTraceKernel.useRdtscp = EsTraceKernel.wine && EsTraceHasRdtscp();
    /* KeQuerySystemTime is inline on Windows x64, and reads a page there that Wine has elsewhere. */
    RtlInitUnicodeString(&name, L"KeQuerySystemTimePrecise");
    EsTraceKernel.queryTime = (ES_TRACE_QUERY_TIME)(ULONG_PTR)MmGetSystemRoutineAddress(&name);
    if (EsTraceKernel.queryTime == NULL) {
        RtlInitUnicodeString(&name, L"KeQuerySystemTime");
        EsTraceKernel.queryTime = (ES_TRACE_QUERY_TIME)(ULONG_PTR)MmGetSystemRoutineAddress(&name);
    }
    EsTraceKernel.systemProcess = (uint32_t)(ULONG_PTR)PsGetCurrentProcessId();
    while (length < ES_TRACE_MAX_FILE_NAME && fileName[length] != 0) {
        EsTraceKernel.fileName[length] = (uint16_t)fileName[length];
        length++;
    }
    EsTraceKernel.fileNameBytes = length * (uint32_t)sizeof(uint16_t);
    EsTraceKernel.started = 1;
    return STATUS_SUCCESS;
}

/* IRQL: PASSIVE_LEVEL, after the last thread, timer and work item that records has ended. */
ES_TRACE_COLD void EsTraceStopKernel(void)
{
    ES_TRACE_RINGS *rings;

    EsTraceKernel.enabled = 0;
    EsTraceKernel.started = 0;
    rings = EsTraceKernel.current;
    EsTraceKernel.current = NULL;
    while (rings != NULL) {
        ES_TRACE_RINGS *older = rings->older;

        ES_TRACE_FREE(rings);
        rings = older;
    }
}

ES_TRACE_COLD NTSTATUS EsTraceMakeRings(uint32_t slotsPerRing)
{
    const uint64_t align = ES_TRACE_SLOT_BYTES - 1u;
    uint32_t ringCount = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    uint64_t ringsOffset, slotsOffset, bytes, held = 0;
    ES_TRACE_RINGS *rings, *older;
    uint32_t index;

    ringCount = ringCount == 0 ? 1 : ringCount > ES_TRACE_MAX_RINGS ? ES_TRACE_MAX_RINGS : ringCount;
    ringsOffset = (sizeof(ES_TRACE_RINGS) + align) & ~align;
    slotsOffset = ringsOffset + (uint64_t)ringCount * sizeof(ES_TRACE_RING);
    bytes = slotsOffset + (uint64_t)ringCount * slotsPerRing * ES_TRACE_SLOT_BYTES + ES_TRACE_SLOT_BYTES;
    for (older = EsTraceKernel.current; older != NULL; older = older->older) {
        held += older->bytes;
    }
    if (bytes + held > ES_TRACE_MAX_BYTES) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    rings = (ES_TRACE_RINGS *)ES_TRACE_ALLOCATE((SIZE_T)bytes);
    if (rings == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(rings, (SIZE_T)bytes);
    /* The pool aligns to 16 bytes when the size is below a page: rings and slots start at the next line. */
    ringsOffset += (0u - ((uint64_t)(uintptr_t)rings + ringsOffset)) & align;
    slotsOffset = ringsOffset + (uint64_t)ringCount * sizeof(ES_TRACE_RING);
    rings->rings = (ES_TRACE_RING *)((uint8_t *)rings + ringsOffset);
    rings->ringCount = ringCount;
    rings->slotsPerRing = slotsPerRing;
    rings->bytes = bytes;
    for (index = 0; index < ringCount; index++) {
        rings->rings[index].owner = index + 1u;
        rings->rings[index].capacity = slotsPerRing;
        rings->rings[index].slotsOffset = slotsOffset + (uint64_t)index * slotsPerRing * ES_TRACE_SLOT_BYTES;
    }
    rings->older = EsTraceKernel.current;
    /* A full barrier: a writer that sees the new rings sees them made. */
    (void)InterlockedExchangePointer((PVOID volatile *)&EsTraceKernel.current, rings);
    return STATUS_SUCCESS;
}

/*
 * How many slots of a ring, from its tail, are whole committed records and fit into `room` slots. Stops before a record that
 * its writer has reserved and not yet committed.
 */
ES_TRACE_COLD uint32_t EsTraceCommitted(const ES_TRACE_RINGS *rings, const ES_TRACE_RING *ring, uint32_t room)
{
    const ES_TRACE_RECORD *slots = EsTraceSlotsOf(rings, ring);
    const uint64_t head = ES_TRACE_LOAD_ACQUIRE64(&ring->head);
    uint64_t at = ring->tail;

    while (at < head) {
        const ES_TRACE_RECORD *record = &slots[at & (ring->capacity - 1u)];
        uint32_t count;

        if (ES_TRACE_LOAD_ACQUIRE32(&record->sequence) != (uint32_t)(at + 1u)) {
            break;
        }
        count = record->slots == 0 ? 1u : record->slots;
        if (at + count - ring->tail > room) {
            break;
        }
        at += count;
    }
    return (uint32_t)(at - ring->tail);
}

ES_TRACE_COLD void EsTraceFillState(ES_TRACE_STATE *state)
{
    const ES_TRACE_RINGS *rings = EsTraceKernel.current;
    uint32_t index;

    RtlZeroMemory(state, sizeof(*state));
    state->version = ES_TRACE_VERSION;
    state->enabled = EsTraceKernel.enabled;
    state->written = EsTraceKernel.writtenBefore;
    state->drained = EsTraceKernel.drainedBefore;
    state->lost = EsTraceKernel.lostBefore;
    if (rings != NULL) {
        state->ringCount = rings->ringCount;
        state->slotsPerRing = rings->slotsPerRing;
        for (index = 0; index < rings->ringCount; index++) {
            state->written += ES_TRACE_LOAD_ACQUIRE64(&rings->rings[index].head);
            state->drained += ES_TRACE_LOAD_ACQUIRE64(&rings->rings[index].tail);
            state->lost += ES_TRACE_LOAD_ACQUIRE64(&rings->rings[index].lost);
        }
    }
}

/* IRQL <= APC_LEVEL, as everything that takes the mutex. */
ES_TRACE_COLD void EsTraceQueryState(ES_TRACE_STATE *state)
{
    ExAcquireFastMutex(&EsTraceKernel.mutex);
    EsTraceFillState(state);
    ExReleaseFastMutex(&EsTraceKernel.mutex);
}

/* Under the mutex. Starts over: what was not drained is thrown away, and counted as drained. */
ES_TRACE_COLD NTSTATUS EsTraceStartRecording(uint32_t slotsPerRing)
{
    NTSTATUS status;
    uint32_t index;

    slotsPerRing = slotsPerRing == 0 ? ES_TRACE_DEFAULT_SLOTS : slotsPerRing;
    if (slotsPerRing < ES_TRACE_MIN_SLOTS || slotsPerRing > ES_TRACE_MAX_SLOTS_PER_RING ||
        (slotsPerRing & (slotsPerRing - 1u)) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    EsTraceKernel.enabled = 0;
    if (EsTraceKernel.current == NULL || EsTraceKernel.current->slotsPerRing != slotsPerRing) {
        ES_TRACE_STATE before;

        EsTraceFillState(&before);
        status = EsTraceMakeRings(slotsPerRing);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        EsTraceKernel.writtenBefore = before.written;
        EsTraceKernel.drainedBefore = before.written;
        EsTraceKernel.lostBefore = before.lost;
    } else {
        for (index = 0; index < EsTraceKernel.current->ringCount; index++) {
            ES_TRACE_RING *ring = &EsTraceKernel.current->rings[index];

            ES_TRACE_STORE_RELEASE64(&ring->tail,
                                     ring->tail + EsTraceCommitted(EsTraceKernel.current, ring, 0xFFFFFFFFu));
        }
    }
    EsTraceKernel.nextRing = 0;
    EsTraceKernel.enabled = 1;
    EsTraceCalibrate();
    EsTraceWriteModule();
    return STATUS_SUCCESS;
}

/* Under the mutex. Fills `output` with one ring's records. */
ES_TRACE_COLD ULONG EsTraceDrain(uint8_t *output, ULONG outputBytes)
{
    ES_TRACE_DRAIN_HEADER header;
    const ES_TRACE_RINGS *rings = EsTraceKernel.current;
    const uint32_t room = (outputBytes - (ULONG)sizeof(header)) / ES_TRACE_SLOT_BYTES;
    LARGE_INTEGER frequency, counter;
    uint32_t tried, index = 0, count = 0;

    RtlZeroMemory(&header, sizeof(header));
    header.version = ES_TRACE_VERSION;
    counter = KeQueryPerformanceCounter(&frequency);
    if (EsTraceIsOn() && counter.QuadPart - EsTraceKernel.calibrated > frequency.QuadPart * ES_TRACE_CALIBRATE_MS / 1000) {
        EsTraceCalibrate();
    }
    for (tried = 0; rings != NULL && tried < rings->ringCount && count == 0; tried++) {
        index = (EsTraceKernel.nextRing + tried) % rings->ringCount;
        count = EsTraceCommitted(rings, &rings->rings[index], room);
    }
    if (count != 0) {
        ES_TRACE_RING *ring = &rings->rings[index];
        const ES_TRACE_RECORD *slots = EsTraceSlotsOf(rings, ring);
        const uint32_t first = (uint32_t)(ring->tail & (ring->capacity - 1u));
        const uint32_t before = ring->capacity - first < count ? ring->capacity - first : count;

        RtlCopyMemory(output + sizeof(header), &slots[first], (SIZE_T)before * ES_TRACE_SLOT_BYTES);
        RtlCopyMemory(output + sizeof(header) + (SIZE_T)before * ES_TRACE_SLOT_BYTES, &slots[0],
                      (SIZE_T)(count - before) * ES_TRACE_SLOT_BYTES);
        header.ring = index;
        header.slotCount = count;
        header.firstSlot = ring->tail;
        header.lost = ES_TRACE_LOAD_ACQUIRE64(&ring->lost);
        ES_TRACE_STORE_RELEASE64(&ring->tail, ring->tail + count);
        EsTraceKernel.nextRing = (index + 1u) % rings->ringCount;
        for (tried = 0; tried < rings->ringCount && !header.more; tried++) {
            header.more = EsTraceCommitted(rings, &rings->rings[tried], ES_TRACE_MAX_SLOTS) != 0;
        }
    }
    RtlCopyMemory(output, &header, sizeof(header));
    return (ULONG)sizeof(header) + count * ES_TRACE_SLOT_BYTES;
}

/*
 * ES_TRACE_IOCTL_*. buffer is the request's system buffer (METHOD_BUFFERED), input and output alike; information gets the
 * bytes of output. IRQL: PASSIVE_LEVEL. The caller has decided that this requestor may see kernel addresses.
 */
ES_TRACE_COLD NTSTATUS EsTraceDeviceControl(ULONG code, void *buffer, ULONG inputBytes, ULONG outputBytes,
                                            ULONG_PTR *information)
{
    NTSTATUS status = STATUS_SUCCESS;

    *information = 0;
    if (!EsTraceKernel.started || (code != ES_TRACE_IOCTL_QUERY && code != ES_TRACE_IOCTL_START &&
                                   code != ES_TRACE_IOCTL_STOP && code != ES_TRACE_IOCTL_DRAIN)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    ExAcquireFastMutex(&EsTraceKernel.mutex);
    switch (code) {
    case ES_TRACE_IOCTL_QUERY:
        if (outputBytes < sizeof(ES_TRACE_STATE)) {
            status = STATUS_BUFFER_TOO_SMALL;
        } else {
            EsTraceFillState((ES_TRACE_STATE *)buffer);
            *information = sizeof(ES_TRACE_STATE);
        }
        break;
    case ES_TRACE_IOCTL_START:
        if (inputBytes != sizeof(ES_TRACE_START_INPUT)) {
            status = STATUS_INFO_LENGTH_MISMATCH;
        } else if (((const ES_TRACE_START_INPUT *)buffer)->version != ES_TRACE_VERSION) {
            status = STATUS_REVISION_MISMATCH;
        } else {
            status = EsTraceStartRecording(((const ES_TRACE_START_INPUT *)buffer)->slotsPerRing);
        }
        break;
    case ES_TRACE_IOCTL_STOP:
        if (EsTraceIsOn()) {
            EsTraceCalibrate();
            EsTraceKernel.enabled = 0;
        }
        break;
    default:
        /* Room for the longest record, or a record that never fits would end the draining for good. */
        if (outputBytes < sizeof(ES_TRACE_DRAIN_HEADER) + ES_TRACE_MAX_SLOTS * ES_TRACE_SLOT_BYTES) {
            status = STATUS_BUFFER_TOO_SMALL;
        } else {
            *information = EsTraceDrain((uint8_t *)buffer, outputBytes);
        }
        break;
    }
    ExReleaseFastMutex(&EsTraceKernel.mutex);
    return status;
}

#include "eventscope_trace_kernel_calls.h"

#endif /* EVENTSCOPE_TRACE_KERNEL_H */
