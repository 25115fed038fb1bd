/*
 * app.c - an application of eventsys.sys in the model.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

#include <pthread.h>
#include <stdlib.h>

#define HEAD(type) {EVENTSYS_ABI_VERSION, sizeof(type)}

/* ---- the driver's log ---- */

static pthread_mutex_t logMutex = PTHREAD_MUTEX_INITIALIZER;
static char *logText;
static size_t logBytes;

static void Observe(const char *line)
{
    size_t length = strlen(line);
    pthread_mutex_lock(&logMutex);
    if (logBytes + length + 1 < 4u << 20) {
        logText = realloc(logText, logBytes + length + 1);
        memcpy(logText + logBytes, line, length + 1);
        logBytes += length;
    }
    pthread_mutex_unlock(&logMutex);
}

ULONG LogLinesWith(const char *text)
{
    ULONG count = 0;
    pthread_mutex_lock(&logMutex);
    for (const char *at = logText; at != NULL && (at = strstr(at, text)) != NULL;) {
        count++;
        at = strchr(at, '\n');
    }
    pthread_mutex_unlock(&logMutex);
    return count;
}

/* ---- driver and application ---- */

void DriverStart(void)
{
    MODEL_OPTIONS options = {.target = ScenarioTarget};
    free(logText);
    logText = NULL;
    logBytes = 0;
    ModelDebugObserver = Observe;
    ModelStart(&options);
    CHECK_STATUS(ModelLoadDriver(DriverEntry), STATUS_SUCCESS);
}

void DriverStop(void)
{
    NTSTATUS status = ModelUnloadDriver();
    CHECK(NT_SUCCESS(status), "it is %08x", status);
    ModelAwaitUnload();
    CHECK_EQUAL(LogLinesWith("what=stop files=0 events=0 schedules=0 requests=0 buffers=0 references=0 handles=0 "
                             "allocations=0"),
                1);
    ModelEnd();
}

void AppStart(APP *app, MODEL_USER user)
{
    app->process = UserCreateProcess("eventapp.exe", user, FALSE);
    CHECK_STATUS(UserOpenDevice(app->process, DEVICE_PATH, GENERIC_READ | GENERIC_WRITE, &app->device), STATUS_SUCCESS);
}

void AppEnd(APP *app)
{
    CHECK_STATUS(UserClose(app->process, app->device), STATUS_SUCCESS);
    UserReleaseProcess(app->process);
}

void AppKill(APP *app)
{
    UserKillProcess(app->process);
    UserReleaseProcess(app->process);
}

NTSTATUS AppControl(APP *app, ULONG code, const void *input, ULONG inputBytes, void *output, ULONG outputBytes)
{
    return UserControl(app->process, app->device, code, input, inputBytes, output, outputBytes, NULL);
}

NTSTATUS AppRegister(APP *app, HANDLE event, EVENTSYS_EVENT_OUTPUT *output)
{
    EVENTSYS_REGISTER_EVENT_INPUT input = {HEAD(EVENTSYS_REGISTER_EVENT_INPUT), (ULONG_PTR)event};
    return AppControl(app, IOCTL_EVENTSYS_REGISTER_EVENT, &input, sizeof input, output, sizeof *output);
}

static NTSTATUS ById(APP *app, ULONG code, ULONG id)
{
    EVENTSYS_ID_INPUT input = {HEAD(EVENTSYS_ID_INPUT), id, 0};
    return AppControl(app, code, &input, sizeof input, NULL, 0);
}

NTSTATUS AppUnregister(APP *app, ULONG id) { return ById(app, IOCTL_EVENTSYS_UNREGISTER_EVENT, id); }
NTSTATUS AppCancelSchedule(APP *app, ULONG id) { return ById(app, IOCTL_EVENTSYS_CANCEL_SCHEDULE, id); }
NTSTATUS AppUnregisterBuffer(APP *app, ULONG id) { return ById(app, IOCTL_EVENTSYS_UNREGISTER_BUFFER, id); }

