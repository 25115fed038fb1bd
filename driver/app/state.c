/*
 * state.c - prints what the driver says of itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdlib.h>

/* Kernel addresses are told to a holder of SeDebugPrivilege only; without it they print as 0. */
static VOID EnableDebugPrivilege(VOID)
{
    TOKEN_PRIVILEGES privileges = {.PrivilegeCount = 1};
    HANDLE token = NULL;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token)) {
        return;
    }
    privileges.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (LookupPrivilegeValueW(NULL, L"SeDebugPrivilege", &privileges.Privileges[0].Luid)) {
        (void)AdjustTokenPrivileges(token, FALSE, &privileges, 0, NULL, NULL);
    }
    (CloseHandle)(token);
}

static VOID SayEvents(_In_ const EVENTSYS_STATE_OUTPUT *State)
{
    static const PCSTR methods[] = {"?",          "app-handle", "driver-handle", "classic-name",
                                    "strict-name", "driver-name", "buffer-work",   "buffer-done"};

    for (uint32_t index = 0; index < State->events.returned; index++) {
        const EVENTSYS_EVENT_STATE *event = AppEventStateAt(State, index);
        const PCSTR method = event->method < RTL_NUMBER_OF(methods) ? methods[event->method] : methods[0];
        const int nameUnits = (int)(event->nameBytes / sizeof(WCHAR));

        AppSay("  event %u %s pid %u object 0x%llx: %llu signals, %llu coalesced, %llu resets %.*ls", event->id, method,
               event->ownerProcess, (unsigned long long)event->object, (unsigned long long)event->signals,
               (unsigned long long)event->coalesced, (unsigned long long)event->resets, nameUnits, (PCWSTR)event->name);
        AppLog(AppFactNote, "event", NULL, STATUS_SUCCESS,
               "id=%u method=%u type=%u pid=%u object=0x%llx appHandle=%llu signals=%llu coalesced=%llu resets=%llu "
               "references=%u existed=%d name=%.*ls",
               event->id, event->method, event->type, event->ownerProcess, (unsigned long long)event->object,
               (unsigned long long)event->appHandle, (unsigned long long)event->signals, (unsigned long long)event->coalesced,
               (unsigned long long)event->resets, event->references, (int)event->existed, nameUnits, (PCWSTR)event->name);
    }
}

#define ENTRY_AT(type, state, list, index)                                                                                  \
    ((const type *)((const UCHAR *)(state) + (state)->list.offset + (size_t)(index) * (state)->list.entryBytes))

static VOID SaySchedulesAndRequests(_In_ const EVENTSYS_STATE_OUTPUT *State)
{
    for (uint32_t index = 0; index < State->schedules.returned; index++) {
        const EVENTSYS_SCHEDULE_STATE *schedule = ENTRY_AT(EVENTSYS_SCHEDULE_STATE, State, schedules, index);
        AppSay("  schedule %u on event %u source %u pid %u: %u of %u ticks, %u signals, %u missed", schedule->id,
               schedule->eventId, schedule->source, schedule->ownerProcess, schedule->ticks, schedule->count,
               schedule->signals, schedule->missed);
        AppLog(AppFactNote, "schedule", NULL, STATUS_SUCCESS, "id=%u event=%u source=%u state=%u pid=%u ticks=%u count=%u missed=%u",
               schedule->id, schedule->eventId, schedule->source, schedule->state, schedule->ownerProcess, schedule->ticks,
               schedule->count, schedule->missed);
    }
    for (uint32_t index = 0; index < State->requests.returned; index++) {
        const EVENTSYS_REQUEST_STATE *request = ENTRY_AT(EVENTSYS_REQUEST_STATE, State, requests, index);
        AppSay("  request %llu pid %u pended for %llu ms", (unsigned long long)request->requestId, request->ownerProcess,
               (unsigned long long)request->ageMs);
        AppLog(AppFactNote, "request", NULL, STATUS_SUCCESS, "id=%llu pid=%u ageMs=%llu",
               (unsigned long long)request->requestId, request->ownerProcess, (unsigned long long)request->ageMs);
    }
    for (uint32_t index = 0; index < State->buffers.returned; index++) {
        const EVENTSYS_BUFFER_STATE *buffer = ENTRY_AT(EVENTSYS_BUFFER_STATE, State, buffers, index);
        AppSay("  buffer %u pid %u: %llu rounds", buffer->id, buffer->ownerProcess, (unsigned long long)buffer->rounds);
        AppLog(AppFactNote, "buffer", NULL, STATUS_SUCCESS, "id=%u pid=%u thread=%u rounds=%llu", buffer->id,
               buffer->ownerProcess, buffer->thread, (unsigned long long)buffer->rounds);
    }
}

