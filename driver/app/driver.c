/*
 * driver.c - the driver's requests of eventsys_public.h, typed. Each fills in the head, sends, and checks the answer's head.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define HEAD_OF(structure) {EVENTSYS_ABI_VERSION, (uint32_t)sizeof(structure)}

/* Sends and, when there is an output, insists on its whole size and version. */
static NTSTATUS Send(_In_ const APP_DRIVER *Driver, _In_z_ PCSTR Name, ULONG Code, _In_reads_bytes_opt_(InputBytes) PVOID Input,
                     ULONG InputBytes, _Out_writes_bytes_opt_(OutputBytes) PVOID Output, ULONG OutputBytes)
{
    ULONG returned = 0;
    const EVENTSYS_HEAD *head = Output;
    NTSTATUS status;

    if (Output != NULL) {
        ZeroMemory(Output, OutputBytes);
    }
    status = AppIoctl(Driver->Options, Driver->Device, Name, Code, Input, InputBytes, Output, OutputBytes, &returned);
    if (NT_SUCCESS(status) && Output != NULL &&
        (returned != OutputBytes || head->version != EVENTSYS_ABI_VERSION || head->bytes != OutputBytes)) {
        return STATUS_REVISION_MISMATCH;
    }
    return status;
}

APP_EXIT AppExpectSuccess(NTSTATUS Status, PCSTR What)
{
    if (NT_SUCCESS(Status)) {
        return AppExitOk;
    }
    return AppFail(AppExitCallFailed, Status, "The driver's own log (DbgPrint, 'eventsys:') may say more", "%s failed", What);
}

APP_EXIT AppExpect(BOOL Held, PCSTR Format, ...)
{
    CHAR text[256];
    va_list arguments;

    if (Held) {
        return AppExitOk;
    }
    va_start(arguments, Format);
    (void)vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    return AppFail(AppExitUnexpected, STATUS_SUCCESS, "Compare the log with the driver's ('eventsys:' lines of DbgPrint)",
                   "Not as promised: %s", text);
}

APP_EXIT AppDriverOpen(const APP_OPTIONS *Options, APP_DRIVER *Driver)
{
    EVENTSYS_VERSION_OUTPUT version;
    NTSTATUS status;
    APP_EXIT exit;

    ZeroMemory(Driver, sizeof(*Driver));
    Driver->Options = Options;
    exit = AppDeviceOpen(&Driver->Device);
    if (exit != AppExitOk) {
        return exit;
    }
    status = Send(Driver, "QUERY_VERSION", IOCTL_EVENTSYS_QUERY_VERSION, NULL, 0, &version, sizeof(version));
    if (NT_SUCCESS(status) && version.abiVersion != EVENTSYS_ABI_VERSION) {
        status = STATUS_REVISION_MISMATCH;
    }
    if (!NT_SUCCESS(status)) {
        AppDriverClose(Driver);
        return AppFail(AppExitVersion, status, "Build and deploy both again: 'eventscope run'",
                       "Driver and application do not speak one version (ours is %u)", EVENTSYS_ABI_VERSION);
    }
    Driver->Features = version.features;
    AppLog(AppFactNote, "driver", NULL, STATUS_SUCCESS, "version=%u.%u.%u features=0x%x processors=%u",
           version.driverMajor, version.driverMinor, version.driverPatch, version.features, version.processors);
    return AppExitOk;
}

VOID AppDriverClose(APP_DRIVER *Driver)
{
    AppDeviceClose(Driver->Device);
    Driver->Device = NULL;
}

NTSTATUS AppDriverRegister(const APP_DRIVER *Driver, PCSTR Object, HANDLE Event, uint32_t *EventId)
{
    EVENTSYS_REGISTER_EVENT_INPUT input = {.head = HEAD_OF(input), .handle = (uint64_t)(ULONG_PTR)Event};
    EVENTSYS_EVENT_OUTPUT output;
    const NTSTATUS status =
        Send(Driver, "REGISTER_EVENT", IOCTL_EVENTSYS_REGISTER_EVENT, &input, sizeof(input), &output, sizeof(output));

    *EventId = NT_SUCCESS(status) ? output.eventId : 0;
    AppLog(AppFactPass, Object, Event, status, "to=driver eventId=%u", *EventId);
    return status;
}

NTSTATUS AppDriverUnregister(const APP_DRIVER *Driver, uint32_t EventId)
{
    EVENTSYS_ID_INPUT input = {.head = HEAD_OF(input), .id = EventId};

    return Send(Driver, "UNREGISTER_EVENT", IOCTL_EVENTSYS_UNREGISTER_EVENT, &input, sizeof(input), NULL, 0);
}

