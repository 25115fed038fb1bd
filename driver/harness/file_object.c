/*
 * file_object.c - a file object's life: open, CLEANUP at its last handle, CLOSE at its last reference.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_request.h"

#include <stdlib.h>

#define FILE_NEVER_OPENED 0x1u /* IRP_MJ_CREATE failed: no CLEANUP, no CLOSE */
#define FILE_CLOSE_SENT 0x2u

NTSTATUS ModelSendSimple(PEPROCESS process, MODEL_OBJECT *file, UCHAR major)
{
    PFILE_OBJECT fileObject = (PFILE_OBJECT)file->body;
    MODEL_REQUEST *request = ModelNewRequest(process, file, major);
    ModelLock();
    request->uses++;
    if (major == IRP_MJ_CLOSE) {
        /* A file object's last reference is gone: this request must not take it up again. */
        request->file->pointers--;
        request->file = NULL;
    }
    ModelUnlock();
    NTSTATUS status = ModelCallDispatch(fileObject->DeviceObject, &request->irp);
    if (status == STATUS_PENDING) {
        PVOID done = &request->done;
        ModelLock();
        ModelWaitLocked(1, &done, WaitAny, FALSE, INT64_MAX, "a pended request");
        ModelUnlock();
        status = request->finalStatus;
    }
    ModelDropRequest(request, FALSE);
    return status;
}

static NTSTATUS OpenDevice(PEPROCESS process, const WCHAR *path, ACCESS_MASK access, HANDLE *handle)
{
    MODEL_NAME name;
    ACCESS_MASK granted = ModelMapAccess(&ModelFileType, access);
    PETHREAD self = ModelThread();
    ModelLock();
    ModelTickLocked(100);
    NTSTATUS status = ModelLookupLocked(path, ModelWcslen(path), TRUE, FALSE, &name);
    if (NT_SUCCESS(status) && name.object->type != &ModelDeviceType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (NT_SUCCESS(status) && ModelUnloadPendingLocked()) {
        status = STATUS_DELETE_PENDING;
    }
    if (NT_SUCCESS(status) && ModelTarget() == ModelWindows &&
        !ModelAccessCheck(name.object->dacl, name.object->daclPresent, process->user, &ModelFileType, access,
                          &granted)) {
        status = STATUS_ACCESS_DENIED;
    }
    if (!NT_SUCCESS(status)) {
        ModelUnlock();
        return status;
    }
    PDEVICE_OBJECT device = (PDEVICE_OBJECT)name.object->body;
    if (device->Flags & DO_DEVICE_INITIALIZING) {
        ModelFail("a device is opened while DO_DEVICE_INITIALIZING is set");
    }
    MODEL_OBJECT *file = ModelNewObjectLocked(&ModelFileType, sizeof(FILE_OBJECT));
    PFILE_OBJECT fileObject = (PFILE_OBJECT)file->body;
    fileObject->Type = 5;
    fileObject->DeviceObject = device;
    fileObject->ReadAccess = (granted & FILE_READ_DATA) != 0;
    fileObject->WriteAccess = (granted & FILE_WRITE_DATA) != 0;
    ModelReferenceLocked(name.object);
    ModelDeviceOpenedLocked(device);
    fileObject->FileName.Length = fileObject->FileName.MaximumLength = (USHORT)(name.restUnits * sizeof(WCHAR));
    fileObject->FileName.Buffer = calloc(name.restUnits + 1, sizeof(WCHAR));
    memcpy(fileObject->FileName.Buffer, name.rest, name.restUnits * sizeof(WCHAR));
    ModelUnlock();

    PEPROCESS before = self->process;
    self->process = process;
    MODEL_REQUEST *request = ModelNewRequest(process, file, IRP_MJ_CREATE);
    IO_SECURITY_CONTEXT security = {NULL, NULL, granted, 0};
    request->stack.Parameters.Create.SecurityContext = &security;
    request->stack.Parameters.Create.Options = 1u << 24; /* FILE_OPEN */
    ModelLock();
    request->uses++;
    ModelUnlock();
    status = ModelCallDispatch(device, &request->irp);
    if (status == STATUS_PENDING) {
        ModelFail("IRP_MJ_CREATE pends: not modelled");
    }
    ModelDropRequest(request, FALSE);
    /* Wine 8 does not look at the status of IRP_MJ_CREATE. */
    BOOLEAN opened = NT_SUCCESS(status) || ModelTarget() == ModelWine;
    ModelLock();
    fileObject->FinalStatus = status;
    if (opened) {
        if (!NT_SUCCESS(ModelInsertHandleLocked(process, file, granted, FALSE, FALSE, handle))) {
            ModelFail("the process %s is out of handles", process->name);
        }
    } else {
        fileObject->Flags |= FILE_NEVER_OPENED;
    }
    MODEL_OBJECT *gone = ModelDereferenceLocked(file);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    self->process = before;
    return opened ? STATUS_SUCCESS : status;
}

NTSTATUS UserOpenDevice(PEPROCESS process, const WCHAR *path, ACCESS_MASK access, HANDLE *handle)
{
    if (!ModelEnterCall(process)) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    NTSTATUS status = OpenDevice(process, path, access, handle);
    ModelLeaveCall(process);
    return status;
}

void ModelFileHandleClosed(MODEL_OBJECT *file, BOOLEAN lastHandle)
{
    PETHREAD self = ModelThread();
    if (!lastHandle) {
        return;
    }
    if (ModelTarget() == ModelWindows) {
        ModelSendSimple(self->process, file, IRP_MJ_CLEANUP);
        return;
    }
    if (!ModelDriverLoaded()) {
        return; /* unloaded under an open handle: the device went, and the file object with it */
    }
    /* Wine sends no CLEANUP, and CLOSE at the last handle, though requests are pending and not cancelled. */
    PEPROCESS before = self->process;
    self->process = PsInitialSystemProcess;
    ModelSendSimple(before, file, IRP_MJ_CLOSE);
    ((PFILE_OBJECT)file->body)->Flags |= FILE_CLOSE_SENT;
    self->process = before;
}

/* The last reference is gone. Runs without the lock; the object is off the list already. */
void ModelFileDelete(PVOID body)
{
    PFILE_OBJECT fileObject = body;
    PDEVICE_OBJECT device = fileObject->DeviceObject;
    MODEL_ACQUIRE(fileObject);
    if ((fileObject->Flags & (FILE_NEVER_OPENED | FILE_CLOSE_SENT)) == 0 && ModelTarget() == ModelWindows) {
        MODEL_HEADER(body)->pointers = 1; /* for the request's own reference, given back at once */
        ModelSendSimple(ModelThread()->process, MODEL_HEADER(body), IRP_MJ_CLOSE);
    }
    free(fileObject->FileName.Buffer);
    ModelDeviceClosed(device);
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(device));
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}
