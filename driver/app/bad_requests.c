/*
 * bad_requests.c - spoilt requests from a seeded generator, the second half of 'bad-ioctls'.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bad_ioctls.h"

typedef struct BAD_GENERATOR {
    uint64_t State;
    HANDLE Synchronous; /* a second open file, without FILE_FLAG_OVERLAPPED */
    HANDLE Event;       /* registered as EventId on the overlapped one */
    uint32_t EventId;
    ULONG Refused;
    ULONG Succeeded;
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

/* A good input for the target: what it names exists. Only WAIT_NOTIFICATION's is not good, for a good one would be kept. */
static VOID FillGoodInput(_In_ const BAD_GENERATOR *Generator, _In_ const BAD_TARGET *Target, _Out_ BAD_INPUT *Input)
{
    static const WCHAR name[] = L"\\BaseNamedObjects\\EventscopeBad";

    ZeroMemory(Input, sizeof(*Input));
    Input->Head.version = EVENTSYS_ABI_VERSION;
    Input->Head.bytes = Target->InputBytes;
    switch (Target->Code) {
    case IOCTL_EVENTSYS_REGISTER_EVENT:
        Input->Register.handle = (uint64_t)(ULONG_PTR)Generator->Event;
        break;
    case IOCTL_EVENTSYS_GET_EVENT:
        Input->Get.access = EVENTSYS_EVENT_USER_ACCESS;
        break;
    case IOCTL_EVENTSYS_OPEN_NAMED_EVENT:
        Input->Open.how = EVENTSYS_OPEN_CLASSIC;
        Input->Open.nameBytes = sizeof(name) - sizeof(WCHAR);
        CopyMemory(Input->Open.name, name, sizeof(name));
        break;
    case IOCTL_EVENTSYS_CREATE_NAMED_EVENT:
        Input->Create.nameBytes = sizeof(name) - sizeof(WCHAR);
        CopyMemory(Input->Create.name, name, sizeof(name));
        break;
    case IOCTL_EVENTSYS_SIGNAL_EVENT:
        Input->Signal.eventId = Generator->EventId;
        Input->Signal.operation = EVENTSYS_SIGNAL_SET;
        break;
    case IOCTL_EVENTSYS_SCHEDULE:
        Input->Schedule.source = EVENTSYS_SOURCE_TIMER_DPC;
        Input->Schedule.eventId = Generator->EventId;
        Input->Schedule.dueUs = 1000;
        Input->Schedule.count = 2;
        Input->Schedule.periodMs = 100;
        break;
    case IOCTL_EVENTSYS_REGISTER_BUFFER:
        /* An event is no section. */
        Input->Buffer.section = Input->Buffer.work = Input->Buffer.done = (uint64_t)(ULONG_PTR)Generator->Event;
        Input->Buffer.bufferBytes = sizeof(EVENTSYS_SHARED_BUFFER) + 64;
        break;
    default:
        break; /* an id or a request that does not exist */
    }
}

