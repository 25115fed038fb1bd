/*
 * pitfall_names.c - the two mistakes with names that make no error message: a wait that never ends is all one sees.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdio.h>
#include <wchar.h>

enum { NameUnits = EVENTSYS_MAX_NAME_CHARS + 128, MaxVainWaitMs = 1000 };

/* The signal that does not come: long enough for the driver's timer, short enough for a demonstration. */
static ULONG VainWaitMs(_In_ const APP_OPTIONS *Options)
{
    return Options->TimeoutMs < MaxVainWaitMs ? Options->TimeoutMs : MaxVainWaitMs;
}

/*
 * The driver signals its event; we wait for ours, in vain, although each side did all it should: they hold two objects.
 * Other: a handle of ours to the driver's event.
 */
static APP_EXIT WaitInVain(_In_ const APP_DRIVER *Driver, HANDLE Ours, HANDLE Other, uint32_t EventId)
{
    const ULONG timeoutMs = VainWaitMs(Driver->Options);
    EVENTSYS_EVENT_STATE state;
    APP_EXIT exit = AppExpectSuccess(AppDriverSchedule(Driver, EVENTSYS_SOURCE_TIMER_DPC, EventId, 50, 0, 1),
                                     "Asking the driver for a signal");
    DWORD result;

    if (exit != AppExitOk) {
        return exit;
    }
    result = APP_WAIT("ours", Ours, timeoutMs);
    exit = AppExpect(result == WAIT_TIMEOUT, "the wait for our event ended with %lu: the mistake did not show",
                     (unsigned long)result);
    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppDriverQueryEvent(Driver, EventId, &state), "Asking the driver for its state");
    }
    if (exit == AppExitOk) {
        exit = AppExpect(state.signals == 1, "the driver signaled %llu times", (unsigned long long)state.signals);
    }
    if (exit == AppExitOk) {
        exit = AppExpect(!AppSameObject(Ours, Other), "both names are one object after all");
    }
    if (exit == AppExitOk) {
        AppSay("  the driver signaled its event; our wait timed out after %lu ms", (unsigned long)timeoutMs);
    }
    return exit;
}

static VOID SayPair(HANDLE Ours, HANDLE Other)
{
    WCHAR ours[NameUnits];
    WCHAR other[NameUnits];

    AppObjectPath(Ours, ours, RTL_NUMBER_OF(ours));
    AppObjectPath(Other, other, RTL_NUMBER_OF(other));
    AppLog(AppFactNote, "ours", Ours, STATUS_SUCCESS, "path=%ls", ours);
    AppLog(AppFactNote, "driver's", Other, STATUS_SUCCESS, "path=%ls", other);
    AppSay("  our event:        %ls", ours);
    AppSay("  the driver's one: %ls", other);
}

/*
 * Lets the driver open KernelName in the classic way, which cannot fail to find it: IoCreateNotificationEvent creates what
 * is not there. Then opens that second event (Win32Name) too, to show that it exists, and waits for the wrong one.
 */
static APP_EXIT ShowSplitPair(_In_ const APP_DRIVER *Driver, HANDLE Ours, _In_z_ PCWSTR KernelName, _In_z_ PCWSTR Win32Name)
{
    EVENTSYS_EVENT_OUTPUT opened;
    NTSTATUS status;
    HANDLE other;
    APP_EXIT exit = AppExpectSuccess(AppDriverOpenNamed(Driver, EVENTSYS_OPEN_CLASSIC, FALSE, KernelName, &opened),
                                     "Letting the driver open the event in the classic way");

    if (exit != AppExitOk) {
        return exit;
    }
    exit = AppExpect(opened.existed != 1, "the driver found an event of that name: the mistake did not show");
    other = APP_OPEN_EVENT("driver's", Win32Name, SYNCHRONIZE | EVENT_QUERY_STATE);
    if (exit == AppExitOk && other == NULL) {
        exit = AppExpectSuccess(AppLastStatus(), "Opening the second event");
    }
    if (exit == AppExitOk) {
        SayPair(Ours, other);
        /* And a second surprise: what the classic call creates is signaled from the start, so its first wake is nobody's. */
        exit = AppExpectEvent("driver's", other, FALSE, TRUE);
    }
    if (exit == AppExitOk) {
        exit = WaitInVain(Driver, Ours, other, opened.eventId);
    }
    if (other != NULL) {
        APP_CLOSE("driver's", other);
    }
    status = AppDriverUnregister(Driver, opened.eventId);
    return exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
}

/* ---- a mistyped name ---------------------------------------------------------------------------------------------- */

