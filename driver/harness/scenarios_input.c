/*
 * scenarios_input.c - what the driver refuses: sizes, versions, values, codes, from 64-bit and 32-bit callers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

#include <stdlib.h>

static const struct {
    ULONG code, inputBytes, outputBytes;
} ioctls[] = {
    {IOCTL_EVENTSYS_QUERY_VERSION, 0, sizeof(EVENTSYS_VERSION_OUTPUT)},
    {IOCTL_EVENTSYS_QUERY_STATE, sizeof(EVENTSYS_HEAD), sizeof(EVENTSYS_STATE_OUTPUT)},
    {IOCTL_EVENTSYS_REGISTER_EVENT, sizeof(EVENTSYS_REGISTER_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {IOCTL_EVENTSYS_UNREGISTER_EVENT, sizeof(EVENTSYS_ID_INPUT), 0},
    {IOCTL_EVENTSYS_GET_EVENT, sizeof(EVENTSYS_GET_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {IOCTL_EVENTSYS_OPEN_NAMED_EVENT, sizeof(EVENTSYS_OPEN_NAMED_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {IOCTL_EVENTSYS_CREATE_NAMED_EVENT, sizeof(EVENTSYS_CREATE_NAMED_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {IOCTL_EVENTSYS_SIGNAL_EVENT, sizeof(EVENTSYS_SIGNAL_INPUT), sizeof(EVENTSYS_SIGNAL_OUTPUT)},
    {IOCTL_EVENTSYS_SCHEDULE, sizeof(EVENTSYS_SCHEDULE_INPUT), sizeof(EVENTSYS_SCHEDULE_OUTPUT)},
    {IOCTL_EVENTSYS_CANCEL_SCHEDULE, sizeof(EVENTSYS_ID_INPUT), 0},
    {IOCTL_EVENTSYS_WAIT_NOTIFICATION, sizeof(EVENTSYS_WAIT_INPUT), sizeof(EVENTSYS_NOTIFICATION_OUTPUT)},
    {IOCTL_EVENTSYS_NOTIFY, sizeof(EVENTSYS_NOTIFY_INPUT), 0},
    {IOCTL_EVENTSYS_REGISTER_BUFFER, sizeof(EVENTSYS_REGISTER_BUFFER_INPUT), sizeof(EVENTSYS_REGISTER_BUFFER_OUTPUT)},
    {IOCTL_EVENTSYS_UNREGISTER_BUFFER, sizeof(EVENTSYS_ID_INPUT), 0},
    {IOCTL_EVENTSYS_FAULT, sizeof(EVENTSYS_FAULT_INPUT), 0},
};

/* Each size but the right one, and each head but the right one. AddressSanitizer watches the system buffer's ends. */
static void Sizes(void)
{
    APP app;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    for (size_t i = 0; i < RTL_NUMBER_OF(ioctls); i++) {
        UCHAR input[512] = {0}, output[512];
        ULONG right = ioctls[i].inputBytes;
        EVENTSYS_HEAD *head = (EVENTSYS_HEAD *)input;
        for (ULONG bytes = 0; bytes <= right + 8; bytes++) {
            *head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, right};
            if (bytes != right) {
                NTSTATUS status = AppControl(&app, ioctls[i].code, input, bytes, output, sizeof output);
                CHECK(status == STATUS_INFO_LENGTH_MISMATCH, "%08x with %u bytes: %08x", ioctls[i].code, bytes, status);
            }
        }
        if (right != 0) {
            *head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION + 1, right};
            CHECK_STATUS(AppControl(&app, ioctls[i].code, input, right, output, sizeof output),
                         STATUS_REVISION_MISMATCH);
            *head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, right + 4};
            CHECK_STATUS(AppControl(&app, ioctls[i].code, input, right, output, sizeof output),
                         STATUS_INFO_LENGTH_MISMATCH);
        }
        *head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, right};
        for (ULONG bytes = 0; bytes < ioctls[i].outputBytes; bytes++) {
            NTSTATUS status = AppControl(&app, ioctls[i].code, input, right, output, bytes);
            CHECK(status == STATUS_BUFFER_TOO_SMALL, "%08x with output of %u bytes: %08x", ioctls[i].code, bytes, status);
        }
    }
    APP_STATE state;
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->totals.eventsShared, 0);
    CHECK_EQUAL(state.output->totals.requestsPended, 0);
    CHECK(state.output->totals.ioctlsRefused > 500);
    AppFreeState(&state);
    AppEnd(&app);
    DriverStop();
}