/* A good input with up to three of its words spoilt, now and then wholly random bytes. */
static VOID FillInput(_Inout_ BAD_GENERATOR *Generator, _In_ const BAD_TARGET *Target, _Out_ BAD_INPUT *Input)
{
    const BOOL wild = Random(Generator, 16) == 0;
    const uint32_t words = wild ? sizeof(Input->Bytes) / 4 : Random(Generator, 4);

    FillGoodInput(Generator, Target, Input);
    for (uint32_t word = 0; word < words; word++) {
        const uint32_t number = wild ? Random(Generator, 0xFFFFFFFF) : EdgeNumber(Generator);
        /* The first words decide the most: name fields are long and mostly read as they are. */
        const uint32_t place = wild ? word : Random(Generator, (Target->InputBytes < 48 ? Target->InputBytes : 48) / 4);
        CopyMemory(&Input->Bytes[place * 4], &number, sizeof(number));
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

/* Sends on the handle that blocks; the request is bounded by what the driver may keep, which is nothing here. */
static NTSTATUS SendSynchronously(_In_ const BAD_GENERATOR *Generator, _In_ const BAD_TARGET *Target, ULONG Code, PVOID Input,
                                  ULONG InputBytes, PVOID Output, ULONG OutputBytes)
{
    const ULONGLONG entry = AppQpc();
    DWORD returned = 0;
    NTSTATUS status = STATUS_SUCCESS;

    if (!(DeviceIoControl)(Generator->Synchronous, Code, Input, InputBytes, Output, OutputBytes, &returned, NULL)) {
        status = AppLastStatus();
    }
    AppMarkAt(entry);
    AppLog(AppFactIoctl, Target->Name, NULL, status, "synchronous code=0x%lx in=%lu out=%lu returned=%lu", (unsigned long)Code,
           (unsigned long)InputBytes, (unsigned long)OutputBytes, (unsigned long)returned);
    return status;
}

/* One spoilt request. */
static APP_EXIT SendOne(_In_ const APP_DRIVER *Driver, _Inout_ BAD_GENERATOR *Generator, ULONG Number)
{
    static union {
        EVENTSYS_EVENT_OUTPUT Event;
        UCHAR Bytes[64 * 1024];
    } output;
    const BAD_TARGET *target = &BadTargets[Random(Generator, BadTargetCount)];
    const BOOL synchronous = Random(Generator, 4) == 0;
    const BOOL pointers = !(Driver->Features & EVENTSYS_FEATURE_WINE);
    ULONG code = target->Code;
    ULONG inputBytes = Random(Generator, 6) == 0 ? Random(Generator, sizeof(BAD_INPUT)) : target->InputBytes;
    ULONG outputBytes = Random(Generator, 6) == 0 ? Random(Generator, sizeof(output)) : target->OutputBytes;
    BAD_INPUT input;
    PVOID inputAt = &input;
    PVOID outputAt = &output;
    BOOL wrong;
    NTSTATUS status;

    FillInput(Generator, target, &input);
    if (Random(Generator, 16) == 0) {
        /* Another function, method or access; never FAULT's function, 0x80E, nor a trace request's, 0xEA0 on. */
        code = (code & ~0x3FFFu) | ((0x810u + Random(Generator, 0x600)) << 2) | Random(Generator, 4);
    }
    /*
     * Pointers to nothing. Windows probes them before the driver is called. Under Wine the request dies in the client's half
     * of the call, which then reads an answer that never came: it says nothing about the driver, and may say anything.
     */
    if (Random(Generator, 24) == 0 && pointers) {
        inputAt = (PVOID)(ULONG_PTR)(Random(Generator, 2) == 0 ? 0 : 0x10000);
    }
    if (Random(Generator, 24) == 0 && pointers) {
        outputAt = (PVOID)(ULONG_PTR)(Random(Generator, 2) == 0 ? 0 : 0x10000);
    }
    wrong = IsCertainlyWrong(target, code, &input, inputBytes, outputBytes) || (inputAt != &input && inputBytes > 0);
    if (code == IOCTL_EVENTSYS_WAIT_NOTIFICATION && !wrong) {
        input.Wait.requestId = 0; /* a good one would be kept, and a synchronous caller would wait for ever */
        wrong = TRUE;
    }
    ZeroMemory(&output, sizeof(output.Event));
    status = synchronous ? SendSynchronously(Generator, target, code, inputAt, inputBytes, outputAt, outputBytes)
                         : AppIoctl(Driver->Options, Driver->Device, target->Name, code, inputAt, inputBytes, outputAt,
                                    outputBytes, NULL);
    Generator->Refused += !NT_SUCCESS(status);
    Generator->Succeeded += NT_SUCCESS(status);
    if (NT_SUCCESS(status) && code == IOCTL_EVENTSYS_GET_EVENT && outputAt == &output && output.Event.handle != 0) {
        (CloseHandle)((HANDLE)(ULONG_PTR)output.Event.handle);
    }
    if (status == STATUS_IO_TIMEOUT) {
        return AppExpect(FALSE, "request %lu (%s) was kept", (unsigned long)Number, target->Name);
    }
    return AppExpect(!NT_SUCCESS(status) || !wrong, "request %lu (%s, in %lu, out %lu) succeeded although it is wrong",
                     (unsigned long)Number, target->Name, (unsigned long)inputBytes, (unsigned long)outputBytes);
}

APP_EXIT AppSendBadRequests(const APP_DRIVER *Driver)
{
    BAD_GENERATOR generator = {.State = 0x9E3779B97F4A7C15ull ^ ((uint64_t)Driver->Options->Seed << 1)};
    APP_EXIT exit;

    generator.Event = (CreateEventW)(NULL, FALSE, FALSE, NULL);
    generator.Synchronous = (CreateFileW)(EVENTSYS_WIDE(EVENTSYS_WIN32_DEVICE_NAME), GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                          OPEN_EXISTING, 0, NULL);
    if (generator.Event == NULL || generator.Synchronous == INVALID_HANDLE_VALUE) {
        exit = AppExpectSuccess(AppLastStatus(), "Making an event and opening the device for synchronous requests");
    } else {
        exit = AppExpectSuccess(AppDriverRegister(Driver, "good", generator.Event, &generator.EventId), "Registering an event");
    }
    for (ULONG number = 0; number < Driver->Options->Count && exit == AppExitOk; number++) {
        exit = SendOne(Driver, &generator, number);
    }
    if (generator.Synchronous != INVALID_HANDLE_VALUE) {
        (CloseHandle)(generator.Synchronous);
    }
    if (generator.Event != NULL) {
        (CloseHandle)(generator.Event);
    }
    AppLog(AppFactNote, "bad-ioctls", NULL, STATUS_SUCCESS, "seed=%lu refused=%lu succeeded=%lu",
           (unsigned long)Driver->Options->Seed, (unsigned long)generator.Refused, (unsigned long)generator.Succeeded);
    AppSay("  seed %lu: %lu refused, %lu succeeded", (unsigned long)Driver->Options->Seed, (unsigned long)generator.Refused,
           (unsigned long)generator.Succeeded);
    return exit;
}
