/*
 * stop_points.c - calls of points that no import slot leads to: by addresses that GetProcAddress gave.
 *
 *     stop_points.exe THREADS ROUNDS [DELAY]
 *     stop_points.exe loop MILLISECONDS [DELAY [FILE]]
 *
 * Each thread has an event of its own and sets and awaits it ROUNDS times, by NtSetEvent, and by OwnSet, which begins with an instruction
 * that cannot be moved and leads to SetEvent. One more thread waits for ever. At the end the program prints how many calls told
 * something wrong, and stays. DELAY: ms until the threads are made, time for a debugger to attach.
 *
 * With `loop`, it prints where NtSetEvent is; one thread calls that for that time, and the program prints how often it did, into
 * FILE where a debugger gives it no standard output.
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

typedef LONG(NTAPI *SET_EVENT)(HANDLE Event, LONG *PreviousState);
typedef LONG(NTAPI *WAIT)(HANDLE Object, BOOLEAN Alertable, LARGE_INTEGER *Timeout);

static SET_EVENT SetNative;
static WAIT Wait;
static LONG Rounds;
static volatile LONG Wrong;
volatile LONG64 OwnCalls;
void *SetEventAt;

/* LOCK INC of a place by its distance: it cannot be moved. */
BOOL WINAPI OwnSet(HANDLE Event);
__asm__(".globl OwnSet\n"
        "OwnSet:\n"
        "    lock incq OwnCalls(%rip)\n"
        "    jmp *SetEventAt(%rip)\n");

static DWORD WINAPI Run(PVOID Event)
{
    for (LONG round = 0; round < Rounds; round++) {
        LONG previous = -1;

        if (SetNative(Event, &previous) != 0 || previous != 0 || Wait(Event, FALSE, NULL) != 0) {
            InterlockedIncrement(&Wrong);
        }
        if (!OwnSet(Event) || Wait(Event, FALSE, NULL) != 0) {
            InterlockedIncrement(&Wrong);
        }
    }
    return 0;
}

static DWORD WINAPI RunForEver(PVOID Event)
{
    return (DWORD)Wait(Event, FALSE, NULL);
}

static void Loop(DWORD Milliseconds)
{
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    const ULONGLONG until = GetTickCount64() + Milliseconds;
    long long calls = 0;

    do {
        LONG previous;

        (void)SetNative(event, &previous);
        calls++;
    } while (GetTickCount64() < until);
    printf("calls=%lld\n", calls);
}

int wmain(int Count, wchar_t **Arguments)
{
    HANDLE threads[MAXIMUM_WAIT_OBJECTS];
    const HMODULE native = GetModuleHandleW(L"ntdll.dll");
    const BOOL loops = Count > 2 && wcscmp(Arguments[1], L"loop") == 0;
    const LONG count = Count > 1 && !loops ? wcstol(Arguments[1], NULL, 10) : 1;

    SetNative = (SET_EVENT)(void *)GetProcAddress(native, "NtSetEvent");
    Wait = (WAIT)(void *)GetProcAddress(native, "NtWaitForSingleObject");
    SetEventAt = (void *)GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "SetEvent");
    if (loops) {
        if (Count > 4 && _wfreopen(Arguments[4], L"w", stdout) == NULL) {
            return 3;
        }
        printf("at=%p\n", (void *)SetNative);
        fflush(stdout);
        Sleep(Count > 3 ? (DWORD)wcstoul(Arguments[3], NULL, 10) : 0);
        Loop((DWORD)wcstoul(Arguments[2], NULL, 10));
        return 0;
    }
    Rounds = Count > 2 ? wcstol(Arguments[2], NULL, 10) : 100;
    if (count < 1 || count > MAXIMUM_WAIT_OBJECTS) {
        return 2;
    }
    if (Count > 3) {
        Sleep((DWORD)wcstoul(Arguments[3], NULL, 10));
    }
    CreateThread(NULL, 0, RunForEver, CreateEventW(NULL, TRUE, FALSE, NULL), 0, NULL);
    for (LONG index = 0; index < count; index++) {
        threads[index] = CreateThread(NULL, 0, Run, CreateEventW(NULL, FALSE, FALSE, NULL), 0, NULL);
    }
    WaitForMultipleObjects((DWORD)count, threads, TRUE, INFINITE);
    printf("wrong=%ld own=%lld\n", Wrong, (long long)OwnCalls);
    fflush(stdout);
    Sleep(INFINITE);
    return 0;
}