/* The same mistake told at once: opening strictly creates nothing. */
static APP_EXIT ShowRefusal(_In_ const APP_DRIVER *Driver, _In_z_ PCWSTR KernelName)
{
    EVENTSYS_EVENT_OUTPUT opened;
    const NTSTATUS status = AppDriverOpenNamed(Driver, EVENTSYS_OPEN_STRICT, FALSE, KernelName, &opened);
    CHAR text[256];

    AppSay("  strict opening of the mistyped name: %s", AppStatusText(status, text, sizeof(text)));
    return AppExpect(status == STATUS_OBJECT_NAME_NOT_FOUND, "strict opening gave %s", AppStatusName(status));
}

APP_EXIT AppRunWrongName(const APP_OPTIONS *Options)
{
    const unsigned long process = (unsigned long)GetCurrentProcessId();
    WCHAR right[NameUnits];
    WCHAR wrongKernel[NameUnits];
    WCHAR wrongWin32[NameUnits];
    APP_DRIVER driver;
    HANDLE ours;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    /* The typing mistake: "Evnet". Nothing in the classic call can know that another name was meant. */
    (void)swprintf(right, RTL_NUMBER_OF(right), L"Global\\EventscopeEvent-%lu", process);
    (void)swprintf(wrongKernel, RTL_NUMBER_OF(wrongKernel), L"\\BaseNamedObjects\\EventscopeEvnet-%lu", process);
    (void)swprintf(wrongWin32, RTL_NUMBER_OF(wrongWin32), L"Global\\EventscopeEvnet-%lu", process);
    ours = APP_CREATE_EVENT("ours", right, TRUE, FALSE);
    if (ours == NULL) {
        exit = AppExpectSuccess(AppLastStatus(), "Creating the event");
    } else {
        exit = ShowSplitPair(&driver, ours, wrongKernel, wrongWin32);
        if (exit == AppExitOk) {
            exit = ShowRefusal(&driver, wrongKernel);
        }
        APP_CLOSE("ours", ours);
    }
    AppDriverClose(&driver);
    return exit;
}

/* ---- a name without Global\ --------------------------------------------------------------------------------------- */

/* The same names with the prefix: one object, and the signal arrives. */
static APP_EXIT ShowCure(_In_ const APP_DRIVER *Driver, _In_z_ PCWSTR KernelName, _In_z_ PCWSTR Win32Name)
{
    const ULONG timeoutMs = Driver->Options->TimeoutMs;
    EVENTSYS_EVENT_OUTPUT opened;
    HANDLE ours = APP_CREATE_EVENT("ours-global", Win32Name, TRUE, FALSE);
    APP_EXIT exit;

    if (ours == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Creating the event with Global\\");
    }
    exit = AppExpectSuccess(AppDriverOpenNamed(Driver, EVENTSYS_OPEN_STRICT, FALSE, KernelName, &opened),
                            "Letting the driver open the event strictly");
    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppDriverSchedule(Driver, EVENTSYS_SOURCE_TIMER_DPC, opened.eventId, 50, 0, 1),
                                "Asking the driver for a signal");
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignal(APP_WAIT("ours-global", ours, timeoutMs), "ours-global", timeoutMs);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSuccess(AppDriverUnregister(Driver, opened.eventId), "Unregistering the event");
        AppSay("  with Global\\ it is one event, and the signal arrived");
    }
    APP_CLOSE("ours-global", ours);
    return exit;
}

APP_EXIT AppRunWrongNamespace(const APP_OPTIONS *Options)
{
    const unsigned long process = (unsigned long)GetCurrentProcessId();
    WCHAR plain[NameUnits];
    WCHAR kernel[NameUnits];
    WCHAR global[NameUnits];
    APP_DRIVER driver;
    HANDLE ours;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    /*
     * The mistake: no "Global\". A plain name goes to \Sessions\<n>\BaseNamedObjects, the directory of our session; the
     * driver looks in \BaseNamedObjects, finds nothing, and the classic call makes a second event of the same leaf name.
     * It works in session 0, where services live and both are one directory: so it often passes the first test.
     */
    (void)swprintf(plain, RTL_NUMBER_OF(plain), L"EventscopeLocal-%lu", process);
    (void)swprintf(kernel, RTL_NUMBER_OF(kernel), L"\\BaseNamedObjects\\%ls", plain);
    (void)swprintf(global, RTL_NUMBER_OF(global), L"Global\\%ls", plain);
    ours = APP_CREATE_EVENT("ours", plain, TRUE, FALSE);
    if (ours == NULL) {
        exit = AppExpectSuccess(AppLastStatus(), "Creating the event");
    } else {
        exit = ShowSplitPair(&driver, ours, kernel, global);
        APP_CLOSE("ours", ours);
    }
    if (exit == AppExitOk) {
        exit = ShowCure(&driver, kernel, global);
    }
    AppDriverClose(&driver);
    return exit;
}