static void UnknownCodes(void)
{
    APP app;
    UCHAR buffer[512] = {0};
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    for (ULONG function = 0x7F0; function < 0x900; function++) {
        for (ULONG access = 0; access < 4; access++) {
            ULONG code = CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, access);
            BOOLEAN known = FALSE;
            for (size_t i = 0; i < RTL_NUMBER_OF(ioctls); i++) {
                known |= ioctls[i].code == code;
            }
            if (!known) {
                CHECK_STATUS(AppControl(&app, code, buffer, 64, buffer, sizeof buffer), STATUS_INVALID_DEVICE_REQUEST);
                CHECK_STATUS(AppControl(&app, code, NULL, 0, NULL, 0), STATUS_INVALID_DEVICE_REQUEST);
            }
        }
    }
    CHECK_STATUS(UserSendIrp(app.process, app.device, IRP_MJ_READ), STATUS_INVALID_DEVICE_REQUEST);
    CHECK_STATUS(UserSendIrp(app.process, app.device, IRP_MJ_WRITE), STATUS_INVALID_DEVICE_REQUEST);
    AppEnd(&app);
    DriverStop();
}

static void CheckInput(APP *app, ULONG code, const void *input, ULONG bytes, NTSTATUS expected, const char *what)
{
    UCHAR output[512];
    NTSTATUS status = AppControl(app, code, input, bytes, output, sizeof output);
    CHECK(status == expected, "%s: %08x, expected %08x", what, status, expected);
}

#define REFUSES(code, field, value, expected)                                                  \
    do {                                                                                       \
        __auto_type changed = good;                                                            \
        changed.field = (value);                                                               \
        CheckInput(&app, code, &changed, sizeof changed, expected, #code " " #field "=" #value); \
    } while (0)

static void Values(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
    {
        const EVENTSYS_GET_EVENT_INPUT good = {{1, sizeof good}, 0, 0, SYNCHRONIZE, 0};
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, type, 2, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, initialState, 2, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, access, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, access, WRITE_DAC | SYNCHRONIZE, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, access, GENERIC_ALL, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, access, MAXIMUM_ALLOWED, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_GET_EVENT, reserved, 1, STATUS_INVALID_PARAMETER);
    }
    {
        const EVENTSYS_SIGNAL_INPUT good = {{1, sizeof good}, shared.eventId, EVENTSYS_SIGNAL_SET, 0, 0};
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, eventId, 0, STATUS_NOT_FOUND);
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, eventId, 0xFFFFFFFF, STATUS_NOT_FOUND);
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, operation, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, operation, 4, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, increment, 16, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SIGNAL_EVENT, reserved, 1, STATUS_INVALID_PARAMETER);
    }
    {
        const EVENTSYS_SCHEDULE_INPUT good = {{1, sizeof good}, EVENTSYS_SOURCE_TIMER_DPC, shared.eventId, 0, 1000, 1, 2, 0};
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, source, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, source, EVENTSYS_SOURCE_BUFFER, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, source, 0xFFFFFFFF, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, eventId, shared.eventId + 1000, STATUS_NOT_FOUND);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, requestId, 1, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, dueUs, EVENTSYS_MAX_DUE_US + 1, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, periodMs, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, periodMs, EVENTSYS_MAX_PERIOD_MS + 1, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, count, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, count, EVENTSYS_MAX_COUNT + 1, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_SCHEDULE, increment, 16, STATUS_INVALID_PARAMETER);
    }
    {
        const EVENTSYS_OPEN_NAMED_INPUT good = {.head = {1, sizeof good}, .how = EVENTSYS_OPEN_CLASSIC, .nameBytes = 2};
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, how, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, how, 3, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, type, 2, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, nameBytes, 0, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, nameBytes, 3, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, nameBytes, 2 * EVENTSYS_MAX_NAME_CHARS + 2, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, nameBytes, 0xFFFFFFFE, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_OPEN_NAMED_EVENT, reserved, 1, STATUS_INVALID_PARAMETER);
    }
    {
        const EVENTSYS_WAIT_INPUT good = {{1, sizeof good}, 1};
        REFUSES(IOCTL_EVENTSYS_WAIT_NOTIFICATION, requestId, 0, STATUS_INVALID_PARAMETER);
    }
    {
        const EVENTSYS_ID_INPUT good = {{1, sizeof good}, shared.eventId, 0};
        REFUSES(IOCTL_EVENTSYS_UNREGISTER_EVENT, id, 0, STATUS_NOT_FOUND);
        REFUSES(IOCTL_EVENTSYS_UNREGISTER_EVENT, reserved, 1, STATUS_INVALID_PARAMETER);
        REFUSES(IOCTL_EVENTSYS_UNREGISTER_BUFFER, id, shared.eventId, STATUS_NOT_FOUND);
        REFUSES(IOCTL_EVENTSYS_CANCEL_SCHEDULE, id, shared.eventId, STATUS_NOT_FOUND);
    }
    AppEnd(&app);
    DriverStop();
}

