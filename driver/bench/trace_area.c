/*
 * trace_area.c - see trace_area.h. Layout and protocol are those of eventscope_trace.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trace_area.h"

#include <stdio.h>
#include <string.h>

static ES_TRACE_RING *RingAt(const TraceArea *area, uint32_t ring)
{
    return (ES_TRACE_RING *)(area->area + 1) + ring;
}

BOOL TraceAreaCreate(TraceArea *area, uint32_t rings, uint32_t slots)
{
    const uint64_t slotsOffset = (sizeof(ES_TRACE_AREA) + (uint64_t)rings * sizeof(ES_TRACE_RING) + 63) & ~63ull;
    const uint64_t bytes = slotsOffset + (uint64_t)rings * slots * ES_TRACE_SLOT_BYTES;
    char name[64];

    memset(area, 0, sizeof(*area));
    (void)snprintf(name, sizeof(name), "Local\\Eventscope-Trace-Bench-%lu", (unsigned long)GetCurrentProcessId());
    area->section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, (DWORD)(bytes >> 32), (DWORD)bytes, name);
    if (area->section == NULL) {
        return FALSE;
    }
    area->area = MapViewOfFile(area->section, FILE_MAP_ALL_ACCESS, 0, 0, (SIZE_T)bytes);
    if (area->area == NULL) {
        TraceAreaClose(area);
        return FALSE;
    }
    /* Touch every page now: the benchmark measures writing records, not the first fault on a page. */
    memset(area->area, 0, (size_t)bytes);
    area->area->version = ES_TRACE_VERSION;
    area->area->areaBytesHigh = (uint32_t)(bytes >> 32);
    area->area->areaBytes = (uint32_t)bytes;
    area->area->ringCount = rings;
    area->area->slotBytes = ES_TRACE_SLOT_BYTES;
    area->area->enabled = 1;
    for (uint32_t index = 0; index < rings; index++) {
        ES_TRACE_RING *ring = RingAt(area, index);
        ring->slotsOffset = slotsOffset + (uint64_t)index * slots * ES_TRACE_SLOT_BYTES;
        ring->capacity = slots;
    }
    area->area->magic = ES_TRACE_MAGIC; /* last: an area with the magic is whole */
    return SetEnvironmentVariableA(ES_TRACE_SECTION_VARIABLE, name);
}

BOOL TraceAreaOpen(TraceArea *area)
{
    char name[256];
    const DWORD length = GetEnvironmentVariableA(ES_TRACE_SECTION_VARIABLE, name, sizeof(name));

    memset(area, 0, sizeof(*area));
    if (length == 0 || length >= sizeof(name)) {
        SetLastError(ERROR_ENVVAR_NOT_FOUND);
        return FALSE;
    }
    area->section = OpenFileMappingA(FILE_MAP_READ, FALSE, name);
    area->area = area->section == NULL ? NULL : MapViewOfFile(area->section, FILE_MAP_READ, 0, 0, 0);
    if (area->area == NULL || area->area->magic != ES_TRACE_MAGIC || area->area->version != ES_TRACE_VERSION) {
        TraceAreaClose(area);
        return FALSE;
    }
    return TRUE;
}

/* Whether the slot with this absolute index is written. */
static BOOL IsWritten(const ES_TRACE_RING *ring, const ES_TRACE_RECORD *slots, uint64_t at)
{
    return __atomic_load_n(&slots[at & (ring->capacity - 1)].sequence, __ATOMIC_ACQUIRE) == (uint32_t)(at + 1);
}

/* Takes the whole records of one ring: looks at each slot, as a consumer that copies would, then gives them back. */
static uint64_t DrainRing(TraceArea *area, ES_TRACE_RING *ring)
{
    const ES_TRACE_RECORD *slots = (const ES_TRACE_RECORD *)((const uint8_t *)area->area + ring->slotsOffset);
    const uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    const uint64_t tail = ring->tail;
    uint64_t at = tail;

    while (at < head && IsWritten(ring, slots, at)) {
        const ES_TRACE_RECORD *record = &slots[at & (ring->capacity - 1)];
        uint64_t end = at + record->slots;
        for (uint64_t next = at + 1; next < end; next++) {
            if (next >= head || !IsWritten(ring, slots, next)) {
                end = at; /* reserved, not yet wholly written */
            }
        }
        if (end == at) {
            break;
        }
        area->requests += record->kind == EsTraceRequest;
        at = end;
    }
    __atomic_store_n(&ring->tail, at, __ATOMIC_RELEASE);
    return at - tail;
}

uint64_t TraceAreaDrain(TraceArea *area)
{
    uint64_t slots = 0;

    for (uint32_t index = 0; index < area->area->ringCount; index++) {
        slots += DrainRing(area, RingAt(area, index));
    }
    return slots;
}

BOOL TraceAreaIsEmpty(const TraceArea *area)
{
    for (uint32_t index = 0; index < area->area->ringCount; index++) {
        const ES_TRACE_RING *ring = RingAt(area, index);
        if (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE)) {
            return FALSE;
        }
    }
    return TRUE;
}

uint64_t TraceAreaLost(const TraceArea *area)
{
    uint64_t lost = __atomic_load_n(&area->area->unringedLost, __ATOMIC_RELAXED);

    for (uint32_t index = 0; index < area->area->ringCount; index++) {
        lost += __atomic_load_n(&RingAt(area, index)->lost, __ATOMIC_RELAXED);
    }
    return lost;
}

void TraceAreaClose(TraceArea *area)
{
    const DWORD error = GetLastError();

    if (area->area != NULL) {
        UnmapViewOfFile(area->area);
    }
    if (area->section != NULL) {
        CloseHandle(area->section);
    }
    memset(area, 0, sizeof(*area));
    SetLastError(error);
}
