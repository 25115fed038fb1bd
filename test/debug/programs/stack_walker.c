/*
 * stack_walker.c - a DLL that walks the other threads of the process that it is loaded into, at random moments.
 *
 * Waits until a debugger writes a seed into WalkerSeed. Then again and again: suspends every other thread, walks each with the system's
 * own RtlVirtualUnwind into Walks, and stops at a breakpoint instruction, where a debugger finds all threads as they were walked.
 * Ends when the seed is 0 again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stack_walks.h"

#include <tlhelp32.h>

#define MAX_THREADS 64

typedef struct WALK {
    DWORD Thread;
    DWORD FrameCount;
    BYTE Aligned[8];
    FRAME Frames[MAX_FRAMES];
} WALK;

__declspec(dllexport) volatile DWORD WalkerSeed;
__declspec(dllexport) volatile DWORD WalkCount;
__declspec(dllexport) WALK Walks[MAX_THREADS];

static HANDLE Handles[MAX_THREADS];
static DWORD Threads[MAX_THREADS];

static DWORD OtherThreads(void)
{
    THREADENTRY32 entry = {.dwSize = sizeof(entry)};
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    DWORD count = 0;

    for (BOOL more = Thread32First(snapshot, &entry); more && count < MAX_THREADS; more = Thread32Next(snapshot, &entry)) {
        if (entry.th32OwnerProcessID != GetCurrentProcessId() || entry.th32ThreadID == GetCurrentThreadId()) {
            continue;
        }
        Handles[count] = OpenThread(THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT, FALSE, entry.th32ThreadID);
        Threads[count] = entry.th32ThreadID;
        count += Handles[count] != NULL;
    }
    CloseHandle(snapshot);
    return count;
}

static void WalkAll(void)
{
    const DWORD count = OtherThreads();
    DWORD walked = 0;

    for (DWORD index = 0; index < count; index++) {
        SuspendThread(Handles[index]);
    }
    for (DWORD index = 0; index < count; index++) {
        CONTEXT context = {.ContextFlags = CONTEXT_FULL};

        if (GetThreadContext(Handles[index], &context)) {
            Walks[walked].Thread = Threads[index];
            Walks[walked].FrameCount = WalkFrames(&context, Walks[walked].Frames);
            walked++;
        }
    }
    WalkCount = walked;
    DebugBreak();
    for (DWORD index = 0; index < count; index++) {
        ResumeThread(Handles[index]);
        CloseHandle(Handles[index]);
    }
}

static DWORD WINAPI Walk(PVOID Context)
{
    DWORD state;

    (void)Context;
    while (WalkerSeed == 0) {
        Sleep(10);
    }
    state = WalkerSeed;
    while (WalkerSeed != 0) {
        const DWORD turns = (state = state * 1664525u + 1013904223u) >> 16;

        /* A sleep ends with a tick of the clock, when others are waking too; the turns after it spread the moments. */
        Sleep(turns & 3);
        for (volatile DWORD turn = 0; turn < turns; turn++) {
        }
        WalkAll();
    }
    return 0;
}

BOOL WINAPI DllMain(HINSTANCE Instance, DWORD Reason, PVOID Reserved)
{
    (void)Reserved;
    if (Reason == DLL_PROCESS_ATTACH) {
        DisableThreadLibraryCalls(Instance);
        CloseHandle(CreateThread(NULL, 0, Walk, NULL, 0, NULL));
    }
    return TRUE;
}