/* Names that lead elsewhere, or nowhere, or to something that is no event. */
static void Names(void)
{
    static const struct {
        const WCHAR *name;
        NTSTATUS status;
    } names[] = {
        {L"Global\\X", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"X", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\Device\\X", STATUS_OBJECT_PATH_INVALID},
        {L"\\KernelObjects\\X", STATUS_OBJECT_PATH_INVALID},
        {L"\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\BaseNamedObjects\\X\\Y", STATUS_OBJECT_NAME_INVALID},
        {L"\\Sessions\\BaseNamedObjects\\X", STATUS_OBJECT_PATH_INVALID},
        {L"\\Sessions\\1\\X", STATUS_OBJECT_PATH_INVALID},
        {L"\\Sessions\\77\\BaseNamedObjects\\X", STATUS_OBJECT_PATH_NOT_FOUND},
    };
    APP app;
    EVENTSYS_EVENT_OUTPUT shared;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    for (size_t i = 0; i < RTL_NUMBER_OF(names); i++) {
        NTSTATUS strict = AppOpenNamed(&app, EVENTSYS_OPEN_STRICT, 0, names[i].name, &shared);
        NTSTATUS classic = AppOpenNamed(&app, EVENTSYS_OPEN_CLASSIC, 0, names[i].name, &shared);
        NTSTATUS create = AppCreateNamed(&app, 0, 0, names[i].name, &shared);
        CHECK(strict == names[i].status && create == names[i].status && !NT_SUCCESS(classic),
              "%ws: %08x %08x %08x", names[i].name, strict, classic, create);
    }
    /* The longest name there may be. */
    WCHAR longest[EVENTSYS_MAX_NAME_CHARS + 1] = L"\\Sessions\\1\\BaseNamedObjects\\";
    for (size_t i = wcslen(longest); i < EVENTSYS_MAX_NAME_CHARS; i++) {
        longest[i] = 'n';
    }
    longest[EVENTSYS_MAX_NAME_CHARS] = 0;
    CHECK_STATUS(AppCreateNamed(&app, 0, 0, longest, &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_STRICT, 0, longest, &shared), STATUS_SUCCESS);
    AppEnd(&app);
    DriverStop();
}

/* A 32-bit caller uses the same layout. */
static void Wow64(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    APP_STATE state;
    DriverStart();
    app.process = UserCreateProcess("eventapp32.exe", ModelUserAdministrator, TRUE);
    CHECK_STATUS(UserOpenDevice(app.process, DEVICE_PATH, GENERIC_READ | GENERIC_WRITE, &app.device), STATUS_SUCCESS);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppSignal(&app, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_EQUAL(UserEventState(app.process, event), 1);
    AppQueryState(&app, &state);
    CHECK_EQUAL(StateOfEvent(&state, shared.eventId)->appHandle, (ULONG_PTR)event);
    AppFreeState(&state);
    AppEnd(&app);
    DriverStop();
}

/* The state in a buffer of each size: never beyond it, whole entries only, and it says what it left out. */
static void TruncatedState(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    EVENTSYS_HEAD head = {EVENTSYS_ABI_VERSION, sizeof head};
    static UCHAR output[16384];
    EVENTSYS_STATE_OUTPUT *state = (EVENTSYS_STATE_OUTPUT *)output;
    ULONG got;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    for (ULONG i = 0; i < 5; i++) {
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_TIMER_DPC, shared.eventId, 0, 60000000, 0, 1, NULL),
                     STATUS_SUCCESS);
    }
    CHECK_STATUS(UserControl(app.process, app.device, IOCTL_EVENTSYS_QUERY_STATE, &head, sizeof head, output,
                             sizeof output, &got),
                 STATUS_SUCCESS);
    ULONG needed = state->bytesNeeded;
    CHECK_EQUAL(needed, sizeof *state + 5 * sizeof(EVENTSYS_EVENT_STATE) + 5 * sizeof(EVENTSYS_SCHEDULE_STATE));
    for (ULONG bytes = sizeof *state; bytes <= needed; bytes += 8) {
        memset(output, 0, sizeof output);
        CHECK_STATUS(UserControl(app.process, app.device, IOCTL_EVENTSYS_QUERY_STATE, &head, sizeof head, output, bytes,
                                 &got),
                     STATUS_SUCCESS);
        CHECK(got <= bytes);
        CHECK_EQUAL(state->truncated, bytes < needed);
        CHECK_EQUAL(state->bytesNeeded, needed);
        CHECK_EQUAL(state->events.count, 5);
        CHECK_EQUAL(state->schedules.count, 5);
        CHECK(got == sizeof *state + state->events.returned * sizeof(EVENTSYS_EVENT_STATE) +
                         state->schedules.returned * sizeof(EVENTSYS_SCHEDULE_STATE));
    }
    AppEnd(&app);
    DriverStop();
}

