/*
 * irp.c - requests: the life of an IRP and of a file object, cancellation, completion.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

#define FILE_NEVER_OPENED 0x1u /* IRP_MJ_CREATE failed: no CLEANUP, no CLOSE */
#define FILE_CLOSE_SENT 0x2u

/* In front of each IRP. The host frees it when nobody uses it any more; the driver may not touch it after completion. */
typedef struct MODEL_REQUEST {
    struct MODEL_REQUEST *next, **link;
    LONG uses; /* the model's own: the request's life, its dispatch, a canceller */
    BOOLEAN completed, hasFile;
    NTSTATUS finalStatus;
    BOOLEAN wasPending; /* SL_PENDING_RETURNED at completion */
    PEPROCESS process;
    PETHREAD thread;
    MODEL_OBJECT *file;
    MODEL_OBJECT *event;
    USER_REQUEST *user;
    PVOID output;
    ULONG outputBytes, inputBytes;
    KEVENT done;
    IO_STACK_LOCATION stack;
    IRP irp;
} MODEL_REQUEST;

void (*ModelDispatchObserver)(UCHAR major, PFILE_OBJECT file);
static MODEL_REQUEST *requests;

ULONG ModelRequestsLocked(void)
{
    ULONG count = 0;
    for (MODEL_REQUEST *r = requests; r != NULL; r = r->next) {
        count += r->completed ? 0 : 1;
    }
    return count;
}

static MODEL_REQUEST *RequestOf(PIRP irp) { return CONTAINING_RECORD(irp, MODEL_REQUEST, irp); }

/*
 * `fromDriver`: called inside IoCompleteRequest. The file's last reference may go here, but IRP_MJ_CLOSE does not run inside
 * the driver's completion: the I/O manager gives the reference back in the requestor's thread, later.
 */
static void DropUse(MODEL_REQUEST *request, BOOLEAN fromDriver)
{
    MODEL_OBJECT *event = NULL, *file = NULL, *process = NULL;
    MODEL_RELEASE(request);
    ModelLock();
    BOOLEAN last = --request->uses == 0;
    if (last) {
        *request->link = request->next;
        if (request->next != NULL) {
            request->next->link = request->link;
        }
        event = request->event != NULL ? ModelDereferenceLocked(request->event) : NULL;
        file = request->file != NULL ? ModelDereferenceLocked(request->file) : NULL;
        process = ModelDereferenceLocked(MODEL_HEADER(request->process));
    }
    ModelUnlock();
    if (last) {
        MODEL_ACQUIRE(request);
        free(request->irp.AssociatedIrp.SystemBuffer);
        free(request);
    }
    if (event != NULL) {
        ModelDeleteObject(event);
    }
    if (file != NULL && fromDriver) {
        ModelDeferDelete(file);
    } else if (file != NULL) {
        ModelDeleteObject(file);
    }
    if (process != NULL) {
        ModelDeleteObject(process);
    }
}

static MODEL_REQUEST *NewRequest(PEPROCESS process, MODEL_OBJECT *file, UCHAR major)
{
    MODEL_REQUEST *request = calloc(1, sizeof *request);
    PFILE_OBJECT fileObject = (PFILE_OBJECT)file->body;
    request->uses = 1;
    request->process = process;
    request->thread = ModelThread();
    request->file = file;
    KeInitializeEvent(&request->done, NotificationEvent, FALSE);
    request->irp.Type = 6;
    request->irp.Size = sizeof(IRP);
    request->irp.StackCount = request->irp.CurrentLocation = 1;
    request->irp.RequestorMode = UserMode;
    request->irp.Tail.Overlay.CurrentStackLocation = &request->stack;
    request->irp.Tail.Overlay.OriginalFileObject = fileObject;
    request->irp.Tail.Overlay.Thread = ModelThread();
    /* What the I/O manager leaves in a new IRP is not for the driver to pass on. */
    memset(request->irp.Tail.Overlay.DriverContext, MODEL_FILL, sizeof request->irp.Tail.Overlay.DriverContext);
    request->stack.MajorFunction = major;
    request->stack.FileObject = fileObject;
    request->stack.DeviceObject = fileObject->DeviceObject;
    ModelLock();
    ModelReferenceLocked(file);
    ModelReferenceLocked(MODEL_HEADER(process));
    request->next = requests;
    request->link = &requests;
    if (requests != NULL) {
        requests->link = &request->next;
    }
    requests = request;
    ModelUnlock();
    return request;
}

