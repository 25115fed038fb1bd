/*
 * plain_waiter.c - a program that knows nothing of traces.
 *
 *     plain_waiter.exe NAME            waits for the event of that name again and again, without a time limit; ends with 7 after four times
 *     plain_waiter.exe NAME set        sets it
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

#include <stdio.h>
#include <wchar.h>

enum { Rounds = 4 };

/* Not inlined: over a loop a compiler keeps the import's address in a register, where no change of the import slot reaches it. */
static __attribute__((noinline)) void Wait(HANDLE Event)
{
    WaitForSingleObject(Event, INFINITE);
}

int wmain(int Count, wchar_t **Arguments)
{
    const HANDLE event = Count > 1 ? CreateEventW(NULL, FALSE, FALSE, Arguments[1]) : NULL;

    if (event == NULL) {
        return 2;
    }
    if (Count > 2) {
        return SetEvent(event) ? 0 : 3;
    }
    for (int round = 1; round <= Rounds; round++) {
        printf("waits %d\n", round);
        fflush(stdout);
        Wait(event);
    }
    CloseHandle(event);
    return 7;
}
