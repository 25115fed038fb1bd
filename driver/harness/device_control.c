/*
 * device_control.c - what an application sends to an open file: device control, cancel, other requests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_request.h"

#include <stdlib.h>

static NTSTATUS BeginControl(PEPROCESS process, HANDLE handle, ULONG code, const void *input, ULONG inputBytes,
                             void *output, ULONG outputBytes, USER_REQUEST *user, MODEL_REQUEST **begun)
{
    MODEL_OBJECT *event = NULL;
    ModelLock();
    ModelTickLocked(100);
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    NTSTATUS status = STATUS_SUCCESS;
    ULONG needed = code >> 14 & 3;
    if (entry == NULL) {
        status = STATUS_INVALID_HANDLE;
    } else if (entry->object->type != &ModelFileType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (!ModelDriverLoaded()) {
        status = STATUS_NO_SUCH_DEVICE;
    } else if (ModelTarget() == ModelWindows && ((needed & FILE_READ_ACCESS && !(entry->access & FILE_READ_DATA)) ||
                                                 (needed & FILE_WRITE_ACCESS && !(entry->access & FILE_WRITE_DATA)))) {
        status = STATUS_ACCESS_DENIED;
    }
    if (NT_SUCCESS(status) && user != NULL && user->event != NULL) {
        MODEL_HANDLE *eventEntry = ModelFindHandleLocked(process, user->event);
        if (eventEntry == NULL || eventEntry->object->type != &ModelEventType) {
            status = eventEntry == NULL ? STATUS_INVALID_HANDLE : STATUS_OBJECT_TYPE_MISMATCH;
        } else {
            event = eventEntry->object;
            ModelReferenceLocked(event);
            ((PKEVENT)event->body)->Header.SignalState = 0;
        }
    }
    MODEL_OBJECT *file = NT_SUCCESS(status) ? entry->object : NULL;
    if (file != NULL) {
        ModelReferenceLocked(file);
    }
    ModelUnlock();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if ((code & 3) != METHOD_BUFFERED) {
        ModelFail("IOCTL %08x: only METHOD_BUFFERED is modelled", code);
    }
    MODEL_REQUEST *request = ModelNewRequest(process, file, IRP_MJ_DEVICE_CONTROL);
    request->event = event;
    request->irp.UserEvent = event != NULL ? (PKEVENT)event->body : NULL;
    request->user = user;
    request->output = output;
    request->inputBytes = inputBytes;
    request->outputBytes = outputBytes;
    request->stack.Parameters.DeviceIoControl.IoControlCode = code;
    request->stack.Parameters.DeviceIoControl.InputBufferLength = inputBytes;
    request->stack.Parameters.DeviceIoControl.OutputBufferLength = outputBytes;
    if (max(inputBytes, outputBytes) != 0) {
        UCHAR *buffer = malloc(max(inputBytes, outputBytes));
        memset(buffer, MODEL_FILL, max(inputBytes, outputBytes));
        if (inputBytes != 0) {
            memcpy(buffer, input, inputBytes);
        }
        request->irp.AssociatedIrp.SystemBuffer = buffer;
    }
    ModelLock();
    request->uses++;
    if (user != NULL) {
        user->done = 0;
        user->internal = request;
    }
    MODEL_OBJECT *gone = ModelDereferenceLocked(file); /* the request has its own */
    ModelUnlock();
    if (gone != NULL) {
        ModelFail("a file object went while its handle was open");
    }
    PETHREAD self = ModelThread();
    PEPROCESS before = self->process;
    self->process = process;
    status = ModelCallDispatch(((PFILE_OBJECT)file->body)->DeviceObject, &request->irp);
    self->process = before;
    *begun = request;
    return status;
}