static VOID SayTotals(_In_ const EVENTSYS_STATE_OUTPUT *State)
{
    const EVENTSYS_TOTALS *totals = &State->totals;

    AppSay("  now: %u files, %u events, %u schedules, %u requests, %u buffers, %u references, %u handles, %u allocations",
           totals->files, totals->events, totals->schedules, totals->requests, totals->buffers, totals->objectReferences,
           totals->handles, totals->allocations);
    AppSay("  ever: %llu events shared, %llu signals (%llu coalesced), %llu requests (%llu notified, %llu cancelled), "
           "%llu refused",
           (unsigned long long)totals->eventsShared, (unsigned long long)totals->signals,
           (unsigned long long)totals->coalesced, (unsigned long long)totals->requestsPended,
           (unsigned long long)totals->requestsNotified, (unsigned long long)totals->requestsCancelled,
           (unsigned long long)totals->ioctlsRefused);
    AppLog(AppFactNote, "now", NULL, STATUS_SUCCESS,
           "files=%u events=%u schedules=%u requests=%u buffers=%u references=%u handles=%u allocations=%u", totals->files,
           totals->events, totals->schedules, totals->requests, totals->buffers, totals->objectReferences, totals->handles,
           totals->allocations);
    AppLog(AppFactNote, "ever", NULL, STATUS_SUCCESS,
           "eventsShared=%llu signals=%llu coalesced=%llu requestsPended=%llu requestsNotified=%llu requestsCancelled=%llu "
           "filesOpened=%llu filesClosed=%llu cleanups=%llu bufferRounds=%llu ioctlsRefused=%llu",
           (unsigned long long)totals->eventsShared, (unsigned long long)totals->signals,
           (unsigned long long)totals->coalesced, (unsigned long long)totals->requestsPended,
           (unsigned long long)totals->requestsNotified, (unsigned long long)totals->requestsCancelled,
           (unsigned long long)totals->filesOpened, (unsigned long long)totals->filesClosed,
           (unsigned long long)totals->cleanups, (unsigned long long)totals->bufferRounds,
           (unsigned long long)totals->ioctlsRefused);
    AppLog(AppFactNote, "trace", NULL, STATUS_SUCCESS, "enabled=%u rings=%u slotsPerRing=%u written=%llu drained=%llu lost=%llu",
           State->trace.enabled, State->trace.ringCount, State->trace.slotsPerRing, (unsigned long long)State->trace.written,
           (unsigned long long)State->trace.drained, (unsigned long long)State->trace.lost);
}

APP_EXIT AppRunState(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    EVENTSYS_STATE_OUTPUT *state = NULL;
    APP_EXIT exit;

    EnableDebugPrivilege(); /* before the device is opened: that is when the driver looks */
    exit = AppDriverOpen(Options, &driver);
    if (exit != AppExitOk) {
        return exit;
    }
    exit = AppExpectSuccess(AppDriverQueryState(&driver, &state), "Asking the driver for its state");
    if (exit == AppExitOk) {
        SayEvents(state);
        SaySchedulesAndRequests(state);
        SayTotals(state);
    }
    free(state);
    AppDriverClose(&driver);
    return exit;
}