NTSTATUS AppDriverGetEvent(const APP_DRIVER *Driver, PCSTR Object, BOOL Synchronization, uint32_t Access, HANDLE *Event,
                           uint32_t *EventId)
{
    EVENTSYS_GET_EVENT_INPUT input = {
        .head = HEAD_OF(input),
        .type = Synchronization ? EVENTSYS_TYPE_SYNCHRONIZATION : EVENTSYS_TYPE_NOTIFICATION,
        .access = Access,
    };
    EVENTSYS_EVENT_OUTPUT output;
    const NTSTATUS status = Send(Driver, "GET_EVENT", IOCTL_EVENTSYS_GET_EVENT, &input, sizeof(input), &output, sizeof(output));

    *Event = NT_SUCCESS(status) ? (HANDLE)(ULONG_PTR)output.handle : NULL;
    *EventId = NT_SUCCESS(status) ? output.eventId : 0;
    AppLog(AppFactPass, Object, *Event, status, "from=driver eventId=%u access=0x%x", *EventId, Access);
    return status;
}

/* Copies a name into a request's field; FALSE when it is too long. */
static BOOL CopyName(_In_z_ PCWSTR Name, _Out_writes_(EVENTSYS_MAX_NAME_CHARS) uint16_t *Field, _Out_ uint32_t *Bytes)
{
    const size_t units = wcslen(Name);

    *Bytes = (uint32_t)(units * sizeof(WCHAR));
    if (units == 0 || units > EVENTSYS_MAX_NAME_CHARS) {
        return FALSE;
    }
    CopyMemory(Field, Name, units * sizeof(WCHAR));
    return TRUE;
}

NTSTATUS AppDriverOpenNamed(const APP_DRIVER *Driver, uint32_t How, BOOL Synchronization, PCWSTR Name,
                            EVENTSYS_EVENT_OUTPUT *Output)
{
    EVENTSYS_OPEN_NAMED_INPUT input = {
        .head = HEAD_OF(input),
        .how = How,
        .type = How == EVENTSYS_OPEN_CLASSIC && Synchronization ? EVENTSYS_TYPE_SYNCHRONIZATION : EVENTSYS_TYPE_NOTIFICATION,
    };
    NTSTATUS status = STATUS_OBJECT_NAME_INVALID;

    ZeroMemory(Output, sizeof(*Output));
    if (CopyName(Name, input.name, &input.nameBytes)) {
        status = Send(Driver, "OPEN_NAMED_EVENT", IOCTL_EVENTSYS_OPEN_NAMED_EVENT, &input, sizeof(input), Output,
                      sizeof(*Output));
    }
    AppLog(AppFactPass, "driver's", NULL, status, "how=%s eventId=%u existed=%d name=%ls",
           How == EVENTSYS_OPEN_CLASSIC ? "classic" : "strict", Output->eventId, (int)Output->existed, Name);
    return status;
}

NTSTATUS AppDriverCreateNamed(const APP_DRIVER *Driver, BOOL Synchronization, PCWSTR Name, EVENTSYS_EVENT_OUTPUT *Output)
{
    EVENTSYS_CREATE_NAMED_INPUT input = {
        .head = HEAD_OF(input),
        .type = Synchronization ? EVENTSYS_TYPE_SYNCHRONIZATION : EVENTSYS_TYPE_NOTIFICATION,
    };
    NTSTATUS status = STATUS_OBJECT_NAME_INVALID;

    ZeroMemory(Output, sizeof(*Output));
    if (CopyName(Name, input.name, &input.nameBytes)) {
        status = Send(Driver, "CREATE_NAMED_EVENT", IOCTL_EVENTSYS_CREATE_NAMED_EVENT, &input, sizeof(input), Output,
                      sizeof(*Output));
    }
    AppLog(AppFactPass, "driver's", NULL, status, "how=created eventId=%u existed=%d name=%ls", Output->eventId,
           (int)Output->existed, Name);
    return status;
}

NTSTATUS AppDriverSignal(const APP_DRIVER *Driver, uint32_t EventId, uint32_t Operation, uint32_t *Previous)
{
    EVENTSYS_SIGNAL_INPUT input = {.head = HEAD_OF(input), .eventId = EventId, .operation = Operation};
    EVENTSYS_SIGNAL_OUTPUT output;
    const NTSTATUS status =
        Send(Driver, "SIGNAL_EVENT", IOCTL_EVENTSYS_SIGNAL_EVENT, &input, sizeof(input), &output, sizeof(output));

    if (Previous != NULL) {
        *Previous = NT_SUCCESS(status) ? output.previous : EVENTSYS_STATE_UNKNOWN;
    }
    return status;
}

NTSTATUS AppDriverSchedule(const APP_DRIVER *Driver, uint32_t Source, uint32_t EventId, ULONG DueMs, ULONG PeriodMs,
                           ULONG Count)
{
    EVENTSYS_SCHEDULE_INPUT input = {
        .head = HEAD_OF(input),
        .source = Source,
        .eventId = EventId,
        .dueUs = DueMs * 1000,
        .periodMs = Count > 1 ? PeriodMs : 0,
        .count = Count,
    };
    EVENTSYS_SCHEDULE_OUTPUT output;

    return Send(Driver, "SCHEDULE", IOCTL_EVENTSYS_SCHEDULE, &input, sizeof(input), &output, sizeof(output));
}

NTSTATUS AppDriverNotify(const APP_DRIVER *Driver, uint64_t RequestId, uint64_t Data)
{
    EVENTSYS_NOTIFY_INPUT input = {.head = HEAD_OF(input), .requestId = RequestId, .data = Data};

    return Send(Driver, "NOTIFY", IOCTL_EVENTSYS_NOTIFY, &input, sizeof(input), NULL, 0);
}

