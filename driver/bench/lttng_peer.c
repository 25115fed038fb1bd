/*
 * lttng_peer - what one record costs with LTTng-UST, the peer of ring_bench.c: the same batches around one
 * lttng_ust_tracepoint with four fields, under a session that really records. README.md has the commands.
 *
 *   lttng_peer [--records N] [--batch N] [--threads 1|2]
 *
 * Prints one JSON line per thread count, of the median batch: {"program":"lttng_peer","threads","records","batch",
 * "rounds","nsPerRecord","recordsPerSecond"}; rounds are the timed batches. Whether the session discarded events (which cost
 * less) is lttng's to tell; a pause between batches lets its consumer take what was written, so it should not. Exit codes: 0 measured, 1 a
 * call failed, 2 bad arguments, 3 no session has the tracepoint enabled (then there is nothing to measure).
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_peer_provider.h"

#include "bench_arguments.c" /* one source file, so that one compiler command builds it */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MaxThreads = 2, MaxBatches = 100000, PauseNs = 3000000 };

typedef struct Course {
    uint64_t batches;
    uint64_t batch;
    unsigned threads;
    atomic_ulong arrived;
} Course;

typedef struct Writer {
    pthread_t thread;
    Course *course;
    uint64_t *began;
    uint64_t *ended;
} Writer;

static uint64_t NowNs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void LineUp(Course *course, uint64_t batch)
{
    const unsigned long all = (unsigned long)((batch + 1) * course->threads);
    const struct timespec pause = {.tv_nsec = PauseNs};

    nanosleep(&pause, NULL);
    atomic_fetch_add(&course->arrived, 1);
    for (unsigned spins = 0; atomic_load(&course->arrived) < all; spins++) {
        if (spins % 1024 == 1023) {
            sched_yield();
        } else {
            __builtin_ia32_pause();
        }
    }
}

static void *WriteRecords(void *argument)
{
    Writer *writer = argument;
    Course *course = writer->course;

    for (uint64_t batch = 0; batch < course->batches; batch++) {
        LineUp(course, batch);
        writer->began[batch] = NowNs();
        for (uint64_t index = 0; index < course->batch; index++) {
            lttng_ust_tracepoint(eventscope_peer, signal, 0x1234, index, 0, 32);
        }
        writer->ended[batch] = NowNs();
    }
    return NULL;
}

static int CompareU64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Median over the batches of the time from the first writer's start to the last one's end, in ns. */
static double Measure(Course *course)
{
    Writer writers[MaxThreads];
    uint64_t *times = calloc((size_t)(course->batches * (2 * MaxThreads + 1)), sizeof(*times));

    if (times == NULL) {
        fprintf(stderr, "lttng_peer: no memory\n");
        exit(1);
    }
    atomic_store(&course->arrived, 0);
    for (unsigned index = 0; index < course->threads; index++) {
        writers[index].course = course;
        writers[index].began = times + course->batches * (1 + 2 * index);
        writers[index].ended = times + course->batches * (2 + 2 * index);
        const int error = pthread_create(&writers[index].thread, NULL, WriteRecords, &writers[index]);
        if (error != 0) {
            fprintf(stderr, "lttng_peer: pthread_create failed: %s\n", strerror(error));
            exit(1);
        }
    }
    for (unsigned index = 0; index < course->threads; index++) {
        pthread_join(writers[index].thread, NULL);
    }
    for (uint64_t batch = 0; batch < course->batches; batch++) {
        uint64_t first = writers[0].began[batch];
        uint64_t last = writers[0].ended[batch];
        for (unsigned index = 1; index < course->threads; index++) {
            first = writers[index].began[batch] < first ? writers[index].began[batch] : first;
            last = writers[index].ended[batch] > last ? writers[index].ended[batch] : last;
        }
        times[batch] = last - first;
    }
    qsort(times, (size_t)course->batches, sizeof(*times), CompareU64);
    const double median = (double)times[course->batches / 2];
    free(times);
    return median;
}

int main(int argc, char **argv)
{
    uint64_t records = 1000000;
    uint64_t batch = 16384;
    uint64_t threads = 0; /* 0: one, then two */
    const BenchArgument arguments[] = {
        {"--records", &records, 1, 1000000000}, {"--batch", &batch, 64, 524288}, {"--threads", &threads, 1, MaxThreads}};

    if (!BenchParseArguments("lttng_peer", argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) ||
        records / batch > MaxBatches) {
        fprintf(stderr, "usage: lttng_peer [--records N] [--batch N] [--threads 1|2]\n");
        return 2;
    }
    if (!lttng_ust_tracepoint_enabled(eventscope_peer, signal)) {
        fprintf(stderr, "lttng_peer: no LTTng session records eventscope_peer:signal; see driver/bench/README.md\n");
        return 3;
    }
    for (unsigned count = 1; count <= MaxThreads; count++) {
        Course course = {.batches = records / batch > 0 ? records / batch : 1, .batch = batch, .threads = count};
        if (threads != 0 && threads != count) {
            continue;
        }
        const double median = Measure(&course);
        printf("{\"program\":\"lttng_peer\",\"threads\":%u,\"records\":%llu,\"batch\":%llu,\"rounds\":%llu,\"nsPerRecord\":%.2f,"
               "\"recordsPerSecond\":%.0f}\n",
               count, (unsigned long long)(course.batches * batch * count), (unsigned long long)batch,
               (unsigned long long)course.batches, median / (double)batch,
               (double)batch * count * 1e9 / median);
        fflush(stdout);
    }
    return 0;
}
