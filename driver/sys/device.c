/*
 * device.c - the control device: made so that only whom EVENTSYS_DEVICE_SDDL names may open it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#if defined(EVENTSYS_WDMSEC)
#include <wdmsec.h>
#endif

/* Names the device's class for an administrator's override in the registry; of this driver alone. */
static const GUID EsDeviceClass = {0x5d0c6f6e, 0x7c1b, 0x4d6e, {0x9a, 0x43, 0x1f, 0x6b, 0x2e, 0x8d, 0x70, 0x35}};

typedef NTSTATUS(NTAPI *ES_CREATE_DEVICE_SECURE)(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize,
                                                 PUNICODE_STRING DeviceName, DEVICE_TYPE DeviceType,
                                                 ULONG DeviceCharacteristics, BOOLEAN Exclusive, PCUNICODE_STRING Sddl,
                                                 LPCGUID DeviceClassGuid, PDEVICE_OBJECT *DeviceObject);

static ES_CREATE_DEVICE_SECURE FindCreateDeviceSecure(VOID)
{
#if defined(EVENTSYS_WDMSEC)
    return IoCreateDeviceSecure;
#else
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, L"IoCreateDeviceSecure");
    return (ES_CREATE_DEVICE_SECURE)(ULONG_PTR)MmGetSystemRoutineAddress(&name);
#endif
}

/* What IoCreateDeviceSecure does, for a build without wdmsec.lib on a kernel that does not export it. */
static NTSTATUS CreateDeviceThenSecure(PUNICODE_STRING Name, PDEVICE_OBJECT *Device)
{
    ES_SECURITY security;
    HANDLE handle;
    NTSTATUS status;

    status = IoCreateDevice(EsDriver.DriverObject, 0, Name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE, Device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* Until DO_DEVICE_INITIALIZING is cleared nobody can open it. */
    status = EsSecurityBuild(&security, GENERIC_ALL, GENERIC_READ | GENERIC_WRITE);
    if (NT_SUCCESS(status)) {
        status = ObOpenObjectByPointer(*Device, OBJ_KERNEL_HANDLE, NULL, WRITE_DAC, NULL, KernelMode, &handle);
    }
    if (NT_SUCCESS(status)) {
        status = ZwSetSecurityObject(handle, DACL_SECURITY_INFORMATION, &security.Descriptor);
        (VOID)ZwClose(handle);
    }
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(*Device);
        *Device = NULL;
    }
    return status;
}

/* IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsDeviceStart(VOID)
{
    const ES_CREATE_DEVICE_SECURE createSecure = FindCreateDeviceSecure();
    UNICODE_STRING name, link, sddl;
    NTSTATUS status;

    RtlInitUnicodeString(&name, EVENTSYS_WIDE(EVENTSYS_NT_DEVICE_NAME));
    RtlInitUnicodeString(&link, EVENTSYS_WIDE(EVENTSYS_DOS_DEVICE_NAME));
    RtlInitUnicodeString(&sddl, EVENTSYS_WIDE(EVENTSYS_DEVICE_SDDL));
    status = createSecure != NULL ? createSecure(EsDriver.DriverObject, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                                                 FALSE, &sddl, &EsDeviceClass, &EsDriver.Device)
                                  : CreateDeviceThenSecure(&name, &EsDriver.Device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(EsDriver.Device);
        EsDriver.Device = NULL;
        return status;
    }
    EsDriver.Device->Flags |= DO_BUFFERED_IO;
    EsDriver.Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

/* No new opens by the Win32 name. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ VOID EsDeviceHide(VOID)
{
    UNICODE_STRING link;

    RtlInitUnicodeString(&link, EVENTSYS_WIDE(EVENTSYS_DOS_DEVICE_NAME));
    (VOID)IoDeleteSymbolicLink(&link);
}

_Use_decl_annotations_ VOID EsDeviceStop(VOID)
{
    IoDeleteDevice(EsDriver.Device);
    EsDriver.Device = NULL;
}