NTSTATUS AppDriverRegisterBuffer(const APP_DRIVER *Driver, HANDLE Section, HANDLE Work, HANDLE Done, uint32_t Bytes,
                                 EVENTSYS_REGISTER_BUFFER_OUTPUT *Ids)
{
    EVENTSYS_REGISTER_BUFFER_INPUT input = {
        .head = HEAD_OF(input),
        .section = (uint64_t)(ULONG_PTR)Section,
        .work = (uint64_t)(ULONG_PTR)Work,
        .done = (uint64_t)(ULONG_PTR)Done,
        .bufferBytes = Bytes,
    };
    const NTSTATUS status =
        Send(Driver, "REGISTER_BUFFER", IOCTL_EVENTSYS_REGISTER_BUFFER, &input, sizeof(input), Ids, sizeof(*Ids));

    AppLog(AppFactPass, "work", Work, status, "to=driver eventId=%u bufferId=%u", Ids->workEventId, Ids->bufferId);
    AppLog(AppFactPass, "done", Done, status, "to=driver eventId=%u bufferId=%u", Ids->doneEventId, Ids->bufferId);
    return status;
}

NTSTATUS AppDriverUnregisterBuffer(const APP_DRIVER *Driver, uint32_t BufferId)
{
    EVENTSYS_ID_INPUT input = {.head = HEAD_OF(input), .id = BufferId};

    return Send(Driver, "UNREGISTER_BUFFER", IOCTL_EVENTSYS_UNREGISTER_BUFFER, &input, sizeof(input), NULL, 0);
}

/* Whether a list lies within the answer, so that walking it reads nothing else. */
static BOOL ListIsWhole(_In_ const EVENTSYS_LIST *List, size_t EntryBytes, ULONG AnswerBytes)
{
    return List->returned == 0 ||
           (List->entryBytes >= EntryBytes && List->offset >= sizeof(EVENTSYS_STATE_OUTPUT) && List->offset <= AnswerBytes &&
            List->returned <= (AnswerBytes - List->offset) / List->entryBytes);
}

NTSTATUS AppDriverQueryState(const APP_DRIVER *Driver, EVENTSYS_STATE_OUTPUT **State)
{
    enum { Attempts = 8, Slack = 8192 }; /* the state may grow between two questions, but not for ever */
    EVENTSYS_HEAD input = {EVENTSYS_ABI_VERSION, sizeof(input)};
    ULONG bytes = 64 * 1024;

    *State = NULL;
    for (int attempt = 0; attempt < Attempts; attempt++) {
        EVENTSYS_STATE_OUTPUT *state = malloc(bytes);
        ULONG returned = 0;
        NTSTATUS status;

        if (state == NULL) {
            return STATUS_NO_MEMORY;
        }
        status = AppIoctl(Driver->Options, Driver->Device, "QUERY_STATE", IOCTL_EVENTSYS_QUERY_STATE, &input, sizeof(input),
                          state, bytes, &returned);
        if (NT_SUCCESS(status) && (returned < sizeof(*state) || state->head.version != EVENTSYS_ABI_VERSION ||
                                   !ListIsWhole(&state->events, sizeof(EVENTSYS_EVENT_STATE), returned) ||
                                   !ListIsWhole(&state->schedules, sizeof(EVENTSYS_SCHEDULE_STATE), returned) ||
                                   !ListIsWhole(&state->requests, sizeof(EVENTSYS_REQUEST_STATE), returned) ||
                                   !ListIsWhole(&state->buffers, sizeof(EVENTSYS_BUFFER_STATE), returned))) {
            status = STATUS_REVISION_MISMATCH;
        }
        if (NT_SUCCESS(status) && !state->truncated) {
            *State = state;
            return STATUS_SUCCESS;
        }
        bytes = NT_SUCCESS(status) ? state->bytesNeeded + Slack : bytes;
        free(state);
        if (!NT_SUCCESS(status)) {
            return status;
        }
    }
    return STATUS_BUFFER_OVERFLOW;
}

const EVENTSYS_EVENT_STATE *AppEventStateAt(const EVENTSYS_STATE_OUTPUT *State, uint32_t Index)
{
    return (const EVENTSYS_EVENT_STATE *)((const UCHAR *)State + State->events.offset + (size_t)Index * State->events.entryBytes);
}

NTSTATUS AppDriverQueryEvent(const APP_DRIVER *Driver, uint32_t EventId, EVENTSYS_EVENT_STATE *Event)
{
    EVENTSYS_STATE_OUTPUT *state = NULL;
    NTSTATUS status = AppDriverQueryState(Driver, &state);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = STATUS_NOT_FOUND;
    for (uint32_t index = 0; index < state->events.returned; index++) {
        const EVENTSYS_EVENT_STATE *entry = AppEventStateAt(state, index);
        if (entry->id == EventId) {
            *Event = *entry;
            status = STATUS_SUCCESS;
        }
    }
    free(state);
    return status;
}
