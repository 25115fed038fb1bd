/*
 * io.c - the driver and its devices: load, unload, device objects and their links.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include "wdmsec.h"

#include <stdlib.h>

MODEL_OPTIONS ModelOptions;
static DRIVER_OBJECT driver;
static BOOLEAN loaded, unloadPending;
static ULONG openFiles; /* handles open to the driver's devices */

MODEL_TARGET ModelTarget(void) { return ModelOptions.target; }
BOOLEAN ModelDriverLoaded(void) { return loaded; }
PDRIVER_OBJECT ModelDriver(void) { return &driver; }

void ModelStart(const MODEL_OPTIONS *options)
{
    ModelOptions = *options;
    ModelOptions.processors = options->processors == 0 ? 2 : options->processors;
    ModelOptions.workers = options->workers == 0 ? 2 : options->workers;
    loaded = unloadPending = FALSE;
    openFiles = 0;
    ModelPoolStart();
    ModelObjectsStart();
    ModelSecurityStart();
    ModelProcessesStart();
    ModelDispatcherStart();
    ModelDeferredStart();
}

void ModelEnd(void)
{
    if (loaded) {
        ModelFail("the scenario ends with the driver loaded");
    }
    ModelCheckDeferredIdle("the end of the scenario");
    ModelDeferredEnd();
    ModelPoolEnd();
    ModelDispatcherEnd();
    ModelProcessesEnd();
    ModelObjectsEnd();
}

void ModelCount(MODEL_COUNTS *counts)
{
    memset(counts, 0, sizeof *counts);
    ModelLock();
    for (MODEL_OBJECT *o = ModelNextObjectLocked(NULL); o != NULL; o = ModelNextObjectLocked(o)) {
        counts->driverReferences += (ULONG)o->driverReferences;
        counts->links += o->type == &ModelLinkType && !o->permanent ? 1 : 0;
        counts->files += o->type == &ModelFileType ? 1 : 0;
    }
    for (PDEVICE_OBJECT d = driver.DeviceObject; d != NULL; d = d->NextDevice) {
        counts->devices++;
    }
    counts->kernelHandles = PsInitialSystemProcess->handleCount;
    counts->timers = ModelQueuedTimersLocked();
    counts->threads = ModelDriverThreadsLocked();
    counts->workItems = ModelWorkItemsLocked();
    counts->views = ModelDriverViewsLocked();
    counts->irps = ModelRequestsLocked();
    ModelPoolCountLocked(counts);
    ModelUnlock();
}

/* After DriverUnload, or a DriverEntry that failed, the image goes: nothing of the driver may be left. */
static void CheckNothingLeft(const char *when)
{
    MODEL_COUNTS c;
    ModelDrainWorkItems();
    ModelCheckDeferredIdle(when);
    ModelCount(&c);
    if (c.driverReferences | c.kernelHandles | c.poolBlocks | c.threads | c.workItems | c.devices | c.links | c.views) {
        ModelFail("%s: %u references, %u handles, %u pool blocks (%u bytes), %u threads, %u work items, %u devices, "
                  "%u links, %u views are left",
                  when, c.driverReferences, c.kernelHandles, c.poolBlocks, c.poolBytes, c.threads, c.workItems,
                  c.devices, c.links, c.views);
    }
}

/*
 * The driver's variables lie in sections of their own (driver_image.h). Each load starts with them as the linker left them,
 * as a fresh mapping of the image would.
 */
extern char __start_driver_data[] __attribute__((weak)), __stop_driver_data[] __attribute__((weak));
extern char __start_driver_bss[] __attribute__((weak)), __stop_driver_bss[] __attribute__((weak));

/* By hand: the variables' red zones lie between them, and a library's copy would report them. */
__attribute__((no_sanitize("address"))) static void CopyRaw(volatile char *to, const volatile char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = from != NULL ? from[i] : 0;
    }
}

void ModelResetDriverImage(void)
{
    static char *initial;
    size_t bytes = (size_t)(__stop_driver_data - __start_driver_data);
    if (bytes != 0 && initial == NULL) {
        initial = malloc(bytes);
        CopyRaw(initial, __start_driver_data, bytes);
    } else if (bytes != 0) {
        CopyRaw(__start_driver_data, initial, bytes);
    }
    CopyRaw(__start_driver_bss, NULL, (size_t)(__stop_driver_bss - __start_driver_bss));
}

