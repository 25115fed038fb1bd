/*
 * trace_area.h - a reader of user-mode trace rings for the benchmarks: makes the section that the writers find by its name
 * in the environment, and consumes what they write. The agent does the same in the product.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_BENCH_TRACE_AREA_H
#define EVENTSCOPE_BENCH_TRACE_AREA_H

#include <windows.h>
#include <stdint.h>

#define ES_TRACE_LAYOUT_ONLY
#include "eventscope_trace.h"
#undef ES_TRACE_LAYOUT_ONLY

typedef struct TraceArea {
    HANDLE section;
    ES_TRACE_AREA *area;
    uint64_t requests; /* records of kind EsTraceRequest that were drained */
} TraceArea;

/* slots: of each ring, a power of two. Puts the section's name into the environment. FALSE: GetLastError tells why. */
BOOL TraceAreaCreate(TraceArea *area, uint32_t rings, uint32_t slots);
/* The section that the environment names, to read its counts. FALSE: GetLastError tells why. */
BOOL TraceAreaOpen(TraceArea *area);
/* Takes all that is there now, checking each slot's sequence; returns the count of slots. */
uint64_t TraceAreaDrain(TraceArea *area);
/* Whether all that was written has been taken. */
BOOL TraceAreaIsEmpty(const TraceArea *area);
/* Records lost so far: those of full rings and those of threads without a ring. */
uint64_t TraceAreaLost(const TraceArea *area);
void TraceAreaClose(TraceArea *area);

#endif