NTSTATUS AppGetEvent(APP *app, ULONG type, ULONG state, ULONG access, EVENTSYS_EVENT_OUTPUT *output)
{
    EVENTSYS_GET_EVENT_INPUT input = {HEAD(EVENTSYS_GET_EVENT_INPUT), type, state, access, 0};
    return AppControl(app, IOCTL_EVENTSYS_GET_EVENT, &input, sizeof input, output, sizeof *output);
}

NTSTATUS AppOpenNamed(APP *app, ULONG how, ULONG type, const WCHAR *name, EVENTSYS_EVENT_OUTPUT *output)
{
    EVENTSYS_OPEN_NAMED_INPUT input = {.head = HEAD(EVENTSYS_OPEN_NAMED_INPUT), .how = how, .type = type};
    input.nameBytes = (uint32_t)(wcslen(name) * sizeof(WCHAR));
    memcpy(input.name, name, min(input.nameBytes, sizeof input.name));
    return AppControl(app, IOCTL_EVENTSYS_OPEN_NAMED_EVENT, &input, sizeof input, output, sizeof *output);
}

NTSTATUS AppCreateNamed(APP *app, ULONG type, ULONG state, const WCHAR *name, EVENTSYS_EVENT_OUTPUT *output)
{
    EVENTSYS_CREATE_NAMED_INPUT input = {
        .head = HEAD(EVENTSYS_CREATE_NAMED_INPUT), .type = type, .initialState = state};
    input.nameBytes = (uint32_t)(wcslen(name) * sizeof(WCHAR));
    memcpy(input.name, name, min(input.nameBytes, sizeof input.name));
    return AppControl(app, IOCTL_EVENTSYS_CREATE_NAMED_EVENT, &input, sizeof input, output, sizeof *output);
}

NTSTATUS AppSignal(APP *app, ULONG id, ULONG operation, EVENTSYS_SIGNAL_OUTPUT *output)
{
    EVENTSYS_SIGNAL_INPUT input = {HEAD(EVENTSYS_SIGNAL_INPUT), id, operation, 0, 0};
    EVENTSYS_SIGNAL_OUTPUT unused;
    output = output != NULL ? output : &unused;
    return AppControl(app, IOCTL_EVENTSYS_SIGNAL_EVENT, &input, sizeof input, output, sizeof *output);
}

NTSTATUS AppSchedule(APP *app, ULONG source, ULONG id, ULONG64 requestId, ULONG dueUs, ULONG periodMs, ULONG count,
                     ULONG *scheduleId)
{
    EVENTSYS_SCHEDULE_INPUT input = {
        HEAD(EVENTSYS_SCHEDULE_INPUT), source, id, requestId, dueUs, periodMs, count, 0};
    EVENTSYS_SCHEDULE_OUTPUT output;
    NTSTATUS status = AppControl(app, IOCTL_EVENTSYS_SCHEDULE, &input, sizeof input, &output, sizeof output);
    if (NT_SUCCESS(status) && scheduleId != NULL) {
        *scheduleId = output.scheduleId;
    }
    return status;
}

NTSTATUS AppWaitNotification(APP *app, ULONG64 requestId, EVENTSYS_NOTIFICATION_OUTPUT *output, USER_REQUEST *request)
{
    EVENTSYS_WAIT_INPUT input = {HEAD(EVENTSYS_WAIT_INPUT), requestId};
    return UserControlOverlapped(app->process, app->device, IOCTL_EVENTSYS_WAIT_NOTIFICATION, &input, sizeof input,
                                 output, sizeof *output, request);
}

NTSTATUS AppNotify(APP *app, ULONG64 requestId, ULONG64 data)
{
    EVENTSYS_NOTIFY_INPUT input = {HEAD(EVENTSYS_NOTIFY_INPUT), requestId, data};
    return AppControl(app, IOCTL_EVENTSYS_NOTIFY, &input, sizeof input, NULL, 0);
}

/* ---- the driver's state ---- */

static const void *ListAt(const EVENTSYS_STATE_OUTPUT *output, const EVENTSYS_LIST *list, ULONG entryBytes)
{
    CHECK_EQUAL(list->entryBytes, entryBytes);
    CHECK_EQUAL(list->returned, list->count);
    CHECK(list->offset >= sizeof *output && list->offset + list->returned * entryBytes <= output->bytesNeeded);
    return (const UCHAR *)output + list->offset;
}

