/*
 * inverted_call.c - method 5: the driver calls the application, by completing a request that the application sent ahead.
 *
 * This needs no shared event object in the driver at all (the system sets the request's event), it carries data, and
 * cancelling is the system's. The price: a request must be pended again after each notification, so several are kept
 * pended, and what happens while none is pended is missed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

enum { MaxRequests = 32 };

typedef struct INVERTED_CALL {
    APP_DRIVER Driver;
    ULONG Count;
    HANDLE Events[MaxRequests];
    APP_REQUEST Requests[MaxRequests];
} INVERTED_CALL;

static const uint64_t FirstRequestId = 1001;

/* Waits for one request's event and checks what came with it. */
static APP_EXIT TakeNotification(_Inout_ APP_REQUEST *Request, uint32_t Reason, uint64_t Data, _Inout_ uint64_t *LastSequence)
{
    const ULONG timeoutMs = Request->Driver->Options->TimeoutMs;
    APP_EXIT exit = AppExpectSignal(APP_WAIT("notification", Request->Event, timeoutMs), "notification", timeoutMs);

    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppRequestResult(Request), "The pended request");
    }
    if (exit == AppExitOk) {
        exit = AppExpect(Request->Output.requestId == Request->Input.requestId && Request->Output.reason == Reason &&
                             Request->Output.data == Data && Request->Output.sequence > *LastSequence,
                         "request %llu was answered with request %llu, reason %u, data %llu, sequence %llu after %llu",
                         (unsigned long long)Request->Input.requestId, (unsigned long long)Request->Output.requestId,
                         Request->Output.reason, (unsigned long long)Request->Output.data,
                         (unsigned long long)Request->Output.sequence, (unsigned long long)*LastSequence);
        *LastSequence = Request->Output.sequence;
    }
    return exit;
}

static APP_EXIT PendAll(_Inout_ INVERTED_CALL *Call)
{
    for (ULONG index = 0; index < Call->Count; index++) {
        const NTSTATUS status = AppRequestPend(&Call->Driver, "notification", Call->Events[index], FirstRequestId + index,
                                               &Call->Requests[index]);
        if (status != STATUS_PENDING) {
            return AppExpect(FALSE, "a request was not kept but answered with %s", AppStatusName(status));
        }
    }
    return AppExitOk;
}

/* Each completion of a schedule takes the oldest request: so they come in the order in which they were pended. */
static APP_EXIT TakeScheduled(_Inout_ INVERTED_CALL *Call, _Inout_ uint64_t *LastSequence)
{
    const ULONG period = Call->Driver.Options->PeriodMs;
    APP_EXIT exit = PendAll(Call);

    if (exit == AppExitOk) {
        exit = AppExpectSuccess(
            AppDriverSchedule(&Call->Driver, EVENTSYS_SOURCE_COMPLETION, 0, period, period, Call->Count),
            "Asking the driver for notifications");
    }
    for (ULONG index = 0; index < Call->Count && exit == AppExitOk; index++) {
        exit = TakeNotification(&Call->Requests[index], EVENTSYS_REASON_SCHEDULED, index + 1, LastSequence);
    }
    return exit;
}

/* By hand, youngest first: a request that is named by its id is the one that is completed. */
static APP_EXIT TakeNotified(_Inout_ INVERTED_CALL *Call, _Inout_ uint64_t *LastSequence)
{
    APP_EXIT exit = PendAll(Call);

    for (ULONG left = Call->Count; left > 0 && exit == AppExitOk; left--) {
        const uint64_t data = 0x1122334455660000ull + left;
        exit = AppExpectSuccess(AppDriverNotify(&Call->Driver, FirstRequestId + left - 1, data), "Notifying by hand");
        if (exit == AppExitOk) {
            exit = TakeNotification(&Call->Requests[left - 1], EVENTSYS_REASON_NOTIFIED, data, LastSequence);
        }
    }
    return exit;
}

/* A request that nobody answers must be cancellable, and its id may not be pended twice. */
static APP_EXIT CancelOne(_Inout_ INVERTED_CALL *Call)
{
    APP_REQUEST second;
    NTSTATUS status =
        AppRequestPend(&Call->Driver, "cancelled", Call->Events[0], FirstRequestId, &Call->Requests[0]);
    APP_EXIT exit = AppExpect(status == STATUS_PENDING, "a request was not kept but answered with %s", AppStatusName(status));

    if (exit == AppExitOk && Call->Count > 1) {
        status = AppRequestPend(&Call->Driver, "twice", Call->Events[1], FirstRequestId, &second);
        exit = AppExpect(status == STATUS_OBJECTID_EXISTS, "the same request id twice gave %s", AppStatusName(status));
        (void)AppRequestFinish(&second);
    }
    status = AppRequestFinish(&Call->Requests[0]);
    if (exit == AppExitOk) {
        exit = AppExpect(status == STATUS_CANCELLED, "a cancelled request ended with %s", AppStatusName(status));
    }
    if (exit == AppExitOk) {
        status = AppDriverNotify(&Call->Driver, FirstRequestId, 0);
        exit = AppExpect(status == STATUS_NOT_FOUND, "notifying with nothing pended gave %s", AppStatusName(status));
    }
    return exit;
}

static APP_EXIT CreateEvents(_Inout_ INVERTED_CALL *Call)
{
    for (ULONG index = 0; index < Call->Count; index++) {
        /*
         * One event for each request, manual reset, never set by hand: the system sets it when that request completes. Two
         * requests on one event could not be told apart, and an auto-reset one loses its signal to GetOverlappedResult.
         */
        Call->Events[index] = APP_CREATE_EVENT("notification", NULL, TRUE, FALSE);
        if (Call->Events[index] == NULL) {
            return AppExpectSuccess(AppLastStatus(), "Creating an event");
        }
    }
    return AppExitOk;
}

APP_EXIT AppRunInvertedCall(const APP_OPTIONS *Options)
{
    INVERTED_CALL call = {.Count = Options->Count};
    uint64_t lastSequence = 0;
    APP_EXIT exit;

    if (Options->Count > MaxRequests) {
        return AppFail(AppExitUsage, STATUS_SUCCESS, "Use a smaller --count", "At most %d requests are kept pended at once",
                       MaxRequests);
    }
    exit = AppDriverOpen(Options, &call.Driver);
    if (exit != AppExitOk) {
        return exit;
    }
    exit = CreateEvents(&call);
    if (exit == AppExitOk) {
        exit = TakeScheduled(&call, &lastSequence);
    }
    if (exit == AppExitOk) {
        exit = TakeNotified(&call, &lastSequence);
    }
    if (exit == AppExitOk) {
        exit = CancelOne(&call);
    }
    for (ULONG index = 0; index < call.Count; index++) {
        (void)AppRequestFinish(&call.Requests[index]); /* what an error left pended: its memory is on this stack */
        if (call.Events[index] != NULL) {
            APP_CLOSE("notification", call.Events[index]);
        }
    }
    AppDriverClose(&call.Driver);
    return exit;
}
