/*
 * requests.c - the inverted call: the application sends a request ahead of time, the driver completes it as notification.
 *
 * A pended request can end in three ways at once: completed by us, cancelled by its owner, its file closing. Who takes the
 * cancel routine away decides: whoever gets a routine from IoSetCancelRoutine(irp, NULL) owns the request. When it gets
 * NULL, the cancel routine has been called or is about to be; it will find the request still in the list, take it out and
 * complete it. IoCsq* would do this, but Wine 8 has no IoCsqInsertIrp.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

static DRIVER_CANCEL CancelRequest;

/* Drops the request's bookkeeping; the IRP is completed or about to be. IRQL <= DISPATCH_LEVEL. */
static VOID RequestFree(ES_REQUEST *Request)
{
    EsFileDereference(Request->File);
    EsFree(Request, ES_TAG_REQUEST);
}

/* Under the request lock. */
static VOID RequestUnlink(ES_REQUEST *Request)
{
    RemoveEntryList(&Request->Link);
    Request->File->RequestCount--;
    InterlockedDecrement(&EsDriver.Totals.Requests);
}

/* With an unlinked request whose cancel routine is gone. IRQL <= DISPATCH_LEVEL. */
static VOID RequestCancelled(ES_REQUEST *Request)
{
    const PIRP irp = Request->Irp;
    const ULONG64 requestId = Request->RequestId;

    InterlockedIncrement64(&EsDriver.Totals.RequestsCancelled);
    EsLog("what=cancel request=%llu irp=0x%llx", (unsigned long long)requestId, (unsigned long long)(ULONG_PTR)irp);
    RequestFree(Request);
    irp->IoStatus.Status = STATUS_CANCELLED;
    irp->IoStatus.Information = 0;
    EsTraceComplete(irp, IO_NO_INCREMENT, requestId);
}

/* DRIVER_CANCEL: called with the cancel spin lock held, at DISPATCH_LEVEL; any process, any thread. */
_Use_decl_annotations_ static VOID NTAPI CancelRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ES_REQUEST *request;
    KIRQL irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    /* Ours is the request lock; the system's is dropped at once, as it is everybody's. */
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&EsDriver.RequestLock, &irql);
    request = Irp->Tail.Overlay.DriverContext[0];
    RequestUnlink(request);
    KeReleaseSpinLock(&EsDriver.RequestLock, irql);
    RequestCancelled(request);
}

/* Under the request lock. NULL when there is none; requestId 0 finds the oldest. */
static ES_REQUEST *FindRequest(const ES_FILE *File, ULONG64 RequestId)
{
    PLIST_ENTRY link;

    for (link = EsDriver.Requests.Flink; link != &EsDriver.Requests; link = link->Flink) {
        ES_REQUEST *request = CONTAINING_RECORD(link, ES_REQUEST, Link);

        if (request->File == File && (RequestId == 0 || request->RequestId == RequestId)) {
            return request;
        }
    }
    return NULL;
}

/* The same, but one that no cancel routine is about to end; unlinked, the caller's from now on. */
static ES_REQUEST *TakeRequest(const ES_FILE *File, ULONG64 RequestId)
{
    PLIST_ENTRY link;
    KIRQL irql;

    KeAcquireSpinLock(&EsDriver.RequestLock, &irql);
    for (link = EsDriver.Requests.Flink; link != &EsDriver.Requests; link = link->Flink) {
        ES_REQUEST *request = CONTAINING_RECORD(link, ES_REQUEST, Link);

        if (request->File == File && (RequestId == 0 || request->RequestId == RequestId) &&
            IoSetCancelRoutine(request->Irp, NULL) != NULL) {
            RequestUnlink(request);
            KeReleaseSpinLock(&EsDriver.RequestLock, irql);
            return request;
        }
    }
    KeReleaseSpinLock(&EsDriver.RequestLock, irql);
    return NULL;
}

/*
 * Puts the request into the queue with its cancel routine. STATUS_PENDING: done, the request may be gone by now. Else it is
 * still the caller's, and `Request` too.
 */
static NTSTATUS QueueRequest(ES_REQUEST *Request)
{
    const PIRP irp = Request->Irp;
    ES_FILE *file = Request->File;
    NTSTATUS status = STATUS_PENDING;
    KIRQL irql;

    KeAcquireSpinLock(&EsDriver.RequestLock, &irql);
    if (file->RequestCount >= EVENTSYS_MAX_REQUESTS_PER_FILE) {
        status = STATUS_QUOTA_EXCEEDED;
    } else if (EsDriver.Totals.Requests >= (LONG)EVENTSYS_MAX_REQUESTS) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else if (FindRequest(file, Request->RequestId) != NULL) {
        status = STATUS_OBJECTID_EXISTS;
    } else {
        irp->Tail.Overlay.DriverContext[0] = Request;
        InsertTailList(&EsDriver.Requests, &Request->Link);
        file->RequestCount++;
        InterlockedIncrement(&EsDriver.Totals.Requests);
        IoMarkIrpPending(irp);
        (VOID)IoSetCancelRoutine(irp, CancelRequest);
        /* Cancelled before the routine was set? Then nobody calls it, unless it has been taken just now to be called. */
        if (irp->Cancel && IoSetCancelRoutine(irp, NULL) != NULL) {
            RequestUnlink(Request);
            KeReleaseSpinLock(&EsDriver.RequestLock, irql);
            RequestCancelled(Request);
            return STATUS_PENDING;
        }
    }
    KeReleaseSpinLock(&EsDriver.RequestLock, irql);
    return status;
}

