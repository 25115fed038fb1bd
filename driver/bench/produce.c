/*
 * produce - writes records at a given rate, so that the way behind the rings can be measured: agent, wire, host. It writes
 * into the section that its environment names (EVENTSCOPE_TRACE_SECTION), as any traced application does.
 *
 *   produce [--records N] [--rate N] [--threads N] [--delay MS]
 *
 * records: of all threads. rate: records a second of all threads; 0 = as fast as it goes. delay: before the first record.
 * Each thread keeps to the plan of its share: a millisecond's records at once, then it sleeps until the next is due; when it
 * was held up it catches up.
 *
 * Prints one JSON line: {"program":"produce","records","threads","rate","seconds","achieved","lost"}; lost are the records
 * that found a full ring or none. Exit codes: 0 all written, 1 some were lost or a call failed, 2 bad arguments, 3 there is
 * no section to write to.
 *
 * Built with EVENTSCOPE_TRACE=1 from produce.c, trace_area.c and bench_arguments.c; README.md has the commands.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trace_area.h"

#include "bench_arguments.h"

#include <stdio.h>
#include <stdlib.h>

#include "eventscope_trace.h"

enum { MaxThreads = 32, MinimumBatch = 256 };

typedef struct Producer {
    HANDLE thread;
    uint64_t records;
    uint64_t rate; /* of this thread; 0 = no limit */
    HANDLE start;
    LONGLONG frequency;
    LONGLONG ended;
} Producer;

static LONGLONG Now(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return now.QuadPart;
}

static DWORD WINAPI Produce(PVOID argument)
{
    Producer *producer = argument;
    HANDLE event = (HANDLE)(ULONG_PTR)0x5678;
    const uint64_t batch = producer->rate == 0 ? producer->records
                           : producer->rate / 1000 > MinimumBatch ? producer->rate / 1000
                                                                  : MinimumBatch;
    uint64_t written = 0;
    LONGLONG began;

    (WaitForSingleObject)(producer->start, INFINITE);
    began = Now();
    while (written < producer->records) {
        uint64_t end = written + batch < producer->records ? written + batch : producer->records;
        for (; written < end; written++) {
            EsTraceRequest(event, written);
        }
        if (producer->rate != 0) {
            /* When the record after this batch is due, by the plan from the start. */
            const LONGLONG due = began + (LONGLONG)((double)written * (double)producer->frequency / (double)producer->rate);
            const LONGLONG leftMs = (due - Now()) * 1000 / producer->frequency;
            if (leftMs > 0) {
                (Sleep)((DWORD)leftMs);
            }
        }
    }
    producer->ended = Now();
    return 0;
}

static int Fail(const char *what)
{
    fprintf(stderr, "produce: %s failed (error %lu)\n", what, (unsigned long)GetLastError());
    return 1;
}

static int Run(uint64_t records, uint64_t rate, unsigned threads, DWORD delayMs, const TraceArea *area)
{
    Producer producers[MaxThreads];
    LARGE_INTEGER frequency;
    LONGLONG began;
    LONGLONG last = 0;
    HANDLE start = (CreateEventW)(NULL, TRUE, FALSE, NULL);

    if (start == NULL) {
        return Fail("CreateEvent");
    }
    QueryPerformanceFrequency(&frequency);
    for (unsigned index = 0; index < threads; index++) {
        producers[index] = (Producer){.records = records / threads + (index < records % threads),
                                      .rate = rate == 0 ? 0 : rate / threads > 0 ? rate / threads : 1,
                                      .start = start,
                                      .frequency = frequency.QuadPart};
        producers[index].thread = CreateThread(NULL, 0, Produce, &producers[index], 0, NULL);
        if (producers[index].thread == NULL) {
            return Fail("CreateThread"); /* the others end with the process */
        }
    }
    (Sleep)(delayMs);
    began = Now();
    (SetEvent)(start);
    for (unsigned index = 0; index < threads; index++) {
        (WaitForSingleObject)(producers[index].thread, INFINITE);
        (CloseHandle)(producers[index].thread);
        last = producers[index].ended > last ? producers[index].ended : last;
    }
    (CloseHandle)(start);
    const uint64_t lost = TraceAreaLost(area);
    const double seconds = (double)(last - began) / (double)frequency.QuadPart;
    printf("{\"program\":\"produce\",\"records\":%llu,\"threads\":%u,\"rate\":%llu,\"seconds\":%.6f,\"achieved\":%.0f,"
           "\"lost\":%llu}\n",
           (unsigned long long)records, threads, (unsigned long long)rate, seconds, (double)records / seconds,
           (unsigned long long)lost);
    fflush(stdout);
    return lost == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t records = 2000000;
    uint64_t rate = 2000000;
    uint64_t threads = 1;
    uint64_t delayMs = 0;
    const BenchArgument arguments[] = {{"--records", &records, 1, 10000000000ull},
                                       {"--rate", &rate, 0, 1000000000},
                                       {"--threads", &threads, 1, MaxThreads},
                                       {"--delay", &delayMs, 0, 60000}};
    TraceArea area;
    int exitCode;

    if (!BenchParseArguments("produce", argc, argv, arguments, ARRAYSIZE(arguments))) {
        fprintf(stderr, "usage: produce [--records N] [--rate N, 0 = no limit] [--threads N] [--delay MS]\n");
        return 2;
    }
    if (!TraceAreaOpen(&area)) {
        fprintf(stderr, "produce: %s names no trace section (error %lu); start it through the agent\n",
                ES_TRACE_SECTION_VARIABLE, (unsigned long)GetLastError());
        return 3;
    }
    exitCode = Run(records, rate, (unsigned)threads, (DWORD)delayMs, &area);
    TraceAreaClose(&area);
    return exitCode;
}