NTSTATUS UserControl(PEPROCESS process, HANDLE handle, ULONG code, const void *input, ULONG inputBytes, void *output,
                     ULONG outputBytes, ULONG *bytes)
{
    MODEL_REQUEST *request = NULL;
    USER_REQUEST user = {0};
    if (bytes != NULL) {
        *bytes = 0;
    }
    if (!ModelEnterCall(process)) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    NTSTATUS status =
        BeginControl(process, handle, code, input, inputBytes, output, outputBytes, &user, &request);
    if (status == STATUS_PENDING) {
        PVOID done = &request->done;
        ModelLock();
        NTSTATUS waited =
            ModelWaitLocked(1, &done, WaitAny, TRUE, INT64_MAX, "DeviceIoControl on a synchronous handle");
        ModelUnlock();
        if (waited == STATUS_USER_APC) {
            /* The process is being ended: a synchronous request is cancelled by its own thread. */
            ModelEnterDispatch();
            IoCancelIrp(&request->irp);
            ModelLeaveDispatch();
            ModelLock();
            ModelWaitLocked(1, &done, WaitAny, FALSE, INT64_MAX, "the end of a cancelled request");
            ModelUnlock();
        }
        status = request->finalStatus;
    }
    if (bytes != NULL && !NT_ERROR(status)) {
        *bytes = (ULONG)user.iosb.Information;
    }
    if (request != NULL) { /* not refused before there was one */
        ModelDropRequest(request, FALSE);
    }
    ModelLeaveCall(process);
    return status;
}

NTSTATUS UserControlOverlapped(PEPROCESS process, HANDLE handle, ULONG code, const void *input, ULONG inputBytes,
                               void *output, ULONG outputBytes, USER_REQUEST *user)
{
    MODEL_REQUEST *request = NULL;
    user->done = 0;
    user->iosb = (IO_STATUS_BLOCK){0};
    user->internal = NULL;
    NTSTATUS status = STATUS_PROCESS_IS_TERMINATING;
    BOOLEAN entered = ModelEnterCall(process);
    if (entered) {
        status = BeginControl(process, handle, code, input, inputBytes, output, outputBytes, user, &request);
    }
    if (request != NULL) {
        ModelDropRequest(request, FALSE);
    } else {
        user->done = 1;
        user->iosb.Status = status;
    }
    if (entered) {
        ModelLeaveCall(process);
    }
    return status;
}

BOOLEAN UserAwait(USER_REQUEST *user, LONGLONG ticks)
{
    NTSTATUS status = STATUS_SUCCESS;
    ModelLock();
    MODEL_REQUEST *request = user->internal;
    if (request != NULL) {
        PVOID done = &request->done;
        request->uses++;
        status = ModelWaitLocked(1, &done, WaitAny, FALSE,
                                 ticks < 0 ? INT64_MAX : ModelNowLocked() + ticks, "GetOverlappedResult");
    }
    ModelUnlock();
    if (request != NULL) {
        ModelDropRequest(request, FALSE);
    }
    MODEL_ACQUIRE(user);
    return status == STATUS_SUCCESS;
}

NTSTATUS UserCancel(PEPROCESS process, HANDLE handle, USER_REQUEST *user)
{
    ModelLock();
    ModelTickLocked(100);
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    MODEL_OBJECT *file = entry != NULL && entry->object->type == &ModelFileType ? entry->object : NULL;
    if (file != NULL) {
        ModelReferenceLocked(file);
    }
    ModelUnlock();
    if (file == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    ULONG count = ModelCancelMatching(process, file, user);
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(file);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return count != 0 ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS UserSendIrp(PEPROCESS process, HANDLE handle, UCHAR major)
{
    ModelLock();
    ModelTickLocked(100);
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    MODEL_OBJECT *file = entry != NULL && entry->object->type == &ModelFileType ? entry->object : NULL;
    ModelUnlock();
    if (file == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PETHREAD self = ModelThread();
    PEPROCESS before = self->process;
    self->process = process;
    NTSTATUS status = ModelSendSimple(process, file, major);
    self->process = before;
    return status;
}
