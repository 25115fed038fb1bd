/*
 * ring_bench - what one record costs in the user-mode trace rings of eventscope_trace.h, and whether two threads get in each
 * other's way.
 *
 *   ring_bench [--records N] [--batch N] [--slots N]
 *
 * Records are written in batches that fit into a ring. Only batches are timed; between two of them the writers wait until a
 * drainer thread has taken everything: so every record is really written, none is lost, and the slots come back from another
 * processor's cache as they do in use. The drainer rests while a batch is timed: two writers and a drainer on two processors
 * would measure the scheduler. The median of the batches is the figure; "quiet" figures are of the fastest tenth of them, for a machine on which other programs take processors away.
 *
 * Prints one JSON line:
 *   {"program":"ring_bench","records","batch","rounds","slots","nsPerRecord","oneThread","twoThreads","scaling",
 *    "quietNsPerRecord","quietScaling","lost","missing"}
 * rounds: batches that were timed, for one thread and again for two. nsPerRecord: one thread. oneThread, twoThreads: records
 * per second in all. scaling: their ratio. lost: counted by the rings. missing: written, not lost, and yet not drained. Exit
 * codes: 0 measured and nothing lost or missing, 1 something was, or a call failed, 2 bad arguments.
 *
 * Built with EVENTSCOPE_TRACE=1 from ring_bench.c, trace_area.c and bench_arguments.c; README.md has the commands.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trace_area.h"

#include "bench_arguments.h"

#include <stdio.h>
#include <stdlib.h>

#include "eventscope_trace.h"

enum { MaxThreads = 2, Rings = 8, MaxBatches = 100000 };

/* What the writers of one measurement share. */
typedef struct Course {
    TraceArea *area;
    uint64_t batches;
    uint64_t batch; /* records of one thread in one batch */
    LONG threads;
    volatile LONG arrived; /* writers that are ready for the next batch, counted over all batches */
    volatile LONG writing; /* writers in a timed batch: the drainer rests */
} Course;

typedef struct Writer {
    HANDLE thread;
    Course *course;
    LONG processor;
    LONGLONG *began; /* one for each batch, QPC */
    LONGLONG *ended;
} Writer;

typedef struct Drainer {
    HANDLE thread;
    const Course *course;
    volatile LONG stop;
} Drainer;

static LONGLONG Now(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return now.QuadPart;
}

static void Fail(const char *what)
{
    fprintf(stderr, "ring_bench: %s failed (error %lu)\n", what, (unsigned long)GetLastError());
    exit(1);
}

/* Returns when the rings are empty and the other writers are here too; a spin that lets others run. */
static void LineUp(Course *course, uint64_t batch)
{
    const LONG all = (LONG)(batch + 1) * course->threads;

    while (!TraceAreaIsEmpty(course->area)) {
        SwitchToThread();
    }
    InterlockedIncrement(&course->arrived);
    for (unsigned spins = 0; course->arrived < all; spins++) {
        if (spins % 1024 == 1023) {
            SwitchToThread(); /* the other one may wait for this processor */
        } else {
            YieldProcessor();
        }
    }
}

static DWORD WINAPI WriteRecords(PVOID argument)
{
    Writer *writer = argument;
    Course *course = writer->course;
    HANDLE event = (HANDLE)(ULONG_PTR)0x1234;

    /* A processor each: writers that meet between batches are otherwise kept together on one, for seconds. */
    (VOID)SetThreadAffinityMask(GetCurrentThread(), (DWORD_PTR)1 << writer->processor);
    EsTraceRequest(event, 0); /* claims the ring: that is a thread's first record, not every one's cost */
    for (uint64_t batch = 0; batch < course->batches; batch++) {
        LineUp(course, batch);
        InterlockedIncrement(&course->writing);
        writer->began[batch] = Now();
        for (uint64_t index = 0; index < course->batch; index++) {
            EsTraceRequest(event, index);
        }
        writer->ended[batch] = Now();
        InterlockedDecrement(&course->writing);
    }
    return 0;
}

static DWORD WINAPI DrainAll(PVOID argument)
{
    Drainer *drainer = argument;

    while (!drainer->stop) {
        if (drainer->course->writing != 0 || TraceAreaDrain(drainer->course->area) == 0) {
            (Sleep)(1);
        }
    }
    while (TraceAreaDrain(drainer->course->area) != 0) {
    }
    return 0;
}

static int CompareTicks(const void *left, const void *right)
{
    const LONGLONG a = *(const LONGLONG *)left;
    const LONGLONG b = *(const LONGLONG *)right;

    return a < b ? -1 : a > b;
}

/* Time of one batch from the first writer's start to the last one's end, in ns. */
typedef struct Spans {
    double median;
    double quiet; /* a tenth of the batches were faster */
} Spans;

