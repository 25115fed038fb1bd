/*
 * scenarios_faults.c - every allocation and every create, open and reference fails in turn: the driver says so, does the
 * rest, and leaks nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

static ULONG refused; /* calls of the workload that ended with a lack of resources */

/* TRUE when the call succeeded. FALSE: it was the one that was made to fail. Anything else ends the scenario. */
static BOOLEAN Allowed(NTSTATUS status, const char *call)
{
    if (NT_SUCCESS(status)) {
        return TRUE;
    }
    CHECK(status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY, "%s: %08x", call, status);
    refused++;
    return FALSE;
}
#define DO(call) Allowed(call, #call)

static void ShareByHandle(APP *app)
{
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    ULONG schedule;
    CHECK_STATUS(UserCreateEvent(app->process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    if (!DO(AppRegister(app, event, &shared))) {
        return;
    }
    if (DO(AppSchedule(app, EVENTSYS_SOURCE_WORKER, shared.eventId, 0, 100, 1, 3, &schedule))) {
        CHECK_STATUS(UserWait(app->process, event, MS(1000)), STATUS_SUCCESS);
    }
    if (DO(AppSchedule(app, EVENTSYS_SOURCE_TIMER_DPC, shared.eventId, 0, 1000000, 0, 1, &schedule))) {
        CHECK_STATUS(AppCancelSchedule(app, schedule), STATUS_SUCCESS);
    }
    CHECK_STATUS(AppUnregister(app, shared.eventId), STATUS_SUCCESS);
}

static void ShareByName(APP *app)
{
    EVENTSYS_EVENT_OUTPUT shared;
    HANDLE event;
    CHECK_STATUS(UserCreateEvent(app->process, L"\\BaseNamedObjects\\F", NotificationEvent, FALSE, 0, &event),
                 STATUS_SUCCESS);
    if (DO(AppOpenNamed(app, EVENTSYS_OPEN_STRICT, 0, L"\\BaseNamedObjects\\F", &shared))) {
        CHECK_STATUS(AppSignal(app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    }
    (void)DO(AppOpenNamed(app, EVENTSYS_OPEN_CLASSIC, 0, L"\\BaseNamedObjects\\G", &shared));
    (void)DO(AppCreateNamed(app, 0, 0, L"\\BaseNamedObjects\\H", &shared));
    if (DO(AppGetEvent(app, 1, 0, SYNCHRONIZE, &shared))) {
        CHECK_STATUS(UserClose(app->process, (HANDLE)(ULONG_PTR)shared.handle), STATUS_SUCCESS);
    }
}

static void PendRequests(APP *app)
{
    USER_REQUEST first = {0}, second = {0};
    EVENTSYS_NOTIFICATION_OUTPUT outputs[2];
    BOOLEAN pended = DO(AppWaitNotification(app, 1, &outputs[0], &first));
    if (pended) {
        CHECK_STATUS(AppNotify(app, 1, 2), STATUS_SUCCESS);
        CHECK(UserAwait(&first, MS(1000)));
    }
    if (DO(AppWaitNotification(app, 2, &outputs[1], &second))) {
        CHECK_STATUS(UserCancel(app->process, app->device, &second), STATUS_SUCCESS);
    }
}

static void ShareBuffer(APP *app)
{
    APP_BUFFER buffer;
    AppMakeBuffer(app, &buffer, 32);
    if (DO(AppRegisterBuffer(app, &buffer))) {
        CHECK_STATUS(AppWork(app, &buffer, EVENTSYS_WORK_CHECKSUM, "abc", 3, 1), STATUS_SUCCESS);
    }
}

static void Trace(APP *app)
{
    ES_TRACE_START_INPUT input = {ES_TRACE_VERSION, 64};
    (void)DO(AppControl(app, ES_TRACE_IOCTL_START, &input, sizeof input, NULL, 0));
}

static void Workload(void)
{
    APP app;
    app.process = UserCreateProcess("eventapp.exe", ModelUserAdministrator, FALSE);
    if (DO(UserOpenDevice(app.process, DEVICE_PATH, GENERIC_READ | GENERIC_WRITE, &app.device))) {
        UCHAR output[4096];
        EVENTSYS_HEAD head = {EVENTSYS_ABI_VERSION, sizeof head};
        /* Wine opens the file though IRP_MJ_CREATE failed; each request of such a file is refused. */
        NTSTATUS status = AppControl(&app, IOCTL_EVENTSYS_QUERY_STATE, &head, sizeof head, output, sizeof output);
        if (status == STATUS_INVALID_HANDLE && ScenarioTarget == ModelWine) {
            refused++;
        } else if (Allowed(status, "QUERY_STATE")) {
            Trace(&app);
            ShareByHandle(&app);
            ShareByName(&app);
            PendRequests(&app);
            ShareBuffer(&app);
        }
    }
    UserReleaseProcess(app.process);
}

static void EachFails(void)
{
    ULONG nth = 1;
    for (;; nth++) {
        MODEL_OPTIONS options = {.target = ScenarioTarget};
        refused = 0;
        ModelStart(&options);
        ModelArmFault(nth);
        NTSTATUS status = ModelLoadDriver(DriverEntry);
        if (Allowed(status, "DriverEntry")) {
            Workload();
            NTSTATUS unloaded = ModelUnloadDriver();
            CHECK(NT_SUCCESS(unloaded));
            ModelAwaitUnload();
        }
        const char *failed = ModelDisarmFault();
        ModelEnd();
        if (failed == NULL) {
            CHECK_EQUAL(refused, 0);
            break;
        }
        /* One call failed inside: at most one of ours may have. */
        CHECK(refused <= 1, "fault %u in %s: %u calls refused", nth, failed, refused);
        CHECK(nth < 1000);
    }
    CHECK(nth > 20, "only %u calls can fail", nth - 1);
}

const SCENARIO FaultScenarios[] = {
    ON_BOTH("faults: every allocation, create, open and reference fails in turn", EachFails),
    NO_MORE_SCENARIOS,
};