void AppQueryState(APP *app, APP_STATE *state)
{
    EVENTSYS_HEAD input = {EVENTSYS_ABI_VERSION, sizeof input};
    ULONG bytes = 1u << 20, got;
    state->output = calloc(1, bytes);
    CHECK_STATUS(UserControl(app->process, app->device, IOCTL_EVENTSYS_QUERY_STATE, &input, sizeof input, state->output,
                             bytes, &got),
                 STATUS_SUCCESS);
    CHECK_EQUAL(state->output->truncated, 0);
    CHECK_EQUAL(state->output->bytesNeeded, got);
    state->events = ListAt(state->output, &state->output->events, sizeof(EVENTSYS_EVENT_STATE));
    state->schedules = ListAt(state->output, &state->output->schedules, sizeof(EVENTSYS_SCHEDULE_STATE));
    state->requests = ListAt(state->output, &state->output->requests, sizeof(EVENTSYS_REQUEST_STATE));
    state->buffers = ListAt(state->output, &state->output->buffers, sizeof(EVENTSYS_BUFFER_STATE));
}

void AppFreeState(APP_STATE *state)
{
    free(state->output);
}

const EVENTSYS_EVENT_STATE *StateOfEvent(const APP_STATE *state, ULONG id)
{
    for (ULONG i = 0; i < state->output->events.returned; i++) {
        if (state->events[i].id == id) {
            return &state->events[i];
        }
    }
    ScenarioFailed(__FILE__, __LINE__, "the event is in the driver's state", "id %u", id);
}

/* ---- shared buffers ---- */

void AppMakeBuffer(APP *app, APP_BUFFER *buffer, ULONG dataBytes)
{
    PVOID view;
    buffer->bytes = (ULONG)sizeof(EVENTSYS_SHARED_BUFFER) + dataBytes;
    CHECK_STATUS(UserCreateSection(app->process, buffer->bytes, SECTION_MAP_READ | SECTION_MAP_WRITE, &buffer->section),
                 STATUS_SUCCESS);
    CHECK_STATUS(UserMapSection(app->process, buffer->section, &view), STATUS_SUCCESS);
    buffer->view = view;
    CHECK_STATUS(UserCreateEvent(app->process, NULL, SynchronizationEvent, FALSE, 0, &buffer->work), STATUS_SUCCESS);
    CHECK_STATUS(UserCreateEvent(app->process, NULL, SynchronizationEvent, FALSE, 0, &buffer->done), STATUS_SUCCESS);
}

NTSTATUS AppRegisterBuffer(APP *app, APP_BUFFER *buffer)
{
    EVENTSYS_REGISTER_BUFFER_INPUT input = {HEAD(EVENTSYS_REGISTER_BUFFER_INPUT),
                                            (ULONG_PTR)buffer->section,
                                            (ULONG_PTR)buffer->work,
                                            (ULONG_PTR)buffer->done,
                                            buffer->bytes,
                                            0};
    NTSTATUS status = AppControl(app, IOCTL_EVENTSYS_REGISTER_BUFFER, &input, sizeof input, &buffer->output,
                                 sizeof buffer->output);
    buffer->id = NT_SUCCESS(status) ? buffer->output.bufferId : 0;
    return status;
}

NTSTATUS AppWork(APP *app, APP_BUFFER *buffer, ULONG operation, const void *data, ULONG dataBytes, ULONG64 sequence)
{
    buffer->view->head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, sizeof(EVENTSYS_SHARED_BUFFER)};
    buffer->view->sequence = sequence;
    buffer->view->operation = operation;
    buffer->view->dataBytes = dataBytes;
    if (dataBytes <= buffer->bytes - sizeof *buffer->view) {
        memcpy(buffer->view + 1, data, dataBytes);
    }
    CHECK_STATUS(UserSetEvent(app->process, buffer->work, NULL), STATUS_SUCCESS);
    return UserWait(app->process, buffer->done, MS(10000));
}