/* IOCTL_EVENTSYS_WAIT_NOTIFICATION: item 5. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlWaitNotification(ES_CALL *Call)
{
    const EVENTSYS_WAIT_INPUT input = *(const EVENTSYS_WAIT_INPUT *)Call->Buffer;
    ES_FILE *file = Call->File;
    ES_REQUEST *request;
    NTSTATUS status;

    if (input.requestId == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    request = EsAllocate(sizeof(*request), ES_TAG_REQUEST);
    if (request == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    EsFileReference(file);
    request->File = file;
    request->Irp = Call->Irp;
    request->RequestId = input.requestId;
    request->Since = EsNow();
    EsFileReference(file); /* this call's: the request, and with it the file's close, may be over in no time */
    EsLog("what=pend request=%llu irp=0x%llx pid=%u", (unsigned long long)input.requestId,
          (unsigned long long)(ULONG_PTR)Call->Irp, (unsigned)(ULONG_PTR)file->Process);
    status = QueueRequest(request);
    if (status == STATUS_PENDING) {
        InterlockedIncrement64(&EsDriver.Totals.RequestsPended);
        /* A cleanup may have gone through the queue just before: what it missed ends here. */
        if (EsFileIsClosed(file)) {
            EsRequestsCancelFile(file);
        }
    } else {
        EsLog("what=refuse id=0 method=0 status=0x%08x pid=%u", (unsigned)status, (unsigned)(ULONG_PTR)file->Process);
        RequestFree(request);
    }
    EsFileDereference(file);
    return status;
}

/*
 * Completes one pended request of the file with data. FALSE when none is pended. IRQL <= DISPATCH_LEVEL: from a timer's DPC
 * as well. IoCompleteRequest sets the event of the requestor's OVERLAPPED: it is a signal point.
 */
_Use_decl_annotations_ BOOLEAN EsRequestNotify(const ES_FILE *File, ULONG64 RequestId, ULONG Reason, ULONG64 Data,
                                               ULONG ScheduleId, ULONG Source, CCHAR Boost)
{
    ES_REQUEST *request = TakeRequest(File, RequestId);
    EVENTSYS_NOTIFICATION_OUTPUT *output;
    LONG64 sequence;
    ULONG64 id;
    PIRP irp;

    if (request == NULL) {
        return FALSE;
    }
    irp = request->Irp;
    id = request->RequestId;
    sequence = InterlockedIncrement64(&EsDriver.NextNotification);
    InterlockedIncrement64(&EsDriver.Totals.RequestsNotified);
    output = irp->AssociatedIrp.SystemBuffer; /* its size was checked when the request came */
    RtlZeroMemory(output, sizeof(*output));
    EsHead(&output->head, sizeof(*output));
    output->requestId = id;
    output->sequence = (ULONG64)sequence;
    output->data = Data;
    output->reason = Reason;
    output->scheduleId = ScheduleId;
    EsLog("what=complete request=%llu irp=0x%llx source=%u seq=%lld status=0x%08x", (unsigned long long)id,
          (unsigned long long)(ULONG_PTR)irp, (unsigned)Source, (long long)sequence, 0u);
    RequestFree(request);
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = sizeof(*output);
    EsTraceComplete(irp, Boost, id);
    return TRUE;
}

/* IOCTL_EVENTSYS_NOTIFY: by hand. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlNotify(ES_CALL *Call)
{
    const EVENTSYS_NOTIFY_INPUT input = *(const EVENTSYS_NOTIFY_INPUT *)Call->Buffer;

    return EsRequestNotify(Call->File, input.requestId, EVENTSYS_REASON_NOTIFIED, input.data, 0, EVENTSYS_SOURCE_HAND,
                           IO_NO_INCREMENT)
               ? STATUS_SUCCESS
               : STATUS_NOT_FOUND;
}

/* All requests of a file whose handles are gone. IRQL <= DISPATCH_LEVEL. Those being cancelled end by themselves. */
_Use_decl_annotations_ VOID EsRequestsCancelFile(const ES_FILE *File)
{
    ES_REQUEST *request;

    while ((request = TakeRequest(File, 0)) != NULL) {
        RequestCancelled(request);
    }
}
