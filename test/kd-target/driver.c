/*
 * driver.c - the driver of the KD test target, compiled: its PDB has lines, locals and types for a debugger to show. It does what the one
 * does that programs.ts assembles. The target's processor knows few instructions: what an unoptimised build of this needs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <wdm.h>

struct es_signaler {
    PKEVENT Event;
    ULONG Signals;
    LONG Previous;
};

/* The target's objects, filled in when it loads the driver. */
__declspec(dllexport) struct {
    PKEVENT Shared;
    PKEVENT Work;
    PKEVENT Done;
    PKEVENT Heartbeat;
    PCCH Message;
    volatile ULONG64 *Counters;
} EsObjects;

struct es_signaler EsTimer;

static LONG EsSignal(struct es_signaler *Signaler, ULONG Count)
{
    const LONG previous = KeSetEvent(Signaler->Event, IO_NO_INCREMENT, FALSE);

    Signaler->Signals += Count;
    Signaler->Previous = previous;
    return previous;
}

__declspec(dllexport) void EsTimerDpc(void)
{
    EsTimer.Event = EsObjects.Shared;
    EsSignal(&EsTimer, 1);
}

__declspec(dllexport) void EsTimerThread(void)
{
    for (;;) {
        EsTimerDpc();
        EsObjects.Counters[0] += 1;
        KeSetEvent(EsObjects.Work, IO_NO_INCREMENT, FALSE);
        KeSetEvent(EsObjects.Heartbeat, IO_NO_INCREMENT, FALSE);
        KeClearEvent(EsObjects.Heartbeat);
        KeDelayExecutionThread(3, FALSE, NULL);
    }
}

__declspec(dllexport) void EsWorker(void)
{
    ULONG rounds = 0;

    for (;;) {
        KeWaitForSingleObject(EsObjects.Work, Executive, KernelMode, FALSE, NULL);
        rounds += 1;
        EsObjects.Counters[1] += 1;
        KeSetEvent(EsObjects.Done, IO_NO_INCREMENT, FALSE);
    }
}

__declspec(dllexport) void DriverEntry(void)
{
    DbgPrint(EsObjects.Message);
}

__declspec(dllexport) NTSTATUS EsDispatch(void)
{
    return STATUS_SUCCESS;
}

__declspec(dllexport) void EsUnload(void)
{
}
