/*
 * hot_threads.c - many threads in one hot path, which counts what really ran.
 *
 *     hot_threads.exe THREADS ROUNDS [once | stay [DELAY]]
 *
 * Each thread calls HotPush and HotSteppedOver ROUNDS times. Everything is exported, for a debugger to put breakpoints at: the first begins
 * with an instruction that an emulator knows, the second with one that it leaves to the processor. At the end the program prints the
 * counts, which a lost or repeated instruction would change; then it waits for its end unless `once` is given. DELAY: ms until the threads
 * are made, time for a debugger to attach.
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

volatile LONG64 HotPushed;
volatile LONG64 HotStepped;
volatile LONG64 HotWatched;

static LONG Rounds;

/* PUSH RBX; LOCK INC; POP RBX; RET. */
void HotPush(void);
__asm__(".globl HotPush\n"
        "HotPush:\n"
        "    push %rbx\n"
        "    lock incq HotPushed(%rip)\n"
        "    pop %rbx\n"
        "    ret\n");

/* LOCK INC first: no emulator of ours knows it. */
void HotSteppedOver(void);
__asm__(".globl HotSteppedOver\n"
        "HotSteppedOver:\n"
        "    lock incq HotStepped(%rip)\n"
        "    ret\n");

static DWORD WINAPI Run(PVOID Context)
{
    (void)Context;
    for (LONG round = 0; round < Rounds; round++) {
        HotPush();
        HotSteppedOver();
    }
    return 0;
}

int wmain(int Count, wchar_t **Arguments)
{
    HANDLE threads[MAXIMUM_WAIT_OBJECTS];
    const LONG count = Count > 1 ? wcstol(Arguments[1], NULL, 10) : 16;

    Rounds = Count > 2 ? wcstol(Arguments[2], NULL, 10) : 100;
    if (count < 1 || count > MAXIMUM_WAIT_OBJECTS) {
        return 2;
    }
    if (Count > 4) {
        Sleep((DWORD)wcstoul(Arguments[4], NULL, 10));
    }
    for (LONG index = 0; index < count; index++) {
        threads[index] = CreateThread(NULL, 0, Run, NULL, 0, NULL);
    }
    WaitForMultipleObjects((DWORD)count, threads, TRUE, INFINITE);
    HotWatched = count;
    printf("pushed=%lld stepped=%lld\n", (long long)HotPushed, (long long)HotStepped);
    fflush(stdout);
    if (Count <= 3 || wcscmp(Arguments[3], L"once") != 0) {
        Sleep(INFINITE);
    }
    return 0;
}