/* Under Wine one thread serves all requests of a driver host. */
static PETHREAD wineServing;
static const char wineQueue[] = "Wine's queue of requests";

static void EnterDispatch(void)
{
    if (ModelTarget() != ModelWine) {
        return;
    }
    ModelLock();
    while (wineServing != NULL && wineServing != ModelThread()) {
        ModelBlockLocked(INT64_MAX, wineQueue);
    }
    wineServing = ModelThread();
    ModelUnlock();
    MODEL_ACQUIRE(wineQueue);
}

static void LeaveDispatch(void)
{
    if (ModelTarget() != ModelWine) {
        return;
    }
    MODEL_RELEASE(wineQueue);
    ModelLock();
    wineServing = NULL;
    for (PETHREAD t = ModelThreads(); t != NULL; t = t->nextThread) {
        if (t->wait.blocked && t->wait.reason == wineQueue) {
            ModelWakeLocked(t, STATUS_SUCCESS);
            break;
        }
    }
    ModelUnlock();
}

NTSTATUS ModelCallDispatch(PDEVICE_OBJECT device, PIRP irp)
{
    PETHREAD self = ModelThread();
    MODEL_REQUEST *request = RequestOf(irp);
    UCHAR major = request->stack.MajorFunction;
    ModelLock();
    request->uses++;
    ModelUnlock();
    BOOLEAN nested = ModelTarget() == ModelWine && wineServing == self;
    if (!nested) {
        EnterDispatch();
    }
    if (ModelDispatchObserver != NULL) {
        ModelDispatchObserver(major, request->stack.FileObject);
    }
    NTSTATUS status = device->DriverObject->MajorFunction[major](device, irp);
    if (!nested) {
        LeaveDispatch();
    }
    if (self->irql != PASSIVE_LEVEL || self->heldCount != 0 || self->apcsDisabled != 0) {
        ModelFail("the dispatch routine of major function 0x%02x returned at %s with %u spin locks held", major,
                  ModelIrqlName(self->irql), self->heldCount);
    }
    ModelLock();
    BOOLEAN pending = request->completed ? request->wasPending
                                         : (request->stack.Control & SL_PENDING_RETURNED) != 0;
    BOOLEAN completed = request->completed;
    NTSTATUS final = request->finalStatus;
    ModelUnlock();
    if (status == STATUS_PENDING && !pending) {
        ModelFail("major function 0x%02x returned STATUS_PENDING for an IRP that is not marked pending", major);
    }
    if (status != STATUS_PENDING && pending) {
        ModelFail("major function 0x%02x returned %08x for an IRP that is marked pending", major, status);
    }
    if (status != STATUS_PENDING && !completed) {
        ModelFail("major function 0x%02x returned %08x without completing the IRP", major, status);
    }
    if (status != STATUS_PENDING && status != final) {
        ModelFail("major function 0x%02x returned %08x and completed the IRP with %08x", major, status, final);
    }
    MODEL_RELEASE(request->stack.FileObject);
    DropUse(request, FALSE);
    return status;
}

/* A long run of bytes that nobody has written is kernel memory on its way to the application. */
static void CheckNothingLeaks(const UCHAR *bytes, ULONG_PTR count)
{
    ULONG run = 0;
    for (ULONG_PTR i = 0; i < count; i++) {
        run = bytes[i] == MODEL_FILL ? run + 1 : 0;
        if (run == 4) {
            ModelFail("output bytes %llu to %llu of %llu were never written: kernel memory would leak", i - 3, i, count);
        }
    }
}

