/*
 * agent_probe_driver - a driver for the agent's tests: requests that are answered, fail, wait or never come back, and a
 * trace ring. Device \\.\AgentProbe. With ENTRY_STATUS, DriverEntry returns that; with ENTRY_HANGS, it does not return.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ntddk.h>

#include "eventscope_trace.h"

#define PROBE_IOCTL(function) CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define PROBE_ECHO PROBE_IOCTL(0x800)   /* out: what came in */
#define PROBE_FAIL PROBE_IOCTL(0x801)   /* in: NTSTATUS to fail with */
#define PROBE_WAIT PROBE_IOCTL(0x802)   /* waits until it is cancelled */
#define PROBE_HOLD PROBE_IOCTL(0x803)   /* waits until the driver is unloaded, cancelled or not */
#define PROBE_SIGNAL PROBE_IOCTL(0x804) /* in: ULONG, how many times an event is set, each a trace record */

static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\AgentProbe");
static PIRP HeldRequest;
static KEVENT Event;

static NTSTATUS Complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS NTAPI OpenOrClose(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    return Complete(irp, STATUS_SUCCESS, 0);
}

/* IRQL: DISPATCH_LEVEL, with the cancel lock held. */
static VOID NTAPI CancelWait(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    Complete(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS Signal(PIRP irp, ULONG inputBytes)
{
    ULONG count;

    if (inputBytes != sizeof(count)) {
        return Complete(irp, STATUS_INFO_LENGTH_MISMATCH, 0);
    }
    RtlCopyMemory(&count, irp->AssociatedIrp.SystemBuffer, sizeof(count));
    for (ULONG index = 0; index < count; index++) {
        KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    }
    return Complete(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI DeviceControl(PDEVICE_OBJECT device, PIRP irp)
{
    const PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    const ULONG inputBytes = stack->Parameters.DeviceIoControl.InputBufferLength;
    const ULONG outputBytes = stack->Parameters.DeviceIoControl.OutputBufferLength;
    NTSTATUS status;
    ULONG_PTR information;

    UNREFERENCED_PARAMETER(device);
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case PROBE_ECHO:
        return Complete(irp, STATUS_SUCCESS, inputBytes < outputBytes ? inputBytes : outputBytes);
    case PROBE_FAIL:
        return Complete(irp, *(NTSTATUS *)irp->AssociatedIrp.SystemBuffer, 0);
    case PROBE_WAIT:
        IoMarkIrpPending(irp);
        IoSetCancelRoutine(irp, CancelWait);
        return STATUS_PENDING;
    case PROBE_HOLD:
        IoMarkIrpPending(irp);
        HeldRequest = irp;
        return STATUS_PENDING;
    case PROBE_SIGNAL:
        return Signal(irp, inputBytes);
    default:
        status = EsTraceDeviceControl(stack->Parameters.DeviceIoControl.IoControlCode, irp->AssociatedIrp.SystemBuffer,
                                      inputBytes, outputBytes, &information);
        return Complete(irp, status, information);
    }
}

static VOID NTAPI Unload(PDRIVER_OBJECT driver)
{
    if (HeldRequest != NULL) {
        Complete(HeldRequest, STATUS_CANCELLED, 0);
    }
    EsTraceStopKernel();
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(driver->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\AgentProbe");
    PDEVICE_OBJECT device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(path);
    DbgPrint("agent_probe_driver: first line\nsecond line %s\n", "of the same print");
#ifdef ENTRY_HANGS
    for (;;) {
        LARGE_INTEGER second = {.QuadPart = -10 * 1000 * 1000};

        KeDelayExecutionThread(KernelMode, FALSE, &second);
    }
#endif
#ifdef ENTRY_STATUS
    return (NTSTATUS)ENTRY_STATUS;
#endif
    status = EsTraceStartKernel(L"agent_probe_driver.sys");
    if (!NT_SUCCESS(status)) {
        return status;
    }
    driver->DriverUnload = Unload;
    driver->MajorFunction[IRP_MJ_CREATE] = OpenOrClose;
    driver->MajorFunction[IRP_MJ_CLOSE] = OpenOrClose;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DeviceControl;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        EsTraceStopKernel();
        return status;
    }
    status = IoCreateSymbolicLink(&LinkName, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        EsTraceStopKernel();
    }
    return status;
}