static NTSTATUS InvalidRequest(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

NTSTATUS ModelLoadDriver(PDRIVER_INITIALIZE entry)
{
    static WCHAR path[] = L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\eventsys";
    static UNICODE_STRING registryPath = RTL_CONSTANT_STRING(path);
    if (loaded) {
        ModelFail("the driver is loaded already");
    }
    memset(&driver, 0, sizeof driver);
    driver.Type = 4;
    driver.Size = sizeof driver;
    RtlInitUnicodeString(&driver.DriverName, L"\\Driver\\eventsys");
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        driver.MajorFunction[i] = InvalidRequest;
    }
    unloadPending = FALSE;
    loaded = TRUE;
    ModelResetDriverImage();
    NTSTATUS status = entry(&driver, &registryPath);
    if (ModelThread()->irql != PASSIVE_LEVEL || ModelThread()->heldCount != 0) {
        ModelFail("DriverEntry returned at %s", ModelIrqlName(ModelThread()->irql));
    }
    if (!NT_SUCCESS(status)) {
        CheckNothingLeft("DriverEntry failed");
        loaded = FALSE;
        return status;
    }
    for (PDEVICE_OBJECT d = driver.DeviceObject; d != NULL; d = d->NextDevice) {
        d->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING; /* the I/O manager does it when DriverEntry returns */
    }
    return status;
}

static void RunUnload(void)
{
    PETHREAD self = ModelThread();
    PEPROCESS before = self->process;
    if (driver.DriverUnload == NULL) {
        ModelFail("the driver has no DriverUnload");
    }
    self->process = PsInitialSystemProcess;
    driver.DriverUnload(&driver);
    if (self->irql != PASSIVE_LEVEL || self->heldCount != 0 || self->apcsDisabled != 0) {
        ModelFail("DriverUnload returned at %s", ModelIrqlName(self->irql));
    }
    self->process = before;
    CheckNothingLeft("DriverUnload returned");
    loaded = FALSE;
}

NTSTATUS ModelUnloadDriver(void)
{
    ModelLock();
    BOOLEAN waits = ModelTarget() == ModelWindows && openFiles != 0;
    unloadPending = TRUE;
    ModelUnlock();
    if (!loaded) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (waits) {
        return STATUS_PENDING;
    }
    RunUnload();
    return STATUS_SUCCESS;
}

void ModelAwaitUnload(void)
{
    for (ULONG i = 0; loaded; i++) {
        if (i == 1000) {
            ModelFail("the driver is not unloaded: %u files are open", openFiles);
        }
        ModelSleep(MS(10));
    }
}

BOOLEAN ModelUnloadPendingLocked(void) { return unloadPending; }

void ModelDeviceOpenedLocked(PDEVICE_OBJECT device)
{
    device->ReferenceCount++;
    openFiles++;
}

void ModelDeviceClosed(PDEVICE_OBJECT device)
{
    ModelLock();
    device->ReferenceCount--;
    openFiles--;
    BOOLEAN now = unloadPending && openFiles == 0 && loaded && ModelTarget() == ModelWindows;
    ModelUnlock();
    if (now) {
        RunUnload();
    }
}

/* ---- devices and links ---- */

