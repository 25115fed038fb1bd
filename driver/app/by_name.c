/*
 * by_name.c - methods 3 and 4: an event shared by a name.
 *
 * One object, two spellings: what Win32 calls Global\X is \BaseNamedObjects\X to the kernel. Without Global\ a Win32 name
 * lies in the session's own directory, where a driver does not look (see pitfall_names.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#define GLOBAL_WIN32 L"Global\\"
#define GLOBAL_KERNEL L"\\BaseNamedObjects\\"

enum { NameUnits = EVENTSYS_MAX_NAME_CHARS + 128 };

/* ---- 3: the application creates, the driver opens ----------------------------------------------------------------- */

static APP_EXIT ShareByOurName(_In_ const APP_DRIVER *Driver, HANDLE Event)
{
    const APP_OPTIONS *options = Driver->Options;
    const uint32_t how = options->Classic ? EVENTSYS_OPEN_CLASSIC : EVENTSYS_OPEN_STRICT;
    EVENTSYS_EVENT_OUTPUT opened;
    WCHAR kernelName[NameUnits];
    APP_EXIT exit;

    AppEventName(options, GLOBAL_KERNEL, L"EventscopeApp", kernelName, RTL_NUMBER_OF(kernelName));
    exit = AppExpectSuccess(AppDriverOpenNamed(Driver, how, options->Synchronization, kernelName, &opened),
                            "Letting the driver open our event by its name");
    if (exit == AppExitOk) {
        /* The classic call cannot refuse: only this tells that it found our event and did not make one of its own. */
        exit = AppExpect(opened.existed != 0, "the driver made a new event instead of opening ours");
    }
    if (exit == AppExitOk) {
        exit = AppTakeSignals(Driver, "by-name", Event, opened.eventId);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignals(Driver, opened.eventId,
                                options->Classic ? EVENTSYS_METHOD_NAME_CLASSIC : EVENTSYS_METHOD_NAME_STRICT, options->Count);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppDriverUnregister(Driver, opened.eventId), "Unregistering the event");
    }
    return exit;
}

APP_EXIT AppRunAppName(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    WCHAR name[NameUnits];
    HANDLE event;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    AppEventName(Options, GLOBAL_WIN32, L"EventscopeApp", name, RTL_NUMBER_OF(name));
    event = APP_CREATE_EVENT("by-name", name, !Options->Synchronization, FALSE);
    if (event == NULL) {
        exit = AppExpectSuccess(AppLastStatus(), "Creating the named event");
    } else {
        /* When the name is taken, the first creator's type and state win and ours are ignored: so look, do not assume. */
        exit = AppExpectEvent("by-name", event, Options->Synchronization, FALSE);
        if (exit == AppExitOk) {
            exit = ShareByOurName(&driver, event);
        }
        APP_CLOSE("by-name", event);
    }
    AppDriverClose(&driver);
    return exit;
}

/* ---- 4: the driver creates, the application opens ----------------------------------------------------------------- */

static APP_EXIT ShareByDriversName(_In_ const APP_DRIVER *Driver, uint32_t EventId)
{
    const APP_OPTIONS *options = Driver->Options;
    WCHAR name[NameUnits];
    HANDLE event;
    APP_EXIT exit;

    AppEventName(options, GLOBAL_WIN32, L"EventscopeDriver", name, RTL_NUMBER_OF(name));
    /*
     * OpenEvent with the least rights, not CreateEvent: CreateEvent asks for EVENT_ALL_ACCESS, which the driver's security
     * descriptor gives to administrators only, so it would fail for an ordinary user although the event is there.
     */
    event = APP_OPEN_EVENT("driver's", name, SYNCHRONIZE | EVENT_MODIFY_STATE | EVENT_QUERY_STATE);
    if (event == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Opening the driver's event by its name");
    }
    exit = AppTakeSignals(Driver, "driver's", event, EventId);
    if (exit == AppExitOk) {
        exit = AppExpectSignals(Driver, EventId, EVENTSYS_METHOD_NAME_CREATED, options->Count);
    }
    APP_CLOSE("driver's", event);
    return exit;
}

APP_EXIT AppRunDriverName(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    WCHAR kernelName[NameUnits];
    WCHAR name[NameUnits];
    EVENTSYS_EVENT_OUTPUT created;
    HANDLE gone;
    NTSTATUS status;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    AppEventName(Options, GLOBAL_KERNEL, L"EventscopeDriver", kernelName, RTL_NUMBER_OF(kernelName));
    exit = AppExpectSuccess(AppDriverCreateNamed(&driver, Options->Synchronization, kernelName, &created),
                            "Letting the driver create a named event");
    if (exit == AppExitOk) {
        exit = AppExpect(created.existed != 1, "an event of that name was there already");
    }
    if (exit == AppExitOk) {
        exit = ShareByDriversName(&driver, created.eventId);
    }
    if (created.eventId != 0) {
        status = AppDriverUnregister(&driver, created.eventId);
        exit = exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
    }
    if (exit == AppExitOk) {
        /* A name lives as long as handles to the object do: with the driver's handle and ours closed it is gone. */
        AppEventName(Options, GLOBAL_WIN32, L"EventscopeDriver", name, RTL_NUMBER_OF(name));
        gone = APP_OPEN_EVENT("driver's", name, SYNCHRONIZE);
        status = gone == NULL ? AppLastStatus() : STATUS_SUCCESS;
        exit = AppExpect(status == STATUS_OBJECT_NAME_NOT_FOUND, "the name answers %s after the last handle was closed",
                         AppStatusName(status));
        if (gone != NULL) {
            APP_CLOSE("driver's", gone);
        }
    }
    AppDriverClose(&driver);
    return exit;
}
