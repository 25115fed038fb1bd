/*
 * scenarios_sharing.c - every way of sharing an event, end to end, and what the driver's state says at each step.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

#define NAME L"\\BaseNamedObjects\\HarnessEvent"
#define MISSPELT L"\\BaseNamedObjects\\HarnesEvent"

/* 1: by handle, application to driver; both types, signaled by hand. */
static void HandleFromApp(void)
{
    APP app;
    APP_STATE state;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    for (ULONG type = 0; type < 2; type++) {
        HANDLE event;
        EVENTSYS_EVENT_OUTPUT shared;
        EVENTSYS_SIGNAL_OUTPUT signal;
        CHECK_STATUS(UserCreateEvent(app.process, NULL, type, FALSE, 0, &event), STATUS_SUCCESS);
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        CHECK_EQUAL(shared.type, type);
        CHECK_EQUAL(shared.object, (ULONG_PTR)UserObjectAddress(app.process, event));
        CHECK_STATUS(UserWait(app.process, event, 0), STATUS_TIMEOUT);
        CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_SET, &signal), STATUS_SUCCESS);
        CHECK_EQUAL(signal.previous, 0);
        CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_SET, &signal), STATUS_SUCCESS);
        CHECK_EQUAL(signal.previous, 1);
        CHECK_STATUS(UserWait(app.process, event, 0), STATUS_SUCCESS);
        /* Two signals, one wake of the auto-reset event; the other stays set. */
        CHECK_STATUS(UserWait(app.process, event, 0), type == SynchronizationEvent ? STATUS_TIMEOUT : STATUS_SUCCESS);
        CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_RESET, &signal), STATUS_SUCCESS);
        CHECK_EQUAL(signal.previous, type == SynchronizationEvent ? 0 : 1);
        CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_CLEAR, &signal), STATUS_SUCCESS);
        CHECK_EQUAL(signal.previous, EVENTSYS_STATE_UNKNOWN);
        AppQueryState(&app, &state);
        const EVENTSYS_EVENT_STATE *entry = StateOfEvent(&state, shared.eventId);
        CHECK_EQUAL(entry->method, EVENTSYS_METHOD_HANDLE_FROM_APP);
        CHECK_EQUAL(entry->ownerProcess, UserProcessId(app.process));
        CHECK_EQUAL(entry->object, shared.object);
        CHECK_EQUAL(entry->appHandle, (ULONG_PTR)event);
        CHECK_EQUAL(entry->signals, 2);
        CHECK_EQUAL(entry->coalesced, 1);
        CHECK_EQUAL(entry->resets, 2);
        CHECK_EQUAL(entry->bySource[EVENTSYS_SOURCE_HAND], 2);
        CHECK_EQUAL(state.output->totals.events, 1);
        CHECK_EQUAL(state.output->totals.objectReferences, 1);
        AppFreeState(&state);
        /* The driver's reference outlives the application's handle. */
        CHECK_STATUS(UserClose(app.process, event), STATUS_SUCCESS);
        CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
        CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_SUCCESS);
        CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_NOT_FOUND);
        AppQueryState(&app, &state);
        CHECK_EQUAL(state.output->totals.events, 0);
        CHECK_EQUAL(state.output->totals.objectReferences, 0);
        CHECK_EQUAL(state.output->totals.handles, 0);
        AppFreeState(&state);
    }
    AppEnd(&app);
    DriverStop();
}

/* 2: by handle, driver to application. */
static void HandleFromDriver(void)
{
    APP app;
    EVENTSYS_EVENT_OUTPUT shared;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    CHECK_STATUS(AppGetEvent(&app, EVENTSYS_TYPE_SYNCHRONIZATION, 0, SYNCHRONIZE | EVENT_QUERY_STATE, &shared),
                 STATUS_SUCCESS);
    CHECK(shared.handle != 0);
    CHECK_EQUAL(shared.object, 0); /* an ordinary user is told no addresses */
    HANDLE event = (HANDLE)(ULONG_PTR)shared.handle;
    CHECK_EQUAL(UserGrantedAccess(app.process, event), SYNCHRONIZE | EVENT_QUERY_STATE);
    CHECK_STATUS(UserSetEvent(app.process, event, NULL), STATUS_ACCESS_DENIED);
    CHECK_EQUAL(UserEventState(app.process, event), 0);
    CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_SUCCESS);
    CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_SUCCESS);
    /* The application's handle is its own to close. */
    CHECK_EQUAL(UserEventState(app.process, event), 0);
    CHECK_STATUS(UserClose(app.process, event), STATUS_SUCCESS);
    AppEnd(&app);
    DriverStop();
}

