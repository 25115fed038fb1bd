/*
 * requests.c - the application's half of the inverted call: requests that the driver keeps until it has something to tell.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

NTSTATUS AppRequestPend(const APP_DRIVER *Driver, PCSTR Object, HANDLE Event, uint64_t RequestId, APP_REQUEST *Request)
{
    ULONG bytes = 0;
    NTSTATUS status = STATUS_SUCCESS;

    ZeroMemory(Request, sizeof(*Request));
    Request->Driver = Driver;
    Request->Object = Object;
    Request->Event = Event;
    Request->Input.head.version = EVENTSYS_ABI_VERSION;
    Request->Input.head.bytes = sizeof(Request->Input);
    Request->Input.requestId = RequestId;
    Request->Overlapped.hEvent = Event;
    AppMark();
    /* The I/O manager resets the event when it takes the request, and sets it when the request completes. */
    EsTraceRequest(Event, RequestId);
    if (!(DeviceIoControl)(Driver->Device, IOCTL_EVENTSYS_WAIT_NOTIFICATION, &Request->Input, sizeof(Request->Input),
                           &Request->Output, sizeof(Request->Output), &bytes, &Request->Overlapped)) {
        status = GetLastError() == ERROR_IO_PENDING ? STATUS_PENDING : AppLastStatus();
    }
    Request->Pended = status == STATUS_PENDING;
    AppLog(AppFactIoctl, Object, Event, status, "WAIT_NOTIFICATION requestId=%llu", (unsigned long long)RequestId);
    return status;
}

NTSTATUS AppRequestResult(APP_REQUEST *Request)
{
    ULONG bytes = 0;
    NTSTATUS status;

    if (GetOverlappedResultEx(Request->Driver->Device, &Request->Overlapped, &bytes, 0, FALSE)) {
        status = STATUS_SUCCESS;
    } else if (GetLastError() == ERROR_IO_INCOMPLETE || GetLastError() == WAIT_TIMEOUT) {
        return STATUS_PENDING;
    } else {
        status = AppLastStatus();
    }
    Request->Pended = FALSE;
    if (status == STATUS_SUCCESS && (bytes != sizeof(Request->Output) || Request->Output.head.version != EVENTSYS_ABI_VERSION ||
                                     Request->Output.head.bytes != sizeof(Request->Output))) {
        status = STATUS_REVISION_MISMATCH;
    }
    AppLog(AppFactNote, Request->Object, Request->Event, status,
           "completed requestId=%llu sequence=%llu data=%llu reason=%u",
           (unsigned long long)Request->Output.requestId, (unsigned long long)Request->Output.sequence,
           (unsigned long long)Request->Output.data, Request->Output.reason);
    return status;
}

NTSTATUS AppRequestFinish(APP_REQUEST *Request)
{
    ULONG timeoutMs;
    ULONG bytes = 0;
    NTSTATUS status = STATUS_SUCCESS;

    if (!Request->Pended) {
        return STATUS_SUCCESS;
    }
    timeoutMs = Request->Driver->Options->TimeoutMs;
    (void)CancelIoEx(Request->Driver->Device, &Request->Overlapped);
    if (!GetOverlappedResultEx(Request->Driver->Device, &Request->Overlapped, &bytes, timeoutMs, FALSE)) {
        if (GetLastError() == WAIT_TIMEOUT) {
            /* The driver still owns this memory, which its caller is about to give up: so the process ends here and now. */
            ExitProcess((UINT)AppLogClose(AppFail(AppExitTimeout, STATUS_IO_TIMEOUT,
                                                  "Attach a debugger to the driver: it does not cancel",
                                                  "The pended request %llu did not end within %lu ms when cancelled",
                                                  (unsigned long long)Request->Input.requestId, (unsigned long)timeoutMs)));
        }
        status = AppLastStatus();
    }
    Request->Pended = FALSE;
    AppLog(AppFactNote, Request->Object, Request->Event, status, "cancelled requestId=%llu",
           (unsigned long long)Request->Input.requestId);
    return status;
}
