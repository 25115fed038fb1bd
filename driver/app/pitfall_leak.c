/*
 * pitfall_leak.c - an application that ends without putting anything back.
 *
 * The mistake: register, and exit or crash without unregistering or closing. The application's own handles are closed by the
 * system when the process ends; but in the driver there are references to its events, schedules that will signal them, a
 * pended request and a thread that waits for work. A driver that does not release them in CLEANUP and CLOSE keeps the
 * objects for ever, signals events that nobody has, and cannot be unloaded. Ours must: run 'eventapp state' afterwards.
 *
 * The second leak here is the application's own: handles that it loses while it runs. Those only go with the process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdlib.h>

/*
 * How many handles this process has open. GetProcessHandleCount is the call for it; where it knows nothing (Wine 8 answers
 * 0), our handles are counted in the system's list of all handles. 0 when neither tells.
 */
static ULONG CountOwnHandles(VOID)
{
    typedef NTSTATUS NTAPI QUERY_SYSTEM(ULONG, PVOID, ULONG, PULONG);
    enum { ExtendedHandles = 64, EntryBytes = 40, HeadBytes = 16, ProcessOffset = 8, Attempts = 8 };
    const HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    QUERY_SYSTEM *querySystem =
        ntdll == NULL ? NULL : (QUERY_SYSTEM *)(ULONG_PTR)GetProcAddress(ntdll, "NtQuerySystemInformation");
    DWORD count = 0;
    ULONG bytes = 1024 * 1024;

    if (GetProcessHandleCount(GetCurrentProcess(), &count) && count != 0) {
        return count;
    }
    for (int attempt = 0; attempt < Attempts && querySystem != NULL; attempt++) {
        UCHAR *list = malloc(bytes);
        NTSTATUS status = list == NULL ? STATUS_NO_MEMORY : querySystem(ExtendedHandles, list, bytes, NULL);
        if (NT_SUCCESS(status)) {
            const ULONG64 entries = *(const ULONG64 *)list;
            for (ULONG64 index = 0; index < entries && HeadBytes + (index + 1) * EntryBytes <= bytes; index++) {
                count += *(const ULONG64 *)(list + HeadBytes + index * EntryBytes + ProcessOffset) == GetCurrentProcessId();
            }
        }
        free(list);
        if (status != STATUS_INFO_LENGTH_MISMATCH) {
            break;
        }
        bytes *= 2;
    }
    return count;
}

static APP_EXIT LeaveEvents(_In_ const APP_DRIVER *Driver, ULONG Count)
{
    APP_EXIT exit = AppExitOk;

    for (ULONG index = 0; index < Count && exit == AppExitOk; index++) {
        uint32_t eventId = 0;
        const HANDLE event = APP_CREATE_EVENT("leaked", NULL, index % 2 == 0, FALSE);
        if (event == NULL) {
            return AppExpectSuccess(AppLastStatus(), "Creating an event");
        }
        exit = AppExpectSuccess(AppDriverRegister(Driver, "leaked", event, &eventId), "Registering an event");
        if (exit == AppExitOk && index < 8) {
            /* Still due when the process is gone. */
            exit = AppExpectSuccess(AppDriverSchedule(Driver, index % 2 == 0 ? EVENTSYS_SOURCE_TIMER_DPC : EVENTSYS_SOURCE_WORKER,
                                                      eventId, 10, 20, 1000),
                                    "Asking the driver for signals");
        }
        /* The trap: the handle's only copy was a local variable. Nobody can close it any more. */
    }
    return exit;
}

static APP_EXIT LeaveBuffer(_In_ const APP_DRIVER *Driver)
{
    const uint32_t bytes = sizeof(EVENTSYS_SHARED_BUFFER) + 256;
    EVENTSYS_REGISTER_BUFFER_OUTPUT ids;
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, bytes, NULL);
    HANDLE work = APP_CREATE_EVENT("leaked-work", NULL, FALSE, FALSE);
    HANDLE done = APP_CREATE_EVENT("leaked-done", NULL, FALSE, FALSE);

    if (section == NULL || work == NULL || done == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Making a shared buffer");
    }
    return AppExpectSuccess(AppDriverRegisterBuffer(Driver, section, work, done, bytes, &ids), "Registering a shared buffer");
}

static APP_EXIT LeaveRequest(_In_ const APP_DRIVER *Driver)
{
    static APP_REQUEST request; /* static: the driver may write to it until the process is gone */
    HANDLE event = APP_CREATE_EVENT("leaked-request", NULL, TRUE, FALSE);
    NTSTATUS status;

    if (event == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Creating an event");
    }
    status = AppRequestPend(Driver, "leaked-request", event, 3001, &request);
    return AppExpect(status == STATUS_PENDING, "a request was not kept but answered with %s", AppStatusName(status));
}

APP_EXIT AppRunLeak(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    ULONG before;
    ULONG after;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    before = CountOwnHandles();
    exit = LeaveEvents(&driver, Options->Count);
    if (exit == AppExitOk) {
        exit = LeaveBuffer(&driver);
    }
    if (exit == AppExitOk) {
        exit = LeaveRequest(&driver);
    }
    after = CountOwnHandles();
    AppLog(AppFactNote, "leak", NULL, STATUS_SUCCESS, "handlesBefore=%lu handlesAfter=%lu events=%lu buffers=1 requests=1",
           (unsigned long)before, (unsigned long)after, (unsigned long)Options->Count);
    AppSay("  %lu handles before, %lu now: %lu leaked here, and %lu events, 1 buffer, 1 request left in the driver",
           (unsigned long)before, (unsigned long)after, (unsigned long)(after - before), (unsigned long)Options->Count);
    if (exit == AppExitOk) {
        /* Section, work, done and the request's event beside the registered ones. */
        exit = AppExpect(after >= before + Options->Count + 4, "%lu handles before, %lu after", (unsigned long)before,
                         (unsigned long)after);
    }
    /* No AppDriverClose, no CloseHandle: that is the point. */
    return exit;
}
