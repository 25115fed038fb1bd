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
#include "eventapp.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_OF(structure) {EVENTSYS_ABI_VERSION, (uint32_t)sizeof(structure)}

/* The largest input structure, and room beyond it. */
typedef union BAD_INPUT {
    EVENTSYS_HEAD Head;
    EVENTSYS_REGISTER_EVENT_INPUT Register;
    EVENTSYS_ID_INPUT Id;
    EVENTSYS_GET_EVENT_INPUT Get;
    EVENTSYS_OPEN_NAMED_INPUT Open;
    EVENTSYS_CREATE_NAMED_INPUT Create;
    EVENTSYS_SIGNAL_INPUT Signal;
    EVENTSYS_SCHEDULE_INPUT Schedule;
    EVENTSYS_WAIT_INPUT Wait;
    EVENTSYS_NOTIFY_INPUT Notify;
    EVENTSYS_REGISTER_BUFFER_INPUT Buffer;
    UCHAR Bytes[1024];
} BAD_INPUT;

typedef struct BAD_TARGET {
    PCSTR Name;
    ULONG Code;
    ULONG InputBytes;
    ULONG OutputBytes;
} BAD_TARGET;

/* The requests that the generator starts from. FAULT is left out: a driver built with faults would do as it is told. */
static const BAD_TARGET BadTargets[] = {
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
    for (size_t index = 0; index < RTL_NUMBER_OF(BadTargets); index++) {
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

/* ---- the generator ------------------------------------------------------------------------------------------------ */

typedef struct BAD_GENERATOR {
    uint64_t State;
    HANDLE Synchronous; /* a second open file, without FILE_FLAG_OVERLAPPED */
    ULONG Refused;
    ULONG Succeeded;
    ULONG Pended;
} BAD_GENERATOR;

/* xorshift64*: the same requests for the same seed on every machine. */
static uint32_t Random(_Inout_ BAD_GENERATOR *Generator, uint32_t Limit)
{
    Generator->State ^= Generator->State >> 12;
    Generator->State ^= Generator->State << 25;
    Generator->State ^= Generator->State >> 27;
    return (uint32_t)((Generator->State * 0x2545F4914F6CDD1Dull) >> 32) % Limit;
}

/* Numbers at which checks go wrong. */
static uint32_t EdgeNumber(_Inout_ BAD_GENERATOR *Generator)
{
    static const uint32_t edges[] = {0,      1,          2,          3,          4,          7,          8,         0x7F,
                                     0xFF,   0x100,      0x1000,     0xFFFF,     0x10000,    1000000,    60000000,  0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFF8, 0xFFFFFFFE, 0xFFFFFFFF};

    return Random(Generator, 4) == 0 ? Random(Generator, 0xFFFFFFFF) : edges[Random(Generator, RTL_NUMBER_OF(edges))];
}

/* An input with the right head and edge numbers behind it, or wholly random bytes. */
static VOID FillInput(_Inout_ BAD_GENERATOR *Generator, _In_ const BAD_TARGET *Target, _Out_ BAD_INPUT *Input)
{
    const BOOL wild = Random(Generator, 8) == 0;

    for (size_t at = 0; at + 4 <= sizeof(Input->Bytes); at += 4) {
        const uint32_t number = wild ? Random(Generator, 0xFFFFFFFF) : EdgeNumber(Generator);
        CopyMemory(&Input->Bytes[at], &number, sizeof(number));
    }
    if (!wild) {
        Input->Head.version = Random(Generator, 8) == 0 ? EdgeNumber(Generator) : EVENTSYS_ABI_VERSION;
        Input->Head.bytes = Random(Generator, 8) == 0 ? EdgeNumber(Generator) : Target->InputBytes;
    }
}

/* A request that no driver may take: its success is a defect. Conservative: unsure means FALSE. */
static BOOL IsCertainlyWrong(_In_ const BAD_TARGET *Target, ULONG Code, _In_ const BAD_INPUT *Input, ULONG InputBytes,
                             ULONG OutputBytes)
{
    return Code == Target->Code &&
           (InputBytes != Target->InputBytes || OutputBytes < Target->OutputBytes ||
            Input->Head.version != EVENTSYS_ABI_VERSION || Input->Head.bytes != Target->InputBytes);
}

/* One spoilt request. */
static APP_EXIT SendOne(_In_ const APP_DRIVER *Driver, _Inout_ BAD_GENERATOR *Generator, ULONG Number)
{
    static UCHAR output[64 * 1024];
    const BAD_TARGET *target = &BadTargets[Random(Generator, RTL_NUMBER_OF(BadTargets))];
    const BOOL synchronous = Random(Generator, 4) == 0;
    ULONG code = target->Code;
    ULONG inputBytes = target->InputBytes;
    ULONG outputBytes = target->OutputBytes;
    BAD_INPUT input;
    PVOID inputAt = &input;
    PVOID outputAt = output;
    NTSTATUS status;

    FillInput(Generator, target, &input);
    if (Random(Generator, 4) == 0) {
        inputBytes = Random(Generator, sizeof(input));
    }
    if (Random(Generator, 4) == 0) {
        outputBytes = Random(Generator, sizeof(output));
    }
    if (Random(Generator, 16) == 0) {
        /* Another function, method or access; never FAULT's, whose function is 0x80E, nor a trace request (0xEA0 on). */
        code = (code & ~0x3FFCu) | ((0x810u + Random(Generator, 0x600)) << 2) | Random(Generator, 4);
    }
    /*
     * Pointers to nothing. Windows probes them before the driver is called. Under Wine the request dies in the client's half
     * of the call, which then reads an answer that never came: it says nothing about the driver, and may say anything.
     */
    if (Random(Generator, 24) == 0 && !(Driver->Features & EVENTSYS_FEATURE_WINE)) {
        inputAt = (PVOID)(ULONG_PTR)(Random(Generator, 2) == 0 ? 0 : 0x10000);
    }
    if (Random(Generator, 24) == 0 && !(Driver->Features & EVENTSYS_FEATURE_WINE)) {
        outputAt = (PVOID)(ULONG_PTR)(Random(Generator, 2) == 0 ? 0 : 0x10000);
    }
    if (code == IOCTL_EVENTSYS_WAIT_NOTIFICATION && !IsCertainlyWrong(target, code, &input, inputBytes, outputBytes)) {
        input.Wait.requestId = 0; /* a good one would be kept, and a synchronous caller would wait for ever */
    }
    if (code == IOCTL_EVENTSYS_REGISTER_BUFFER) {
        input.Buffer.bufferBytes = EVENTSYS_MAX_BUFFER_BYTES + 1 + Random(Generator, 1000);
    }
    if (synchronous) {
        DWORD returned = 0;
        const ULONGLONG entry = AppQpc();
        status = (DeviceIoControl)(Generator->Synchronous, code, inputAt, inputBytes, outputAt, outputBytes, &returned, NULL)
                     ? STATUS_SUCCESS
                     : AppLastStatus();
        AppMarkAt(entry);
        AppLog(AppFactIoctl, target->Name, NULL, status, "synchronous code=0x%lx in=%lu out=%lu", (unsigned long)code,
               (unsigned long)inputBytes, (unsigned long)outputBytes);
    } else {
        status = AppIoctl(Driver->Options, Driver->Device, target->Name, code, inputAt, inputBytes, outputAt, outputBytes, NULL);
    }
    Generator->Refused += !NT_SUCCESS(status);
    Generator->Succeeded += NT_SUCCESS(status);
    Generator->Pended += status == STATUS_IO_TIMEOUT;
    if (status == STATUS_IO_TIMEOUT) {
        return AppExpect(FALSE, "request %lu (%s) was kept", (unsigned long)Number, target->Name);
    }
    return AppExpect(!NT_SUCCESS(status) || (inputAt == &input && !IsCertainlyWrong(target, code, &input, inputBytes, outputBytes)),
                     "request %lu (%s, in %lu, out %lu) succeeded although it is wrong", (unsigned long)Number, target->Name,
                     (unsigned long)inputBytes, (unsigned long)outputBytes);
}

static APP_EXIT SendRandom(_In_ const APP_DRIVER *Driver)
{
    BAD_GENERATOR generator = {.State = 0x9E3779B97F4A7C15ull ^ ((uint64_t)Driver->Options->Seed << 1)};
    APP_EXIT exit = AppExitOk;

    generator.Synchronous = (CreateFileW)(EVENTSYS_WIDE(EVENTSYS_WIN32_DEVICE_NAME), GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                          OPEN_EXISTING, 0, NULL);
    if (generator.Synchronous == INVALID_HANDLE_VALUE) {
        return AppExpectSuccess(AppLastStatus(), "Opening the device for synchronous requests");
    }
    for (ULONG number = 0; number < Driver->Options->Count && exit == AppExitOk; number++) {
        exit = SendOne(Driver, &generator, number);
    }
    (CloseHandle)(generator.Synchronous);
    AppLog(AppFactNote, "bad-ioctls", NULL, STATUS_SUCCESS, "seed=%lu refused=%lu succeeded=%lu",
           (unsigned long)Driver->Options->Seed, (unsigned long)generator.Refused, (unsigned long)generator.Succeeded);
    AppSay("  seed %lu: %lu refused, %lu succeeded", (unsigned long)Driver->Options->Seed, (unsigned long)generator.Refused,
           (unsigned long)generator.Succeeded);
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
    for (size_t index = 0; index < RTL_NUMBER_OF(BadTargets) && exit == AppExitOk; index++) {
        exit = BreakCommonRules(&driver, &BadTargets[index]);
    }
    if (exit == AppExitOk) {
        exit = BreakOwnRules(&driver);
    }
    if (exit == AppExitOk) {
        exit = SendRandom(&driver);
    }
    AppDriverClose(&driver);
    return exit == AppExitOk ? ProveAlive(Options) : exit;
}
