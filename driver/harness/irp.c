/*
 * irp.c - requests: the life of an IRP, dispatch, completion, cancellation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_request.h"

#include <stdlib.h>

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
void ModelDropRequest(MODEL_REQUEST *request, BOOLEAN fromDriver)
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

MODEL_REQUEST *ModelNewRequest(PEPROCESS process, MODEL_OBJECT *file, UCHAR major)
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

void ModelEnterDispatch(void)
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

void ModelLeaveDispatch(void)
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
        ModelEnterDispatch();
    }
    if (ModelDispatchObserver != NULL) {
        ModelDispatchObserver(major, request->stack.FileObject);
    }
    NTSTATUS status = device->DriverObject->MajorFunction[major](device, irp);
    if (!nested) {
        ModelLeaveDispatch();
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
    ModelDropRequest(request, FALSE);
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
    ModelDropRequest(request, TRUE);
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
    ModelPreempt();
    routine(RequestOf(irp)->stack.DeviceObject, irp);
    if (ModelThread()->irql != irql || ModelThread()->heldCount != 0) {
        ModelFail("a cancel routine returned at %s with %u spin locks held: it must release the cancel spin lock to "
                  "Irp->CancelIrql",
                  ModelIrqlName(ModelThread()->irql), ModelThread()->heldCount);
    }
    return TRUE;
}

/* Cancels what matches; returns how many were not yet finished. */
ULONG ModelCancelMatching(PEPROCESS process, MODEL_OBJECT *file, USER_REQUEST *user)
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
        ModelEnterDispatch();
        IoCancelIrp(&request->irp);
        ModelLeaveDispatch();
        ModelDropRequest(request, FALSE);
    }
}

void ModelCancelRequestsOf(PEPROCESS process)
{
    ModelCancelMatching(process, NULL, NULL);
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
        ModelDropRequest(request, FALSE);
    }
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