/* 3: by name, made by the application. Strict refuses what classic makes in silence. */
static void NameFromApp(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT strict, classic, wrong;
    APP_STATE state;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NAME, SynchronizationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_STRICT, EVENTSYS_TYPE_NOTIFICATION, NAME, &strict), STATUS_SUCCESS);
    CHECK_EQUAL(strict.existed, 1);
    CHECK_EQUAL(strict.type, EVENTSYS_TYPE_SYNCHRONIZATION);
    CHECK_EQUAL(strict.object, (ULONG_PTR)UserObjectAddress(app.process, event));
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_CLASSIC, EVENTSYS_TYPE_SYNCHRONIZATION, NAME, &classic),
                 STATUS_SUCCESS);
    CHECK_EQUAL(classic.object, strict.object);
    CHECK_STATUS(AppSignal(&app, strict.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(app.process, event, 0), STATUS_SUCCESS);

    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_STRICT, EVENTSYS_TYPE_NOTIFICATION, MISSPELT, &wrong),
                 STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_CLASSIC, EVENTSYS_TYPE_SYNCHRONIZATION, MISSPELT, &wrong),
                 STATUS_SUCCESS);
    CHECK(wrong.object != strict.object);
    CHECK(wrong.existed != 1);
    CHECK_STATUS(AppSignal(&app, wrong.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(app.process, event, MS(100)), STATUS_TIMEOUT); /* the split pair */
    AppQueryState(&app, &state);
    CHECK_EQUAL(StateOfEvent(&state, wrong.eventId)->nameBytes, 2 * wcslen(MISSPELT));
    CHECK(memcmp(StateOfEvent(&state, wrong.eventId)->name, MISSPELT, 2 * wcslen(MISSPELT)) == 0);
    CHECK_EQUAL(StateOfEvent(&state, wrong.eventId)->method, EVENTSYS_METHOD_NAME_CLASSIC);
    CHECK_EQUAL(StateOfEvent(&state, strict.eventId)->method, EVENTSYS_METHOD_NAME_STRICT);
    /* A new event of the classic call starts signaled: our signal found it set. */
    CHECK_EQUAL(StateOfEvent(&state, wrong.eventId)->coalesced, 1);
    AppFreeState(&state);
    AppEnd(&app); /* unregisters nothing: the driver must */
    DriverStop();
}

