/*
 * scenarios_races.c - many threads at once. Run under ThreadSanitizer too, which knows no order between two driver threads
 * but the one that the kernel promises (see model_internal.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

#include <stdlib.h>

#define ROUNDS 150

typedef struct RACE {
    APP app;
    HANDLE event;
    LONG volatile stop;
    LONG volatile pended, notified, cancelled;
    ULONG64 volatile nextRequest;
} RACE;

static ULONG64 NextRequest(RACE *race)
{
    return __atomic_add_fetch(&race->nextRequest, 1, __ATOMIC_SEQ_CST);
}

/* ---- one request: notified, cancelled by its owner, or ended by the close, whichever comes first ---- */

static void PendAndAwait(void *context)
{
    RACE *race = context;
    for (ULONG i = 0; i < ROUNDS; i++) {
        USER_REQUEST request = {0};
        EVENTSYS_NOTIFICATION_OUTPUT output;
        ULONG64 id = NextRequest(race);
        NTSTATUS status = AppWaitNotification(&race->app, id, &output, &request);
        if (status != STATUS_PENDING) {
            CHECK(status == STATUS_QUOTA_EXCEEDED || status == STATUS_FILE_CLOSED, "%08x", status);
            continue;
        }
        InterlockedIncrement(&race->pended);
        if (i % 3 == 0) {
            UserCancel(race->app.process, race->app.device, &request);
        }
        CHECK(UserAwait(&request, MS(60000)));
        if (request.iosb.Status == STATUS_SUCCESS) {
            CHECK_EQUAL(output.requestId, id);
            InterlockedIncrement(&race->notified);
        } else {
            CHECK_STATUS(request.iosb.Status, STATUS_CANCELLED);
            InterlockedIncrement(&race->cancelled);
        }
    }
}

static void NotifyUntilStopped(void *context)
{
    RACE *race = context;
    while (!ReadAcquire(&race->stop)) {
        NTSTATUS status = AppNotify(&race->app, 0, 7);
        CHECK(status == STATUS_SUCCESS || status == STATUS_NOT_FOUND, "%08x", status);
        if (status == STATUS_NOT_FOUND) {
            ModelSleep(MS(1));
        }
    }
}

static void CancelUntilStopped(void *context)
{
    RACE *race = context;
    while (!ReadAcquire(&race->stop)) {
        UserCancel(race->app.process, race->app.device, NULL);
        ModelSleep(MS(2));
    }
}

static void CancelRaces(void)
{
    RACE race = {.stop = 0};
    APP_STATE state;
    PETHREAD owners[3], others[3];
    ULONG schedule;
    DriverStart();
    AppStart(&race.app, ModelUserAdministrator);
    CHECK_STATUS(AppSchedule(&race.app, EVENTSYS_SOURCE_COMPLETION, 0, 0, 100, 1, 1000000, &schedule), STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        owners[i] = ModelCreateThread(race.app.process, PendAndAwait, &race);
        others[i] = ModelCreateThread(race.app.process, i < 2 ? NotifyUntilStopped : CancelUntilStopped, &race);
    }
    for (ULONG i = 0; i < 3; i++) {
        ModelJoinThread(owners[i]);
    }
    WriteRelease(&race.stop, 1);
    for (ULONG i = 0; i < 3; i++) {
        ModelJoinThread(others[i]);
    }
    CHECK_STATUS(AppCancelSchedule(&race.app, schedule), STATUS_SUCCESS);
    AppQueryState(&race.app, &state);
    CHECK_EQUAL(race.pended, 3 * ROUNDS);
    CHECK_EQUAL(race.notified + race.cancelled, race.pended);
    CHECK_EQUAL(state.output->totals.requestsPended, race.pended);
    CHECK_EQUAL(state.output->totals.requestsNotified, race.notified);
    CHECK_EQUAL(state.output->totals.requestsCancelled, race.cancelled);
    CHECK_EQUAL(state.output->totals.requests, 0);
    AppFreeState(&state);
    AppEnd(&race.app);
    DriverStop();
}

/* ---- events shared, signaled, scheduled and unregistered on one open by many threads ---- */

