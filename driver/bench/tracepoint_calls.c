/*
 * tracepoint_calls.c - what a call costs whose import slot leads to a recorder, and a plan of so many such calls a second.
 *
 *     tracepoint_calls [--rate N] [--seconds N]
 *
 * It knows nothing of traces. It times calls of CloseHandle with the handle that means the own process, which change nothing and
 * are the cheapest of the recorded ones; says so on standard output; waits until its import slot holds something else; times them
 * again; then makes N of them a second for so many seconds. 0 of either: no plan.
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_arguments.h"

/* The import slot. */
extern BOOL(WINAPI *volatile SlotOfCloseHandle)(HANDLE) __asm__("__imp_CloseHandle");

enum { Blocks = 41, CallsOfBlock = 2000, PauseMs = 5, WaitMs = 30000 };

static LONGLONG Now(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return now.QuadPart;
}

static int Compare(const void *left, const void *right)
{
    const double difference = *(const double *)left - *(const double *)right;

    return (difference > 0) - (difference < 0);
}

/* Median of the blocks, in ns a call; rings are emptied between them. */
static double Time(double frequency)
{
    double took[Blocks];

    for (int block = 0; block < Blocks; block++) {
        const LONGLONG began = Now();

        for (int call = 0; call < CallsOfBlock; call++) {
            CloseHandle(GetCurrentProcess());
        }
        took[block] = (double)(Now() - began) * 1e9 / frequency / CallsOfBlock;
        Sleep(PauseMs);
    }
    qsort(took, Blocks, sizeof(took[0]), Compare);
    return took[Blocks / 2];
}

/* Seconds that it took. */
static double Keep(uint64_t rate, uint64_t calls, double frequency)
{
    const LONGLONG began = Now();
    const uint64_t batch = rate / 1000 + 1;

    for (uint64_t made = 0; made < calls;) {
        const uint64_t end = made + batch < calls ? made + batch : calls;
        LONGLONG due;

        for (; made < end; made++) {
            CloseHandle(GetCurrentProcess());
        }
        due = began + (LONGLONG)((double)made * frequency / (double)rate);
        if (due > Now()) {
            Sleep((DWORD)((double)(due - Now()) * 1000 / frequency));
        }
    }
    return (double)(Now() - began) / frequency;
}

int main(int argc, char **argv)
{
    uint64_t rate = 0, seconds = 0;
    const BenchArgument arguments[] = {{"--rate", &rate, 0, 100000000}, {"--seconds", &seconds, 0, 60}};
    const PVOID plainSlot = (PVOID)SlotOfCloseHandle;
    LARGE_INTEGER frequency;
    double plain, recorded, took = 0;

    if (!BenchParseArguments("tracepoint_calls", argc, argv, arguments, ARRAYSIZE(arguments))) {
        return 2;
    }
    QueryPerformanceFrequency(&frequency);
    plain = Time((double)frequency.QuadPart);
    printf("ready\n");
    fflush(stdout);
    for (int waited = 0; (PVOID)SlotOfCloseHandle == plainSlot; waited++) {
        if (waited == WaitMs) {
            return 3;
        }
        Sleep(1);
    }
    recorded = Time((double)frequency.QuadPart);
    if (rate != 0 && seconds != 0) {
        took = Keep(rate, rate * seconds, (double)frequency.QuadPart);
    }
    printf("{\"plain\":%.2f,\"recorded\":%.2f,\"timedCalls\":%d,\"seconds\":%.6f}\n", plain, recorded, Blocks * CallsOfBlock, took);
    fflush(stdout);
    return 0;
}