/* 4: by name, made by the driver so that an ordinary user may open it, but not take it over. */
static void NameFromDriver(void)
{
    APP app, ordinary;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT made, again;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(AppCreateNamed(&app, EVENTSYS_TYPE_NOTIFICATION, 0, NAME, &made), STATUS_SUCCESS);
    CHECK_EQUAL(made.existed, 0);
    CHECK_STATUS(AppCreateNamed(&app, EVENTSYS_TYPE_NOTIFICATION, 0, NAME, &again), STATUS_SUCCESS);
    CHECK_EQUAL(again.existed, 1);
    CHECK_EQUAL(again.object, made.object);
    AppStart(&ordinary, ModelUserOrdinary);
    CHECK_STATUS(UserOpenEvent(ordinary.process, NAME, EVENT_ALL_ACCESS, &event), STATUS_ACCESS_DENIED);
    CHECK_STATUS(UserOpenEvent(ordinary.process, NAME, WRITE_DAC, &event), STATUS_ACCESS_DENIED);
    CHECK_STATUS(UserOpenEvent(ordinary.process, NAME, EVENTSYS_EVENT_USER_ACCESS, &event), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(ordinary.process, event, 0), STATUS_TIMEOUT);
    CHECK_STATUS(AppSignal(&app, made.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(ordinary.process, event, MS(1000)), STATUS_SUCCESS);
    /* One file's id is nothing to another file. */
    CHECK_STATUS(AppSignal(&ordinary, made.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_NOT_FOUND);
    CHECK_STATUS(AppUnregister(&ordinary, made.eventId), STATUS_NOT_FOUND);
    AppEnd(&app);
    /* The name lives as long as the application's handle. */
    CHECK_EQUAL(UserEventState(ordinary.process, event), 1);
    CHECK_STATUS(UserClose(ordinary.process, event), STATUS_SUCCESS);
    CHECK_STATUS(UserOpenEvent(ordinary.process, NAME, SYNCHRONIZE, &event), STATUS_OBJECT_NAME_NOT_FOUND);
    AppEnd(&ordinary);
    DriverStop();
}

/* 5: the inverted call, and its overlapped event. */
static void InvertedCall(void)
{
    APP app;
    APP_STATE state;
    EVENTSYS_NOTIFICATION_OUTPUT first, second, third;
    USER_REQUEST a = {0}, b = {0}, c = {0};
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, TRUE, 0, &a.event), STATUS_SUCCESS);
    CHECK_STATUS(AppWaitNotification(&app, 71, &first, &a), STATUS_PENDING);
    CHECK_EQUAL(UserEventState(app.process, a.event), 0); /* the system clears it when the request starts */
    CHECK_STATUS(AppWaitNotification(&app, 72, &second, &b), STATUS_PENDING);
    CHECK_STATUS(AppWaitNotification(&app, 72, &third, &c), STATUS_OBJECTID_EXISTS);
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->requests.count, 2);
    CHECK_EQUAL(state.requests[0].requestId + state.requests[1].requestId, 143);
    CHECK_EQUAL(state.requests[0].ownerProcess, UserProcessId(app.process));
    AppFreeState(&state);
    CHECK_STATUS(AppNotify(&app, 72, 0xDA7A), STATUS_SUCCESS);
    CHECK(UserAwait(&b, 0));
    CHECK_STATUS(b.iosb.Status, STATUS_SUCCESS);
    CHECK_EQUAL(b.iosb.Information, sizeof second);
    CHECK_EQUAL(second.requestId, 72);
    CHECK_EQUAL(second.data, 0xDA7A);
    CHECK_EQUAL(second.reason, EVENTSYS_REASON_NOTIFIED);
    CHECK(!a.done);
    CHECK_STATUS(AppNotify(&app, 0, 1), STATUS_SUCCESS);
    CHECK_STATUS(UserWait(app.process, a.event, MS(1000)), STATUS_SUCCESS);
    CHECK(a.done);
    CHECK_EQUAL(first.requestId, 71);
    CHECK(first.sequence > second.sequence);
    CHECK_STATUS(AppNotify(&app, 0, 1), STATUS_NOT_FOUND);
    /* Cancelled by its owner. */
    CHECK_STATUS(AppWaitNotification(&app, 73, &third, &c), STATUS_PENDING);
    CHECK_STATUS(UserCancel(app.process, app.device, &c), STATUS_SUCCESS);
    CHECK(UserAwait(&c, MS(1000)));
    CHECK_STATUS(c.iosb.Status, STATUS_CANCELLED);
    CHECK_STATUS(UserCancel(app.process, app.device, &c), STATUS_NOT_FOUND);
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->totals.requests, 0);
    CHECK_EQUAL(state.output->totals.requestsPended, 3);
    CHECK_EQUAL(state.output->totals.requestsNotified, 2);
    CHECK_EQUAL(state.output->totals.requestsCancelled, 1);
    AppFreeState(&state);
    UserClose(app.process, a.event);
    AppEnd(&app);
    DriverStop();
}

