/*
 * lttng_peer - what one record costs with LTTng-UST, the peer of ring_bench.c: the same loop around one
 * lttng_ust_tracepoint with four fields, under a session that really records. README.md has the commands.
 *
 *   lttng_peer [--records N] [--threads 1|2] [--rounds N]
 *
 * Prints one JSON line per thread count: the median of the rounds. Exit codes: 0 measured, 1 a thread could not be made,
 * 2 bad arguments, 3 no session has the tracepoint enabled (then there is nothing to measure).
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_peer_provider.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MaxThreads = 2, MaxRounds = 101 };

typedef struct Writer {
    pthread_t thread;
    pthread_barrier_t *start;
    uint64_t records;
    uint64_t beganNs;
    uint64_t endedNs;
} Writer;

static uint64_t NowNs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *WriteRecords(void *argument)
{
    Writer *writer = argument;

    pthread_barrier_wait(writer->start);
    writer->beganNs = NowNs();
    for (uint64_t index = 0; index < writer->records; index++) {
        lttng_ust_tracepoint(eventscope_peer, signal, (uint64_t)(uintptr_t)writer, index, 0, 10);
    }
    writer->endedNs = NowNs();
    return NULL;
}

/* One round: wall time from the first writer's start to the last one's end, in ns; 0 when a thread could not be made. */
static uint64_t RunRound(unsigned threads, uint64_t records)
{
    Writer writers[MaxThreads];
    pthread_barrier_t start;
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;

    if (pthread_barrier_init(&start, NULL, threads) != 0) {
        return 0;
    }
    for (unsigned index = 0; index < threads; index++) {
        writers[index] = (Writer){.start = &start, .records = records};
        int error = pthread_create(&writers[index].thread, NULL, WriteRecords, &writers[index]);
        if (error != 0) {
            /* The writers already made wait at the barrier for ever: only the process's end frees them. */
            fprintf(stderr, "lttng_peer: pthread_create failed: %s\n", strerror(error));
            exit(1);
        }
    }
    for (unsigned index = 0; index < threads; index++) {
        pthread_join(writers[index].thread, NULL);
        first = writers[index].beganNs < first ? writers[index].beganNs : first;
        last = writers[index].endedNs > last ? writers[index].endedNs : last;
    }
    pthread_barrier_destroy(&start);
    return last - first;
}

static int CompareU64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static void Measure(unsigned threads, uint64_t records, unsigned rounds)
{
    uint64_t walls[MaxRounds];

    RunRound(threads, records); /* first touch of the sub-buffers */
    for (unsigned round = 0; round < rounds; round++) {
        walls[round] = RunRound(threads, records);
    }
    qsort(walls, rounds, sizeof(walls[0]), CompareU64);
    uint64_t median = walls[rounds / 2];
    printf("{\"program\":\"lttng_peer\",\"threads\":%u,\"records\":%llu,\"rounds\":%u,\"nsPerRecord\":%.2f,"
           "\"recordsPerSecond\":%.0f}\n",
           threads, (unsigned long long)(records * threads), rounds, (double)median / (double)records,
           (double)records * threads * 1e9 / (double)median);
    fflush(stdout);
}

/* False when the text is no whole number in [1, limit]. */
static int ParseCount(const char *text, uint64_t limit, uint64_t *value)
{
    char *end = NULL;

    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || parsed == 0 || parsed > limit) {
        return 0;
    }
    *value = parsed;
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t records = 1000000;
    uint64_t threads = 0; /* 0: one, then two */
    uint64_t rounds = 7;

    for (int index = 1; index < argc; index += 2) {
        const char *value = index + 1 < argc ? argv[index + 1] : "";
        int good = (strcmp(argv[index], "--records") == 0 && ParseCount(value, 1000000000u, &records)) ||
                   (strcmp(argv[index], "--threads") == 0 && ParseCount(value, MaxThreads, &threads)) ||
                   (strcmp(argv[index], "--rounds") == 0 && ParseCount(value, MaxRounds, &rounds));
        if (!good) {
            fprintf(stderr, "lttng_peer: bad argument '%s %s'\n"
                            "usage: lttng_peer [--records N] [--threads 1|2] [--rounds N]\n", argv[index], value);
            return 2;
        }
    }
    if (!lttng_ust_tracepoint_enabled(eventscope_peer, signal)) {
        fprintf(stderr, "lttng_peer: no LTTng session records eventscope_peer:signal; see driver/bench/README.md\n");
        return 3;
    }
    for (unsigned count = 1; count <= MaxThreads; count++) {
        if (threads == 0 || threads == count) {
            Measure(count, records, (unsigned)rounds);
        }
    }
    return 0;
}