/* Limits: the file's, then nothing is left of what was beyond. */
static void Limits(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    static USER_REQUEST requests[EVENTSYS_MAX_REQUESTS_PER_FILE + 1];
    static EVENTSYS_NOTIFICATION_OUTPUT outputs[EVENTSYS_MAX_REQUESTS_PER_FILE + 1];
    APP_BUFFER buffers[EVENTSYS_MAX_BUFFERS_PER_FILE + 1];
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    static ULONG ids[EVENTSYS_MAX_EVENTS_PER_FILE];
    for (ULONG i = 0; i < EVENTSYS_MAX_EVENTS_PER_FILE; i++) {
        CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
        ids[i] = shared.eventId;
    }
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_QUOTA_EXCEEDED);
    CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
    for (ULONG i = 0; i < EVENTSYS_MAX_REQUESTS_PER_FILE; i++) {
        CHECK_STATUS(AppWaitNotification(&app, i + 1, &outputs[i], &requests[i]), STATUS_PENDING);
    }
    CHECK_STATUS(AppWaitNotification(&app, 9999, &outputs[EVENTSYS_MAX_REQUESTS_PER_FILE],
                                     &requests[EVENTSYS_MAX_REQUESTS_PER_FILE]),
                 STATUS_QUOTA_EXCEEDED);
    for (ULONG i = 0; i < EVENTSYS_MAX_SCHEDULES; i++) {
        CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_WORKER, shared.eventId, 0, 60000000, 0, 1, NULL), STATUS_SUCCESS);
    }
    CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_WORKER, shared.eventId, 0, 60000000, 0, 1, NULL),
                 STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(AppUnregister(&app, shared.eventId), STATUS_SUCCESS);
    /* The buffers' events need room in the table. */
    for (ULONG i = 0; i < 10; i++) {
        CHECK_STATUS(AppUnregister(&app, ids[i]), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i <= EVENTSYS_MAX_BUFFERS_PER_FILE; i++) {
        AppMakeBuffer(&app, &buffers[i], 16);
        NTSTATUS status = AppRegisterBuffer(&app, &buffers[i]);
        CHECK(status == (i < EVENTSYS_MAX_BUFFERS_PER_FILE ? STATUS_SUCCESS : STATUS_QUOTA_EXCEEDED), "%u: %08x", i,
              status);
    }
    AppEnd(&app);
    DriverStop();
}