static ULONG64 Fnv1a(const UCHAR *data, ULONG bytes)
{
    ULONG64 hash = 0xCBF29CE484222325ull;
    for (ULONG i = 0; i < bytes; i++) {
        hash = (hash ^ data[i]) * 0x100000001B3ull;
    }
    return hash;
}

/* 6: a pair of events around a shared buffer. */
static void SharedBuffer(void)
{
    APP app;
    APP_BUFFER buffer;
    APP_STATE state;
    MODEL_COUNTS counts;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    AppMakeBuffer(&app, &buffer, 1000);
    CHECK_STATUS(AppRegisterBuffer(&app, &buffer), STATUS_SUCCESS);
    ModelCount(&counts);
    CHECK_EQUAL(counts.threads, 1);
    for (ULONG round = 1; round <= 3; round++) {
        const char data[] = "abcdef";
        CHECK_STATUS(AppWork(&app, &buffer, EVENTSYS_WORK_CHECKSUM, data, 6, round), STATUS_SUCCESS);
        CHECK_EQUAL(buffer.view->doneSequence, round);
        CHECK_STATUS(buffer.view->status, STATUS_SUCCESS);
        CHECK_EQUAL(buffer.view->result, Fnv1a((const UCHAR *)data, 6));
    }
    CHECK_STATUS(AppWork(&app, &buffer, EVENTSYS_WORK_REVERSE, "abcdef", 6, 4), STATUS_SUCCESS);
    CHECK(memcmp(buffer.view + 1, "fedcba", 6) == 0);
    /* What the application writes into shared memory is not to be trusted. */
    CHECK_STATUS(AppWork(&app, &buffer, EVENTSYS_WORK_CHECKSUM, "", 1001, 5), STATUS_SUCCESS);
    CHECK(!NT_SUCCESS(buffer.view->status), "%08x", buffer.view->status);
    CHECK_STATUS(AppWork(&app, &buffer, EVENTSYS_WORK_CHECKSUM, "", 0xFFFFFFFF, 6), STATUS_SUCCESS);
    CHECK(!NT_SUCCESS(buffer.view->status), "%08x", buffer.view->status);
    CHECK_STATUS(AppWork(&app, &buffer, 99, "", 0, 7), STATUS_SUCCESS);
    CHECK(!NT_SUCCESS(buffer.view->status), "%08x", buffer.view->status);
    ModelSleep(MS(1)); /* the driver counts a signal after it has been given */
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->buffers.count, 1);
    CHECK_EQUAL(state.buffers[0].rounds, 7);
    CHECK_EQUAL(state.buffers[0].bufferBytes, buffer.bytes);
    CHECK_EQUAL(StateOfEvent(&state, buffer.output.doneEventId)->bySource[EVENTSYS_SOURCE_BUFFER], 7);
    CHECK_EQUAL(StateOfEvent(&state, buffer.output.doneEventId)->method, EVENTSYS_METHOD_BUFFER_DONE);
    CHECK_EQUAL(StateOfEvent(&state, buffer.output.workEventId)->method, EVENTSYS_METHOD_BUFFER_WORK);
    AppFreeState(&state);
    CHECK_STATUS(AppUnregister(&app, buffer.output.doneEventId), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(AppUnregisterBuffer(&app, buffer.id), STATUS_SUCCESS);
    ModelCount(&counts);
    CHECK_EQUAL(counts.threads, 0);
    CHECK_EQUAL(counts.views, 0);
    CHECK_STATUS(AppUnregisterBuffer(&app, buffer.id), STATUS_NOT_FOUND);
    AppEnd(&app);
    DriverStop();
}