VOID IofCompleteRequest(PIRP irp, CCHAR boost)
{
    MODEL_REQUEST *request = RequestOf(irp);
    UNREFERENCED_PARAMETER(boost);
    ModelRequireIrql("IoCompleteRequest", DISPATCH_LEVEL);
    ModelRequireNoSpinLock("IoCompleteRequest");
    ModelLock();
    if (request->completed) {
        ModelFail("IoCompleteRequest on an IRP that is completed already");
    }
    if (irp->CancelRoutine != NULL) {
        ModelFail("IoCompleteRequest on an IRP whose cancel routine is still set");
    }
    if (irp->IoStatus.Status == STATUS_PENDING) {
        ModelFail("IoCompleteRequest with STATUS_PENDING");
    }
    NTSTATUS status = irp->IoStatus.Status;
    ULONG_PTR information = irp->IoStatus.Information;
    request->wasPending = (request->stack.Control & SL_PENDING_RETURNED) != 0;
    if (request->stack.MajorFunction == IRP_MJ_DEVICE_CONTROL && !NT_ERROR(status)) {
        if (information > request->outputBytes) {
            ModelFail("IOCTL %08x completes with Information %llu for an output buffer of %u bytes",
                      request->stack.Parameters.DeviceIoControl.IoControlCode, (ULONGLONG)information,
                      request->outputBytes);
        }
        CheckNothingLeaks((UCHAR *)irp->AssociatedIrp.SystemBuffer, information);
        if (information != 0 && !request->process->dead) {
            memcpy(request->output, irp->AssociatedIrp.SystemBuffer, information);
        }
    } else if (request->stack.MajorFunction == IRP_MJ_DEVICE_CONTROL && NT_ERROR(status) && information != 0) {
        ModelFail("IOCTL %08x fails with %08x and Information %llu",
                  request->stack.Parameters.DeviceIoControl.IoControlCode, status, (ULONGLONG)information);
    }
    request->completed = TRUE;
    request->finalStatus = status;
    MODEL_RELEASE(request->stack.FileObject);
    if (request->user != NULL) {
        request->user->iosb.Status = status;
        request->user->iosb.Information = information;
        MODEL_RELEASE(request->user);
        __atomic_store_n(&request->user->done, 1, __ATOMIC_RELEASE);
        request->user->internal = NULL;
    }
    /* An error that is returned without pending leaves the event alone [doc: NtDeviceIoControlFile]. */
    if (request->event != NULL && (request->wasPending || !NT_ERROR(status))) {
        ModelSignalLocked(&((PKEVENT)request->event->body)->Header, 1);
    }
    ModelSignalLocked(&request->done.Header, 1);
    ModelUnlock();
    DropUse(request, TRUE);
}

/* ---- cancellation ---- */

BOOLEAN IoCancelIrp(PIRP irp)
{
    KIRQL irql;
    ModelRequireIrql("IoCancelIrp", DISPATCH_LEVEL);
    IoAcquireCancelSpinLock(&irql);
    irp->Cancel = TRUE;
    PDRIVER_CANCEL routine = IoSetCancelRoutine(irp, NULL);
    if (routine == NULL) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    MODEL_ACQUIRE(&irp->CancelRoutine);
    irp->CancelIrql = irql;
    routine(RequestOf(irp)->stack.DeviceObject, irp);
    if (ModelThread()->irql != irql || ModelThread()->heldCount != 0) {
        ModelFail("a cancel routine returned at %s with %u spin locks held: it must release the cancel spin lock to "
                  "Irp->CancelIrql",
                  ModelIrqlName(ModelThread()->irql), ModelThread()->heldCount);
    }
    return TRUE;
}