static Spans Measure(Course *course)
{
    Writer writers[MaxThreads];
    LARGE_INTEGER frequency;
    LONGLONG *times = calloc((size_t)(course->batches * (2 * MaxThreads + 1)), sizeof(*times));
    LONGLONG *spans = times;
    Spans result;

    if (times == NULL) {
        Fail("calloc");
    }
    course->arrived = 0;
    for (LONG index = 0; index < course->threads; index++) {
        writers[index].course = course;
        writers[index].processor = index;
        writers[index].began = times + course->batches * (uint64_t)(1 + 2 * index);
        writers[index].ended = times + course->batches * (uint64_t)(2 + 2 * index);
        writers[index].thread = CreateThread(NULL, 0, WriteRecords, &writers[index], 0, NULL);
        if (writers[index].thread == NULL) {
            Fail("CreateThread");
        }
    }
    for (LONG index = 0; index < course->threads; index++) {
        (WaitForSingleObject)(writers[index].thread, INFINITE);
        (CloseHandle)(writers[index].thread);
    }
    for (uint64_t batch = 0; batch < course->batches; batch++) {
        LONGLONG first = writers[0].began[batch];
        LONGLONG last = writers[0].ended[batch];
        for (LONG index = 1; index < course->threads; index++) {
            first = writers[index].began[batch] < first ? writers[index].began[batch] : first;
            last = writers[index].ended[batch] > last ? writers[index].ended[batch] : last;
        }
        spans[batch] = last - first;
    }
    qsort(spans, (size_t)course->batches, sizeof(*spans), CompareTicks);
    QueryPerformanceFrequency(&frequency);
    result.median = (double)spans[course->batches / 2] * 1e9 / (double)frequency.QuadPart;
    result.quiet = (double)spans[course->batches / 10] * 1e9 / (double)frequency.QuadPart;
    free(times);
    return result;
}

int main(int argc, char **argv)
{
    uint64_t records = 10000000;
    uint64_t batch = 16384;
    uint64_t slots = 65536;
    const BenchArgument arguments[] = {
        {"--records", &records, 1, 1000000000}, {"--batch", &batch, 64, 524288}, {"--slots", &slots, 64, 1048576}};
    TraceArea area;
    Course course = {.area = &area};
    Drainer drainer = {.course = &course};

    if (!BenchParseArguments("ring_bench", argc, argv, arguments, ARRAYSIZE(arguments)) || (slots & (slots - 1)) != 0 ||
        batch > slots / 2 || records / batch > MaxBatches) {
        fprintf(stderr, "usage: ring_bench [--records N] [--batch N, at most half of the slots, 1/%u of the records at least]\n"
                        "                  [--slots N, a power of two]\n", (unsigned)MaxBatches);
        return 2;
    }
    if (!TraceAreaCreate(&area, Rings, (uint32_t)slots)) {
        Fail("making the section");
    }
    drainer.thread = CreateThread(NULL, 0, DrainAll, &drainer, 0, NULL);
    if (drainer.thread == NULL) {
        Fail("CreateThread");
    }
    course.batch = batch;
    course.batches = records / batch > 0 ? records / batch : 1;
    course.threads = 1;
    const Spans one = Measure(&course);
    course.threads = 2;
    const Spans two = Measure(&course);
    drainer.stop = 1;
    (WaitForSingleObject)(drainer.thread, INFINITE);
    (CloseHandle)(drainer.thread);

    const uint64_t written = (course.batches * batch + 1) * 3; /* one writer, then two */
    const uint64_t lost = TraceAreaLost(&area);
    const int64_t missing = (int64_t)(written - area.requests - lost);
    const double oneRate = (double)batch * 1e9 / one.median;
    const double twoRate = 2.0 * (double)batch * 1e9 / two.median;
    printf("{\"program\":\"ring_bench\",\"records\":%llu,\"batch\":%llu,\"rounds\":%llu,\"slots\":%llu,\"nsPerRecord\":%.2f,"
           "\"oneThread\":%.0f,\"twoThreads\":%.0f,\"scaling\":%.3f,"
           "\"quietNsPerRecord\":%.2f,\"quietScaling\":%.3f,\"lost\":%llu,\"missing\":%lld}\n",
           (unsigned long long)(course.batches * batch), (unsigned long long)batch,
           (unsigned long long)course.batches, (unsigned long long)slots,
           one.median / (double)batch, oneRate, twoRate, twoRate / oneRate, one.quiet / (double)batch,
           2.0 * one.quiet / two.quiet, (unsigned long long)lost, (long long)missing);
    fflush(stdout);
    TraceAreaClose(&area);
    return lost == 0 && missing == 0 ? 0 : 1;
}
