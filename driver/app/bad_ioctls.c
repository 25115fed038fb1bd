/*
 * bad_ioctls.c - malformed requests at the driver, then good ones that prove it alive.
 *
 * First the rules of eventsys_public.h, each broken once and answered with the status that the header names. Then --count
 * requests from a seeded generator that starts from good ones and spoils them: sizes, codes, versions, handles, ids, names,
 * pointers, on an overlapped and on a synchronous handle. There only three things are asked: each ends in time, none that
 * is certainly wrong succeeds, and afterwards the driver serves as before and has kept nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bad_ioctls.h"

#include <stdlib.h>

#define HEAD_OF(structure) {EVENTSYS_ABI_VERSION, (uint32_t)sizeof(structure)}

/* The requests that the generator starts from. FAULT is left out: a driver built with faults would do as it is told. */
const BAD_TARGET BadTargets[BadTargetCount] = {
    {"QUERY_STATE", IOCTL_EVENTSYS_QUERY_STATE, sizeof(EVENTSYS_HEAD), sizeof(EVENTSYS_STATE_OUTPUT)},
    {"REGISTER_EVENT", IOCTL_EVENTSYS_REGISTER_EVENT, sizeof(EVENTSYS_REGISTER_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {"UNREGISTER_EVENT", IOCTL_EVENTSYS_UNREGISTER_EVENT, sizeof(EVENTSYS_ID_INPUT), 0},
    {"GET_EVENT", IOCTL_EVENTSYS_GET_EVENT, sizeof(EVENTSYS_GET_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {"OPEN_NAMED_EVENT", IOCTL_EVENTSYS_OPEN_NAMED_EVENT, sizeof(EVENTSYS_OPEN_NAMED_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT)},
    {"CREATE_NAMED_EVENT", IOCTL_EVENTSYS_CREATE_NAMED_EVENT, sizeof(EVENTSYS_CREATE_NAMED_INPUT),
     sizeof(EVENTSYS_EVENT_OUTPUT)},
    {"SIGNAL_EVENT", IOCTL_EVENTSYS_SIGNAL_EVENT, sizeof(EVENTSYS_SIGNAL_INPUT), sizeof(EVENTSYS_SIGNAL_OUTPUT)},
    {"SCHEDULE", IOCTL_EVENTSYS_SCHEDULE, sizeof(EVENTSYS_SCHEDULE_INPUT), sizeof(EVENTSYS_SCHEDULE_OUTPUT)},
    {"CANCEL_SCHEDULE", IOCTL_EVENTSYS_CANCEL_SCHEDULE, sizeof(EVENTSYS_ID_INPUT), 0},
    {"WAIT_NOTIFICATION", IOCTL_EVENTSYS_WAIT_NOTIFICATION, sizeof(EVENTSYS_WAIT_INPUT), sizeof(EVENTSYS_NOTIFICATION_OUTPUT)},
    {"NOTIFY", IOCTL_EVENTSYS_NOTIFY, sizeof(EVENTSYS_NOTIFY_INPUT), 0},
    {"REGISTER_BUFFER", IOCTL_EVENTSYS_REGISTER_BUFFER, sizeof(EVENTSYS_REGISTER_BUFFER_INPUT),
     sizeof(EVENTSYS_REGISTER_BUFFER_OUTPUT)},
    {"UNREGISTER_BUFFER", IOCTL_EVENTSYS_UNREGISTER_BUFFER, sizeof(EVENTSYS_ID_INPUT), 0},
};

/* ---- the rules, one by one ---------------------------------------------------------------------------------------- */

/* Breaks one rule of one request: the input is what the caller made of it, cut or padded to InputBytes. */
static APP_EXIT ExpectStatus(_In_ const APP_DRIVER *Driver, _In_ const BAD_TARGET *Target, _In_z_ PCSTR Rule,
                             _In_ const BAD_INPUT *Input, ULONG InputBytes, ULONG OutputBytes, NTSTATUS Expected)
{
    UCHAR output[sizeof(EVENTSYS_STATE_OUTPUT)];
    BAD_INPUT input = *Input;
    const NTSTATUS status = AppIoctl(Driver->Options, Driver->Device, Target->Name, Target->Code, InputBytes > 0 ? &input : NULL,
                                     InputBytes, OutputBytes > 0 ? output : NULL, OutputBytes, NULL);

    return AppExpect(status == Expected, "%s, %s: %s, expected %s", Target->Name, Rule, AppStatusName(status),
                     AppStatusName(Expected));
}

/* What every request with an input must refuse. */
static APP_EXIT BreakCommonRules(_In_ const APP_DRIVER *Driver, _In_ const BAD_TARGET *Target)
{
    BAD_INPUT good = {.Head = {EVENTSYS_ABI_VERSION, Target->InputBytes}};
    BAD_INPUT version = good;
    BAD_INPUT bytes = good;
    APP_EXIT exit;

    version.Head.version++;
    bytes.Head.bytes++;
    exit = ExpectStatus(Driver, Target, "no input", &good, 0, Target->OutputBytes, STATUS_INFO_LENGTH_MISMATCH);
    if (exit == AppExitOk) {
        exit = ExpectStatus(Driver, Target, "input one byte short", &good, Target->InputBytes - 1, Target->OutputBytes,
                            STATUS_INFO_LENGTH_MISMATCH);
    }
    if (exit == AppExitOk) {
        exit = ExpectStatus(Driver, Target, "input one byte long", &good, Target->InputBytes + 1, Target->OutputBytes,
                            STATUS_INFO_LENGTH_MISMATCH);
    }
    if (exit == AppExitOk) {
        exit = ExpectStatus(Driver, Target, "other version", &version, Target->InputBytes, Target->OutputBytes,
                            STATUS_REVISION_MISMATCH);
    }
    if (exit == AppExitOk) {
        exit = ExpectStatus(Driver, Target, "head.bytes wrong", &bytes, Target->InputBytes, Target->OutputBytes,
                            STATUS_INFO_LENGTH_MISMATCH);
    }
    if (exit == AppExitOk && Target->OutputBytes > 0) {
        exit = ExpectStatus(Driver, Target, "output one byte short", &good, Target->InputBytes, Target->OutputBytes - 1,
                            STATUS_BUFFER_TOO_SMALL);
    }
    return exit;
}

static APP_EXIT BreakRule(_In_ const APP_DRIVER *Driver, ULONG Code, _In_z_ PCSTR Rule, _In_ const BAD_INPUT *Input,
                          NTSTATUS Expected)
{
    for (int index = 0; index < BadTargetCount; index++) {
        if (BadTargets[index].Code == Code) {
            return ExpectStatus(Driver, &BadTargets[index], Rule, Input, BadTargets[index].InputBytes,
                                BadTargets[index].OutputBytes, Expected);
        }
    }
    return AppExpect(FALSE, "no target has the code 0x%lx", (unsigned long)Code);
}

/* Values out of their range, one request each. */
static APP_EXIT BreakOwnRules(_In_ const APP_DRIVER *Driver)
{
    const BAD_INPUT noEvent = {.Register = {.head = HEAD_OF(noEvent.Register), .handle = 0x7FFFFFF0}};
    const BAD_INPUT noId = {.Id = {.head = HEAD_OF(noId.Id), .id = 0xFFFFFFF0}};
    const BAD_INPUT idReserved = {.Id = {.head = HEAD_OF(idReserved.Id), .id = 1, .reserved = 1}};
    const BAD_INPUT badType = {.Get = {.head = HEAD_OF(badType.Get), .type = 2, .access = SYNCHRONIZE}};
    const BAD_INPUT noAccess = {.Get = {.head = HEAD_OF(noAccess.Get)}};
    const BAD_INPUT oddName = {
        .Open = {.head = HEAD_OF(oddName.Open), .how = EVENTSYS_OPEN_STRICT, .nameBytes = 3, .name = {'\\', 'x'}}};
    const BAD_INPUT longName = {.Open = {.head = HEAD_OF(longName.Open),
                                         .how = EVENTSYS_OPEN_STRICT,
                                         .nameBytes = 2 * EVENTSYS_MAX_NAME_CHARS + 2,
                                         .name = {'\\', 'x'}}};
    const BAD_INPUT badHow = {.Open = {.head = HEAD_OF(badHow.Open), .how = 3, .nameBytes = 4, .name = {'\\', 'x'}}};
    const BAD_INPUT noCount = {
        .Schedule = {.head = HEAD_OF(noCount.Schedule), .source = EVENTSYS_SOURCE_TIMER_DPC, .eventId = 1, .count = 0}};
    const BAD_INPUT noPeriod = {
        .Schedule = {.head = HEAD_OF(noPeriod.Schedule), .source = EVENTSYS_SOURCE_TIMER_DPC, .eventId = 1, .count = 2}};
    const BAD_INPUT badSource = {
        .Schedule = {.head = HEAD_OF(badSource.Schedule), .source = EVENTSYS_SOURCE_BUFFER, .eventId = 1, .count = 1}};
    const BAD_INPUT noRequest = {.Wait = {.head = HEAD_OF(noRequest.Wait), .requestId = 0}};
    const BAD_INPUT nothingPended = {.Notify = {.head = HEAD_OF(nothingPended.Notify), .requestId = 77}};
    const BAD_INPUT hugeBuffer = {
        .Buffer = {.head = HEAD_OF(hugeBuffer.Buffer), .bufferBytes = EVENTSYS_MAX_BUFFER_BYTES + 1}};
    const struct {
        ULONG Code;
        PCSTR Rule;
        const BAD_INPUT *Input;
        NTSTATUS Expected;
    } cases[] = {
        {IOCTL_EVENTSYS_REGISTER_EVENT, "a handle that is none", &noEvent, STATUS_INVALID_HANDLE},
        {IOCTL_EVENTSYS_UNREGISTER_EVENT, "an id that is none", &noId, STATUS_NOT_FOUND},
        {IOCTL_EVENTSYS_UNREGISTER_BUFFER, "an id that is none", &noId, STATUS_NOT_FOUND},
        {IOCTL_EVENTSYS_CANCEL_SCHEDULE, "an id that is none", &noId, STATUS_NOT_FOUND},
        {IOCTL_EVENTSYS_UNREGISTER_EVENT, "reserved is not 0", &idReserved, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_GET_EVENT, "type 2", &badType, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_GET_EVENT, "no access", &noAccess, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_OPEN_NAMED_EVENT, "odd nameBytes", &oddName, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_OPEN_NAMED_EVENT, "nameBytes beyond the field", &longName, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_OPEN_NAMED_EVENT, "how 3", &badHow, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_SCHEDULE, "count 0", &noCount, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_SCHEDULE, "no period", &noPeriod, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_SCHEDULE, "a source that cannot be scheduled", &badSource, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_WAIT_NOTIFICATION, "request id 0", &noRequest, STATUS_INVALID_PARAMETER},
        {IOCTL_EVENTSYS_NOTIFY, "nothing pended", &nothingPended, STATUS_NOT_FOUND},
        {IOCTL_EVENTSYS_REGISTER_BUFFER, "a buffer too large", &hugeBuffer, STATUS_INVALID_PARAMETER},
    };
    APP_EXIT exit = AppExitOk;

    for (size_t index = 0; index < RTL_NUMBER_OF(cases) && exit == AppExitOk; index++) {
        exit = BreakRule(Driver, cases[index].Code, cases[index].Rule, cases[index].Input, cases[index].Expected);
    }
    return exit;
}

/* ---- alive? ------------------------------------------------------------------------------------------------------- */

/* The files of before are closed: in a moment the driver has nothing of this process but the one event of now. */
static APP_EXIT ExpectNothingKept(_In_ const APP_DRIVER *Driver)
{
    const ULONGLONG until = GetTickCount64() + Driver->Options->TimeoutMs;

    for (;;) {
        EVENTSYS_STATE_OUTPUT *state = NULL;
        ULONG kept = 0;
        APP_EXIT exit = AppExpectSuccess(AppDriverQueryState(Driver, &state), "Asking the driver for its state");

        if (exit != AppExitOk) {
            return exit;
        }
        for (uint32_t index = 0; index < state->events.returned; index++) {
            kept += AppEventStateAt(state, index)->ownerProcess == GetCurrentProcessId();
        }
        free(state);
        if (kept == 1 || GetTickCount64() > until) {
            return AppExpect(kept == 1, "the driver holds %lu events of ours, not 1", (unsigned long)kept);
        }
        Sleep(20); /* the driver learns of a close by a request of its own */
    }
}

/* A fresh file, one event, one signal, one wake; and the driver has kept nothing of the files before. */
static APP_EXIT ProveAlive(_In_ const APP_OPTIONS *Options)
{
    APP_OPTIONS once = *Options;
    APP_DRIVER driver;
    uint32_t eventId = 0;
    HANDLE event;
    APP_EXIT exit;

    once.Count = 1;
    exit = AppDriverOpen(&once, &driver);
    if (exit != AppExitOk) {
        return exit;
    }
    event = APP_CREATE_EVENT("alive", NULL, TRUE, FALSE);
    exit = event == NULL ? AppExpectSuccess(AppLastStatus(), "Creating an event")
                         : AppExpectSuccess(AppDriverRegister(&driver, "alive", event, &eventId), "A good request after bad ones");
    if (exit == AppExitOk) {
        exit = AppTakeSignals(&driver, "alive", event, eventId);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignals(&driver, eventId, EVENTSYS_METHOD_HANDLE_FROM_APP, 1);
    }
    if (exit == AppExitOk) {
        exit = ExpectNothingKept(&driver);
    }
    if (event != NULL) {
        APP_CLOSE("alive", event);
    }
    AppDriverClose(&driver);
    return exit;
}

APP_EXIT AppRunBadIoctls(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    for (int index = 0; index < BadTargetCount && exit == AppExitOk; index++) {
        exit = BreakCommonRules(&driver, &BadTargets[index]);
    }
    if (exit == AppExitOk) {
        exit = BreakOwnRules(&driver);
    }
    if (exit == AppExitOk) {
        exit = AppSendBadRequests(&driver);
    }
    AppDriverClose(&driver);
    return exit == AppExitOk ? ProveAlive(Options) : exit;
}