/* A section that is too small, of another type, or read-only; events that grant too little. */
static void BufferInputs(void)
{
    APP app;
    APP_BUFFER buffer, bad;
    HANDLE waitOnly, setOnly, readOnly;
    MODEL_COUNTS counts;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    AppMakeBuffer(&app, &buffer, 64);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, SYNCHRONIZE, &waitOnly), STATUS_SUCCESS);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, EVENT_MODIFY_STATE, &setOnly),
                 STATUS_SUCCESS);
    CHECK_STATUS(UserCreateSection(app.process, 4096, SECTION_MAP_READ, &readOnly), STATUS_SUCCESS);
#define BUFFER_REFUSED(field, value)                               \
    do {                                                           \
        bad = buffer;                                              \
        bad.field = (value);                                       \
        NTSTATUS status = AppRegisterBuffer(&app, &bad);           \
        CHECK(!NT_SUCCESS(status), #field "=" #value ": %08x", status); \
    } while (0)
    BUFFER_REFUSED(bytes, 0);
    BUFFER_REFUSED(bytes, sizeof(EVENTSYS_SHARED_BUFFER) - 1);
    BUFFER_REFUSED(bytes, 8192); /* the section has 4096 */
    BUFFER_REFUSED(bytes, EVENTSYS_MAX_BUFFER_BYTES + 1);
    BUFFER_REFUSED(bytes, 0xFFFFFFFF);
    BUFFER_REFUSED(section, NULL);
    BUFFER_REFUSED(section, buffer.work);
    BUFFER_REFUSED(section, readOnly);
    BUFFER_REFUSED(section, app.device);
    BUFFER_REFUSED(work, NULL);
    BUFFER_REFUSED(work, setOnly);
    BUFFER_REFUSED(work, buffer.section);
    BUFFER_REFUSED(done, NULL);
    BUFFER_REFUSED(done, waitOnly);
    BUFFER_REFUSED(done, buffer.section);
    ModelCount(&counts);
    CHECK_EQUAL(counts.threads, 0);
    CHECK_EQUAL(counts.driverReferences, 0);
    CHECK_EQUAL(counts.kernelHandles, 0);
    CHECK_EQUAL(counts.views, 0);
    CHECK_STATUS(AppRegisterBuffer(&app, &buffer), STATUS_SUCCESS);
    CHECK_STATUS(AppWork(&app, &buffer, EVENTSYS_WORK_CHECKSUM, "x", 1, 1), STATUS_SUCCESS);
    AppEnd(&app);
    DriverStop();
}

const SCENARIO InputScenarios[] = {
    ON_BOTH("input: every wrong size and version of every code", Sizes),
    ON_BOTH("input: unknown codes and requests", UnknownCodes),
    ON_BOTH("input: values out of range", Values),
    ON_BOTH("input: names that lead elsewhere", Names),
    ON_BOTH("input: a 32-bit caller", Wow64),
    ON_BOTH("input: the state in a buffer of each size", TruncatedState),
    ON_BOTH("input: limits", Limits),
    ON_BOTH("input: shared buffers that cannot be", BufferInputs),
    NO_MORE_SCENARIOS,
};
