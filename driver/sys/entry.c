/*
 * entry.c - start and stop of eventsys.sys, in mirrored order.
 *
 * eventsys shows every way in which a driver and an application can share an event. It is a sample for test machines: it
 * signals what it is told to signal.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

static DRIVER_UNLOAD DriverUnload;

#if defined(ALLOC_PRAGMA)
#pragma alloc_text(INIT, DriverEntry)
#endif

ES_DRIVER EsDriver;

/* What must be ready before the device can be opened. IRQL: PASSIVE_LEVEL. */
static NTSTATUS TablesStart(VOID)
{
    ExInitializeFastMutex(&EsDriver.Mutex);
    KeInitializeSpinLock(&EsDriver.RequestLock);
    InitializeListHead(&EsDriver.Files);
    InitializeListHead(&EsDriver.Events);
    InitializeListHead(&EsDriver.Schedules);
    InitializeListHead(&EsDriver.Buffers);
    InitializeListHead(&EsDriver.Requests);
    return EsSecurityBuild(&EsDriver.EventSecurity, EVENT_ALL_ACCESS, EVENTSYS_EVENT_USER_ACCESS);
}

/* On Windows no file is open any more when a driver unloads; elsewhere one may be. */
static VOID TablesStop(VOID)
{
    EsFilesReleaseAll();
}

static NTSTATUS TraceStart(VOID)
{
    return EsTraceStartKernel(L"eventsys.sys");
}

static VOID TraceStop(VOID)
{
    EsTraceStopKernel();
}

typedef struct ES_PART {
    NTSTATUS (*Start)(VOID);
    VOID (*Stop)(VOID);
} ES_PART;

/* Started from the top, stopped from the bottom. */
static const ES_PART Parts[] = {
    {TraceStart, TraceStop},
    {TablesStart, TablesStop},
    {EsDeviceStart, EsDeviceStop},
};

static VOID StopParts(ULONG Started)
{
    while (Started > 0) {
        Started--;
        Parts[Started].Stop();
    }
}

static BOOLEAN RunsOnWine(VOID)
{
    UNICODE_STRING name;

    /* An export of Wine's ntoskrnl.exe alone. */
    RtlInitUnicodeString(&name, L"wine_ntoskrnl_main_loop");
    return MmGetSystemRoutineAddress(&name) != NULL;
}

static VOID LogStop(VOID)
{
    const ES_TOTALS *totals = &EsDriver.Totals;

    EsLog("what=stop files=%d events=%d schedules=%d requests=%d buffers=%d references=%d handles=%d allocations=%d",
          (int)totals->Files, (int)totals->Events, (int)totals->Schedules, (int)totals->Requests, (int)totals->Buffers,
          (int)totals->ObjectReferences, (int)totals->Handles, (int)totals->Allocations);
}

/* IRQL: PASSIVE_LEVEL, in a system thread; all files are closed (Windows). */
static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    EsDeviceHide();
#if defined(EVENTSYS_TEST_FAULTS)
    EsFaultInUnload();
#endif
    /* The tables before the device: work items hold on to it. */
    EsFilesReleaseAll();
    StopParts(RTL_NUMBER_OF(Parts));
    LogStop();
}

/* IRQL: PASSIVE_LEVEL, in a system thread. */
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status = STATUS_SUCCESS;
    LARGE_INTEGER frequency;
    ULONG started;

    RtlZeroMemory(&EsDriver, sizeof(EsDriver));
    (VOID)KeQueryPerformanceCounter(&frequency);
    EsDriver.CounterFrequency = frequency.QuadPart;
    EsDriver.DriverObject = DriverObject;
    EsDriver.Wine = RunsOnWine();
    EsParametersRead(RegistryPath);
#if defined(EVENTSYS_TEST_FAULTS)
    status = EsFaultInEntry();
    if (!NT_SUCCESS(status)) {
        return status;
    }
#endif
    DriverObject->MajorFunction[IRP_MJ_CREATE] = EsDispatchCreate;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = EsDispatchCleanup;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = EsDispatchClose;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = EsDispatchDeviceControl;
    DriverObject->DriverUnload = DriverUnload;
    for (started = 0; started < RTL_NUMBER_OF(Parts); started++) {
        status = Parts[started].Start();
        if (!NT_SUCCESS(status)) {
            StopParts(started);
            EsLog("what=start-failed part=%u status=0x%08x", (unsigned)started, (unsigned)status);
            return status;
        }
    }
    EsLog("what=start abi=%u processors=%u wine=%u", EVENTSYS_ABI_VERSION,
          (unsigned)KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), (unsigned)EsDriver.Wine);
    return STATUS_SUCCESS;
}