/* Cancels what matches; returns how many were not yet finished. */
static ULONG CancelMatching(PEPROCESS process, MODEL_OBJECT *file, USER_REQUEST *user)
{
    ULONG count = 0;
    for (;;) {
        ModelLock();
        MODEL_REQUEST *request = requests;
        while (request != NULL &&
               (request->completed || request->irp.Cancel || request->process != process ||
                (file != NULL && request->file != file) || (user != NULL && request->user != user) ||
                (request->stack.MajorFunction != IRP_MJ_DEVICE_CONTROL))) {
            request = request->next;
        }
        if (request != NULL) {
            request->uses++;
        }
        ModelUnlock();
        if (request == NULL) {
            return count;
        }
        count++;
        EnterDispatch();
        IoCancelIrp(&request->irp);
        LeaveDispatch();
        DropUse(request, FALSE);
    }
}

void ModelCancelRequestsOf(PEPROCESS process)
{
    CancelMatching(process, NULL, NULL);
}

/* A process does not end before its threads' requests have: one that ignores its cancellation hangs the process. */
void ModelWaitForRequests(PEPROCESS process)
{
    for (;;) {
        ModelLock();
        MODEL_REQUEST *request = requests;
        while (request != NULL && (request->completed || request->process != process)) {
            request = request->next;
        }
        if (request == NULL) {
            ModelUnlock();
            return;
        }
        request->uses++;
        PVOID done = &request->done;
        ModelWaitLocked(1, &done, WaitAny, FALSE, INT64_MAX, "the end of a cancelled request");
        ModelUnlock();
        DropUse(request, FALSE);
    }
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
    ULONG count = CancelMatching(process, file, user);
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(file);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return count != 0 ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

/* ---- the file object's life ---- */

static NTSTATUS SendSimple(PEPROCESS process, MODEL_OBJECT *file, UCHAR major)
{
    PFILE_OBJECT fileObject = (PFILE_OBJECT)file->body;
    MODEL_REQUEST *request = NewRequest(process, file, major);
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
    DropUse(request, FALSE);
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
    MODEL_REQUEST *request = NewRequest(process, file, IRP_MJ_CREATE);
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
    DropUse(request, FALSE);
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
        SendSimple(self->process, file, IRP_MJ_CLEANUP);
        return;
    }
    if (!ModelDriverLoaded()) {
        return; /* unloaded under an open handle: the device went, and the file object with it */
    }
    /* Wine sends no CLEANUP, and CLOSE at the last handle, though requests are pending and not cancelled. */
    PEPROCESS before = self->process;
    self->process = PsInitialSystemProcess;
    SendSimple(before, file, IRP_MJ_CLOSE);
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
        SendSimple(ModelThread()->process, MODEL_HEADER(body), IRP_MJ_CLOSE);
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

/* ---- device control ---- */

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
    MODEL_REQUEST *request = NewRequest(process, file, IRP_MJ_DEVICE_CONTROL);
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
            EnterDispatch();
            IoCancelIrp(&request->irp);
            LeaveDispatch();
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
        DropUse(request, FALSE);
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
        DropUse(request, FALSE);
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
        DropUse(request, FALSE);
    }
    MODEL_ACQUIRE(user);
    return status == STATUS_SUCCESS;
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
    NTSTATUS status = SendSimple(process, file, major);
    self->process = before;
    return status;
}

/* ---- what a driver asks of an IRP ---- */

BOOLEAN IoIs32bitProcess(PIRP irp)
{
    return irp != NULL ? RequestOf(irp)->process->wow64 : ModelThread()->process->wow64;
}

PEPROCESS IoGetRequestorProcess(PIRP irp) { return RequestOf(irp)->process; }

ULONG IoGetRequestorProcessId(PIRP irp)
{
    if (ModelTarget() == ModelWine) {
        ModelFail("IoGetRequestorProcessId is not there on Wine: the driver host would end");
    }
    return RequestOf(irp)->process->id;
}