/* 7: from a timer's DPC and from a worker, both types of event. */
static void Scheduled(void)
{
    APP app;
    APP_STATE state;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    for (ULONG source = EVENTSYS_SOURCE_TIMER_DPC; source <= EVENTSYS_SOURCE_WORKER; source++) {
        HANDLE event;
        EVENTSYS_EVENT_OUTPUT shared;
        ULONG schedule;
        CHECK_STATUS(UserCreateEvent(app.process, NULL, SynchronizationEvent, FALSE, 0, &event), STATUS_SUCCESS);
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        LONGLONG start = ModelNow();
        CHECK_STATUS(AppSchedule(&app, source, shared.eventId, 0, 20000, 10, 5, &schedule), STATUS_SUCCESS);
        for (ULONG i = 0; i < 5; i++) {
            CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_SUCCESS);
            CHECK(ModelNow() - start >= MS(20 + 10 * i) && ModelNow() - start < MS(22 + 10 * i),
                  "wake %u after %lld ticks", i, ModelNow() - start);
        }
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_TIMEOUT);
        AppQueryState(&app, &state);
        CHECK_EQUAL(StateOfEvent(&state, shared.eventId)->bySource[source], 5);
        CHECK_EQUAL(StateOfEvent(&state, shared.eventId)->coalesced, 0);
        for (ULONG i = 0; i < state.output->schedules.returned; i++) {
            CHECK(state.schedules[i].state != EVENTSYS_SCHEDULE_ACTIVE);
        }
        AppFreeState(&state);
        /* Cancelled half way. */
        CHECK_STATUS(AppSchedule(&app, source, shared.eventId, 0, 1000, 10, 1000, &schedule), STATUS_SUCCESS);
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_SUCCESS);
        CHECK_STATUS(AppCancelSchedule(&app, schedule), STATUS_SUCCESS);
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_TIMEOUT);
        CHECK_STATUS(AppCancelSchedule(&app, schedule), STATUS_NOT_FOUND);
        /* Unregistering ends the event's schedules. */
        CHECK_STATUS(AppSchedule(&app, source, shared.eventId, 0, 1000, 10, 1000, &schedule), STATUS_SUCCESS);
        CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_SUCCESS);
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_TIMEOUT);
        UserClose(app.process, event);
    }
    AppEnd(&app);
    DriverStop();
}

/* 7: by completing a request whose overlapped event waits. */
static void ScheduledCompletion(void)
{
    APP app;
    APP_STATE state;
    ULONG schedule;
    HANDLE event;
    EVENTSYS_NOTIFICATION_OUTPUT output;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, SynchronizationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_COMPLETION, 0, 0, 10000, 10, 4, &schedule), STATUS_SUCCESS);
    for (ULONG i = 1; i <= 3; i++) {
        USER_REQUEST request = {.event = event};
        CHECK_STATUS(AppWaitNotification(&app, 100 + i, &output, &request), STATUS_PENDING);
        CHECK_STATUS(UserWait(app.process, event, MS(1000)), STATUS_SUCCESS);
        CHECK(request.done);
        CHECK_STATUS(request.iosb.Status, STATUS_SUCCESS);
        CHECK_EQUAL(output.requestId, 100 + i);
        CHECK_EQUAL(output.reason, EVENTSYS_REASON_SCHEDULED);
        CHECK_EQUAL(output.scheduleId, schedule);
        CHECK_EQUAL(output.data, i);
    }
    ModelSleep(MS(50)); /* the fourth tick finds no request */
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->totals.requestsNotified, 3);
    CHECK_EQUAL(state.output->totals.timerTicks, 4);
    CHECK_EQUAL(LogLinesWith("missed=1"), 1);
    AppFreeState(&state);
    UserClose(app.process, event);
    AppEnd(&app);
    DriverStop();
}

const SCENARIO SharingScenarios[] = {
    ON_BOTH("sharing: by handle, application to driver", HandleFromApp),
    ON_BOTH("sharing: by handle, driver to application", HandleFromDriver),
    ON_BOTH("sharing: by name, made by the application, classic and strict", NameFromApp),
    ON_BOTH("sharing: by name, made by the driver with a descriptor", NameFromDriver),
    ON_BOTH("sharing: the inverted call", InvertedCall),
    ON_BOTH("sharing: a shared buffer and a pair of events", SharedBuffer),
    ON_BOTH("sharing: signals from a timer DPC and from a worker", Scheduled),
    ON_BOTH("sharing: signals by completing a request", ScheduledCompletion),
    NO_MORE_SCENARIOS,
};
