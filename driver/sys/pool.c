/*
 * pool.c - nonpaged memory, zeroed, counted so that a leak shows at unload.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

/* IRQL <= DISPATCH_LEVEL. ExAllocatePool2 would zero too, but is not there before Windows 10 2004 nor on Wine. */
_Use_decl_annotations_ PVOID EsAllocate(SIZE_T Bytes, ULONG Tag)
{
    PVOID memory = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, Tag);

    if (memory != NULL) {
        RtlZeroMemory(memory, Bytes);
        InterlockedIncrement(&EsDriver.Totals.Allocations);
    }
    return memory;
}

_Use_decl_annotations_ VOID EsFree(PVOID Memory, ULONG Tag)
{
    InterlockedDecrement(&EsDriver.Totals.Allocations);
    ExFreePoolWithTag(Memory, Tag);
}