NTSTATUS IoCreateDeviceSecure(PDRIVER_OBJECT owner, ULONG extensionBytes, PUNICODE_STRING path, ULONG type,
                              ULONG characteristics, BOOLEAN exclusive, PCUNICODE_STRING sddl, LPCGUID class,
                              PDEVICE_OBJECT *device)
{
    MODEL_NAME name = {0};
    UNREFERENCED_PARAMETER(exclusive);
    UNREFERENCED_PARAMETER(class);
    ModelRequireIrql("IoCreateDevice", APC_LEVEL);
    if (ModelFault("IoCreateDevice")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ModelLock();
    if (path != NULL) {
        NTSTATUS status = ModelLookupLocked(path->Buffer, path->Length / sizeof(WCHAR), TRUE, FALSE, &name);
        if (status != STATUS_OBJECT_NAME_NOT_FOUND) {
            ModelUnlock();
            return NT_SUCCESS(status) ? STATUS_OBJECT_NAME_COLLISION : status;
        }
    }
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelDeviceType, sizeof(DEVICE_OBJECT));
    PDEVICE_OBJECT d = (PDEVICE_OBJECT)object->body;
    if (sddl != NULL && !NT_SUCCESS(ModelParseSddl(sddl, &object->dacl, &object->daclPresent))) {
        ModelFail("IoCreateDeviceSecure with an SDDL string that cannot be read: %wZ", sddl);
    }
    object->keepsName = TRUE;
    d->Type = 3;
    d->Size = (USHORT)(sizeof(DEVICE_OBJECT) + extensionBytes);
    d->DriverObject = owner;
    d->DeviceType = type;
    d->Characteristics = characteristics;
    d->StackSize = 1;
    d->Flags = DO_DEVICE_INITIALIZING;
    d->DeviceExtension = extensionBytes != 0 ? calloc(1, extensionBytes) : NULL;
    d->NextDevice = owner->DeviceObject;
    owner->DeviceObject = d;
    if (name.parent != NULL) {
        ModelInsertNameLocked(object, name.parent, name.leaf, name.leafUnits);
    }
    ModelUnlock();
    *device = d;
    return STATUS_SUCCESS;
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT owner, ULONG extensionBytes, PUNICODE_STRING path, ULONG type,
                        ULONG characteristics, BOOLEAN exclusive, PDEVICE_OBJECT *device)
{
    return IoCreateDeviceSecure(owner, extensionBytes, path, type, characteristics, exclusive, NULL, NULL, device);
}

void ModelDeviceDelete(PVOID body)
{
    free(((PDEVICE_OBJECT)body)->DeviceExtension);
}

/* IRQL <= APC_LEVEL; the object goes when the last file on it is closed [doc: IoDeleteDevice]. */
VOID IoDeleteDevice(PDEVICE_OBJECT device)
{
    ModelRequireIrql("IoDeleteDevice", APC_LEVEL);
    ModelLock();
    MODEL_OBJECT *object = ModelFindObjectLocked(device);
    if (object == NULL || object->type != &ModelDeviceType) {
        ModelFail("IoDeleteDevice on %p, which is no device (any more)", device);
    }
    for (PDEVICE_OBJECT *link = &driver.DeviceObject; *link != NULL; link = &(*link)->NextDevice) {
        if (*link == device) {
            *link = device->NextDevice;
            break;
        }
    }
    ModelRemoveNameLocked(object);
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING path, PUNICODE_STRING target)
{
    MODEL_NAME name;
    ModelRequireIrql("IoCreateSymbolicLink", PASSIVE_LEVEL);
    if (ModelFault("IoCreateSymbolicLink")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ModelLock();
    NTSTATUS status = ModelLookupLocked(path->Buffer, path->Length / sizeof(WCHAR), TRUE, TRUE, &name);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        MODEL_OBJECT *link = ModelNewObjectLocked(&ModelLinkType, sizeof(MODEL_LINK));
        memcpy(((MODEL_LINK *)link->body)->target, target->Buffer,
               min(target->Length, sizeof(MODEL_LINK) - sizeof(WCHAR)));
        status = ModelInsertNameLocked(link, name.parent, name.leaf, name.leafUnits);
    } else if (NT_SUCCESS(status)) {
        status = STATUS_OBJECT_NAME_COLLISION;
    }
    ModelUnlock();
    return status;
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING path)
{
    MODEL_NAME name;
    ModelRequireIrql("IoDeleteSymbolicLink", PASSIVE_LEVEL);
    ModelLock();
    NTSTATUS status = ModelLookupLocked(path->Buffer, path->Length / sizeof(WCHAR), TRUE, TRUE, &name);
    MODEL_OBJECT *gone = NULL;
    if (NT_SUCCESS(status)) {
        gone = name.object->type == &ModelLinkType && !name.object->permanent ? ModelDereferenceLocked(name.object)
                                                                              : NULL;
        status = gone != NULL ? STATUS_SUCCESS : STATUS_OBJECT_TYPE_MISMATCH;
    }
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return status;
}