static void Churn(void *context)
{
    RACE *race = context;
    APP *app = &race->app;
    for (ULONG i = 0; i < ROUNDS; i++) {
        EVENTSYS_EVENT_OUTPUT shared;
        ULONG schedule = 0;
        NTSTATUS status = i % 3 == 0   ? AppRegister(app, race->event, &shared)
                          : i % 3 == 1 ? AppOpenNamed(app, EVENTSYS_OPEN_CLASSIC, 0, L"\\BaseNamedObjects\\Own", &shared)
                                       : AppCreateNamed(app, 0, 0, L"\\BaseNamedObjects\\Churn", &shared);
        CHECK_STATUS(status, STATUS_SUCCESS);
        status = AppSchedule(app, 1 + i % 2, shared.eventId, 0, 10 * (i % 40), i % 7 == 0 ? 0 : 1, 1 + i % 7, &schedule);
        CHECK(NT_SUCCESS(status) || status == STATUS_INSUFFICIENT_RESOURCES, "%08x", status);
        CHECK_STATUS(AppSignal(app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
        if (i % 5 == 0) {
            ModelSleep(MS(1));
        }
        if (i % 2 == 0 && schedule != 0) {
            NTSTATUS ended = AppCancelSchedule(app, schedule);
            CHECK(ended == STATUS_SUCCESS || ended == STATUS_NOT_FOUND, "%08x", ended);
        }
        CHECK_STATUS(AppUnregister(app, shared.eventId), STATUS_SUCCESS);
    }
}

static void QueryUntilStopped(void *context)
{
    RACE *race = context;
    while (!ReadAcquire(&race->stop)) {
        APP_STATE state;
        AppQueryState(&race->app, &state);
        CHECK(state.output->totals.events <= 8);
        AppFreeState(&state);
        ModelSleep(MS(1));
    }
}

static void EventRaces(void)
{
    RACE race = {.stop = 0};
    PETHREAD threads[3];
    DriverStart();
    AppStart(&race.app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(race.app.process, NULL, NotificationEvent, FALSE, 0, &race.event), STATUS_SUCCESS);
    /* One that the classic call finds: made by it, the event would be the system's, and the second open refused. */
    CHECK_STATUS(UserCreateEvent(race.app.process, L"\\BaseNamedObjects\\Own", NotificationEvent, FALSE, 0, &race.event),
                 STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        threads[i] = ModelCreateThread(race.app.process, Churn, &race);
    }
    PETHREAD observer = ModelCreateThread(race.app.process, QueryUntilStopped, &race);
    for (ULONG i = 0; i < 3; i++) {
        ModelJoinThread(threads[i]);
    }
    WriteRelease(&race.stop, 1);
    ModelJoinThread(observer);
    AppEnd(&race.app);
    DriverStop();
}

/* Two threads end the same event, the same schedule, the same buffer: one of them does. */
typedef struct ENDING {
    APP *app;
    ULONG event, schedule, buffer;
    LONG volatile ended[3];
} ENDING;

static void EndAll(void *context)
{
    ENDING *ending = context;
    NTSTATUS status[3];
    status[0] = AppCancelSchedule(ending->app, ending->schedule);
    status[1] = AppUnregister(ending->app, ending->event);
    status[2] = AppUnregisterBuffer(ending->app, ending->buffer);
    for (ULONG i = 0; i < 3; i++) {
        CHECK(status[i] == STATUS_SUCCESS || status[i] == STATUS_NOT_FOUND, "%u: %08x", i, status[i]);
        if (NT_SUCCESS(status[i])) {
            InterlockedIncrement(&ending->ended[i]);
        }
    }
}

static void EndedTwice(void)
{
    APP app;
    HANDLE event;
    APP_BUFFER buffer;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    AppMakeBuffer(&app, &buffer, 64);
    for (ULONG i = 0; i < 40; i++) {
        ENDING ending = {.app = &app};
        EVENTSYS_EVENT_OUTPUT shared;
        PETHREAD threads[3];
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        ending.event = shared.eventId;
        CHECK_STATUS(AppSchedule(&app, 1 + i % 2, shared.eventId, 0, 0, 1, 1000, &ending.schedule), STATUS_SUCCESS);
        CHECK_STATUS(AppRegisterBuffer(&app, &buffer), STATUS_SUCCESS);
        ending.buffer = buffer.id;
        for (ULONG t = 0; t < 3; t++) {
            threads[t] = ModelCreateThread(app.process, EndAll, &ending);
        }
        for (ULONG t = 0; t < 3; t++) {
            ModelJoinThread(threads[t]);
        }
        CHECK(ending.ended[0] <= 1);
        CHECK_EQUAL(ending.ended[1], 1);
        CHECK_EQUAL(ending.ended[2], 1);
    }
    AppEnd(&app);
    DriverStop();
}

/* ---- killed, or closed, while its threads are in the driver ---- */

static void BusyUntilEnd(void *context)
{
    RACE *race = context;
    APP *app = &race->app;
    USER_REQUEST *requests = calloc(ROUNDS, sizeof *requests);
    EVENTSYS_NOTIFICATION_OUTPUT *outputs = calloc(ROUNDS, sizeof *outputs);
    NTSTATUS status = STATUS_SUCCESS;
    /* Until the process or the handle goes. */
    for (ULONG i = 0; i < ROUNDS && status != STATUS_PROCESS_IS_TERMINATING && status != STATUS_INVALID_HANDLE; i++) {
        EVENTSYS_EVENT_OUTPUT shared;
        status = AppRegister(app, race->event, &shared);
        if (NT_SUCCESS(status)) {
            AppSchedule(app, 1 + i % 2, shared.eventId, 0, 50, 1, 100, NULL);
            AppSignal(app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL);
        }
        AppWaitNotification(app, NextRequest(race), &outputs[i], &requests[i]);
        AppNotify(app, 0, 1);
        if (NT_SUCCESS(status) && i % 3 == 0) {
            AppUnregister(app, shared.eventId);
        }
    }
    for (ULONG i = 0; i < ROUNDS; i++) {
        CHECK(UserAwait(&requests[i], MS(60000)));
    }
    free(requests);
    free(outputs);
}

static void EndWhileBusy(BOOLEAN kill)
{
    DriverStart();
    for (ULONG round = 0; round < 12; round++) {
        RACE race = {.stop = 0};
        APP_BUFFER buffer;
        PETHREAD threads[3];
        AppStart(&race.app, ModelUserOrdinary);
        CHECK_STATUS(UserCreateEvent(race.app.process, NULL, NotificationEvent, FALSE, 0, &race.event), STATUS_SUCCESS);
        AppMakeBuffer(&race.app, &buffer, 64);
        CHECK_STATUS(AppRegisterBuffer(&race.app, &buffer), STATUS_SUCCESS);
        for (ULONG i = 0; i < 3; i++) {
            threads[i] = ModelCreateThread(race.app.process, BusyUntilEnd, &race);
        }
        ModelSleep(MS(1) + round * 3000);
        UserSetEvent(race.app.process, buffer.work, NULL);
        if (kill) {
            UserKillProcess(race.app.process);
        } else {
            UserClose(race.app.process, race.app.device);
        }
        for (ULONG i = 0; i < 3; i++) {
            ModelJoinThread(threads[i]);
        }
        UserReleaseProcess(race.app.process);
    }
    DriverStop();
}

static void KillWhileBusy(void) { EndWhileBusy(TRUE); }
static void CloseWhileBusy(void) { EndWhileBusy(FALSE); }

/* ---- many applications come and go ---- */

static void OneApplication(void *context)
{
    UNREFERENCED_PARAMETER(context);
    for (ULONG i = 0; i < 15; i++) {
        APP app;
        HANDLE event;
        EVENTSYS_EVENT_OUTPUT shared;
        AppStart(&app, i % 2 ? ModelUserOrdinary : ModelUserAdministrator);
        CHECK_STATUS(UserCreateEvent(app.process, NULL, SynchronizationEvent, FALSE, 0, &event), STATUS_SUCCESS);
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_WORKER, shared.eventId, 0, 100, 1, 4, NULL), STATUS_SUCCESS);
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_SUCCESS);
        if (i % 3 == 0) {
            AppKill(&app);
        } else {
            AppEnd(&app);
        }
    }
}

static void ManyApplications(void)
{
    PETHREAD threads[4];
    DriverStart();
    for (ULONG i = 0; i < 4; i++) {
        threads[i] = ModelCreateThread(NULL, OneApplication, NULL);
    }
    for (ULONG i = 0; i < 4; i++) {
        ModelJoinThread(threads[i]);
    }
    DriverStop();
}

const SCENARIO RaceScenarios[] = {
    RACE_ON_BOTH("race: requests notified and cancelled at once", CancelRaces),
    RACE_ON_BOTH("race: events shared and unregistered by many threads", EventRaces),
    RACE_ON_BOTH("race: ended by several threads at once", EndedTwice),
    RACE_ON_BOTH("race: killed while its threads are in the driver", KillWhileBusy),
    RACE_ON_BOTH("race: closed while its threads are in the driver", CloseWhileBusy),
    RACE_ON_BOTH("race: many applications come and go", ManyApplications),
    NO_MORE_SCENARIOS,
};
