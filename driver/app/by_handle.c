/*
 * by_handle.c - methods 1 and 2: an event shared by a handle.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

/* ---- 1: application -> driver ------------------------------------------------------------------------------------- */

/*
 * Traps here, all on the driver's side of the call: a handle means something only in the process that owns it, so the
 * driver must resolve it in this very request, in our context, and keep the object, not the handle; it must name the
 * object type (a handle may be of anything) and check our access (UserMode), or we could make it signal what we may not.
 * And once it has its reference, our closing the handle no longer matters to it.
 */
static APP_EXIT ShareOwnEvent(_In_ const APP_DRIVER *Driver, HANDLE Event)
{
    uint32_t eventId = 0;
    APP_EXIT exit = AppExpectSuccess(AppDriverRegister(Driver, "shared", Event, &eventId), "Registering the event");

    if (exit == AppExitOk) {
        exit = AppTakeSignals(Driver, "shared", Event, eventId);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignals(Driver, eventId, EVENTSYS_METHOD_HANDLE_FROM_APP, Driver->Options->Count);
    }
    if (eventId != 0) {
        const NTSTATUS status = AppDriverUnregister(Driver, eventId);
        exit = exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
    }
    return exit;
}

/* The driver must refuse what is not an event of ours that it may signal, and live on. */
static APP_EXIT OfferWrongHandles(_In_ const APP_DRIVER *Driver)
{
    HANDLE waitOnly = NULL;
    uint32_t eventId = 0;
    HANDLE event = (CreateEventW)(NULL, TRUE, FALSE, NULL);
    NTSTATUS status;
    APP_EXIT exit;

    if (event == NULL || !(DuplicateHandle)(GetCurrentProcess(), event, GetCurrentProcess(), &waitOnly, SYNCHRONIZE, FALSE, 0)) {
        exit = AppExpectSuccess(AppLastStatus(), "Making an event that may only be waited for");
    } else {
        status = AppDriverRegister(Driver, "wait-only", waitOnly, &eventId);
        exit = AppExpect(status == STATUS_ACCESS_DENIED, "a handle without EVENT_MODIFY_STATE gave %s, not ACCESS_DENIED",
                         AppStatusName(status));
    }
    if (exit == AppExitOk) {
        status = AppDriverRegister(Driver, "not-an-event", Driver->Device, &eventId);
        exit = AppExpect(status == STATUS_OBJECT_TYPE_MISMATCH, "a file's handle gave %s, not OBJECT_TYPE_MISMATCH",
                         AppStatusName(status));
    }
    if (waitOnly != NULL) {
        (CloseHandle)(waitOnly);
    }
    if (event != NULL) {
        (CloseHandle)(event);
    }
    return exit;
}

APP_EXIT AppRunAppHandle(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    HANDLE event;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    event = APP_CREATE_EVENT("shared", NULL, !Options->Synchronization, FALSE);
    if (event == NULL) {
        exit = AppExpectSuccess(AppLastStatus(), "Creating the event");
    } else {
        exit = ShareOwnEvent(&driver, event);
        APP_CLOSE("shared", event);
    }
    if (exit == AppExitOk) {
        exit = OfferWrongHandles(&driver);
    }
    AppDriverClose(&driver);
    return exit;
}

/* ---- 2: driver -> application ------------------------------------------------------------------------------------- */

/* We may do with the handle what the driver granted, and no more. */
static APP_EXIT TryGrantedAccess(_In_ const APP_DRIVER *Driver)
{
    HANDLE waitOnly = NULL;
    uint32_t eventId = 0;
    NTSTATUS status;
    APP_EXIT exit = AppExpectSuccess(
        AppDriverGetEvent(Driver, "wait-only", FALSE, SYNCHRONIZE | EVENT_QUERY_STATE, &waitOnly, &eventId),
        "Getting an event that may only be waited for");

    if (exit != AppExitOk) {
        return exit;
    }
    status = (SetEvent)(waitOnly) ? STATUS_SUCCESS : AppLastStatus();
    exit = AppExpect(status == STATUS_ACCESS_DENIED, "setting an event through a wait-only handle gave %s, not ACCESS_DENIED",
                     AppStatusName(status));
    APP_CLOSE("wait-only", waitOnly);
    status = AppDriverUnregister(Driver, eventId);
    return exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
}

/*
 * "The bad idea": the driver makes a handle in our process. It is bad because the handle is now in our table: whoever in
 * this process closes that number, by mistake or twice, closes it behind the driver's back, and a driver that went on using
 * the handle would then use whatever got the number next. Done right, the driver keeps a reference to the object of its
 * own, the handle is ours alone to close, and it grants only what we need.
 */
APP_EXIT AppRunDriverHandle(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    HANDLE event = NULL;
    uint32_t eventId = 0;
    uint32_t previous = 0;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    exit = AppExpectSuccess(AppDriverGetEvent(&driver, "driver's", Options->Synchronization, EVENTSYS_EVENT_USER_ACCESS, &event,
                                              &eventId),
                            "Getting an event from the driver");
    if (exit == AppExitOk) {
        exit = AppTakeSignals(&driver, "driver's", event, eventId);
        APP_CLOSE("driver's", event);
    }
    if (exit == AppExitOk) {
        /* Our handle is gone; the driver's event is not, because the driver holds a reference of its own. */
        exit = AppExpectSuccess(AppDriverSignal(&driver, eventId, EVENTSYS_SIGNAL_SET, &previous),
                                "Signaling the event after our handle was closed");
    }
    if (exit == AppExitOk) {
        exit = AppExpect(previous == 0, "the event was signaled before (%u)", previous);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignals(&driver, eventId, EVENTSYS_METHOD_HANDLE_FROM_DRIVER, Options->Count + 1);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppDriverUnregister(&driver, eventId), "Unregistering the event");
    }
    if (exit == AppExitOk) {
        exit = TryGrantedAccess(&driver);
    }
    AppDriverClose(&driver);
    return exit;
}
