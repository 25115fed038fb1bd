/*
 * faults.c - misbehaviour on request, for tests of what watches drivers. Compiled in with EVENTSYS_TEST_FAULTS alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#if defined(EVENTSYS_TEST_FAULTS)

#define ES_FAULT_MAX_STALL_MS 60000u
#define ES_FAULT_MAX_LEAK_BYTES 4096u
#define ES_FAULT_FOR_EVER 0xFFFFFFFFu

/* A bugcheck on Windows, the end of the driver host on Wine. Written so that no compiler removes it. */
static VOID WriteToNull(VOID)
{
    volatile ULONG *volatile nowhere = NULL;

    *nowhere = 1;
}

static VOID Delay(ULONG Milliseconds)
{
    LARGE_INTEGER time;

    time.QuadPart = ES_RELATIVE_MS(Milliseconds);
    (VOID)KeDelayExecutionThread(KernelMode, FALSE, &time);
}

/* IRQL: PASSIVE_LEVEL, in DriverEntry. */
_Use_decl_annotations_ NTSTATUS EsFaultInEntry(VOID)
{
    if (EsDriver.FaultInEntry == 1) {
        EsLog("what=fault where=entry status=0x%08x", (unsigned)STATUS_UNSUCCESSFUL);
        return STATUS_UNSUCCESSFUL;
    }
    if (EsDriver.FaultInEntry == 2) {
        EsLog("what=fault where=entry kind=%u", 2u);
        WriteToNull();
    }
    return STATUS_SUCCESS;
}

/* IRQL: PASSIVE_LEVEL, in DriverUnload. */
_Use_decl_annotations_ VOID EsFaultInUnload(VOID)
{
    const ULONG hang = (ULONG)InterlockedExchange(&EsDriver.HangInUnload, 0);

    if (hang == 0) {
        return;
    }
    EsLog("what=fault where=unload ms=%u", (unsigned)hang);
    if (hang == ES_FAULT_FOR_EVER) {
        for (;;) {
            Delay(1000);
        }
    }
    Delay(hang);
}

/* IOCTL_EVENTSYS_FAULT. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlFault(ES_CALL *Call)
{
    const EVENTSYS_FAULT_INPUT input = *(const EVENTSYS_FAULT_INPUT *)Call->Buffer;

    EsLog("what=fault where=ioctl kind=%u argument=%u", (unsigned)input.fault, (unsigned)input.argument);
    switch (input.fault) {
    case EVENTSYS_FAULT_ACCESS_VIOLATION:
        WriteToNull();
        return STATUS_SUCCESS;
    case EVENTSYS_FAULT_STALL:
        if (input.argument > ES_FAULT_MAX_STALL_MS) {
            return STATUS_INVALID_PARAMETER;
        }
        Delay(input.argument);
        return STATUS_SUCCESS;
    case EVENTSYS_FAULT_HANG_IN_UNLOAD:
        InterlockedExchange(&EsDriver.HangInUnload, (LONG)input.argument);
        return STATUS_SUCCESS;
    case EVENTSYS_FAULT_LEAK_ALLOCATION:
        if (input.argument == 0 || input.argument > ES_FAULT_MAX_LEAK_BYTES) {
            return STATUS_INVALID_PARAMETER;
        }
        return EsAllocate(input.argument, ES_TAG_LEAK) != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

#endif
