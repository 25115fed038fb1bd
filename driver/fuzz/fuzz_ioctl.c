/*
 * fuzz_ioctl.c - libFuzzer target: bytes become a sequence of opens, requests, cancels, closes, kills and waits of several
 * applications on the modelled kernel. After each input the driver is unloaded and must have left nothing; every rule of the
 * model holds at every step.
 *
 * One input: 1 byte of options, then steps. A step is 1 byte of operation and the bytes that the operation takes; when the
 * bytes end, zeros follow, so that every input is a legal sequence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include "eventscope_trace.h"
#include "eventsys_public.h"

#include <stdio.h>
#include <stdlib.h>

DRIVER_INITIALIZE DriverEntry;

#define APPS 3
#define FILES 4
#define HANDLES 12
#define REQUESTS 24
#define MAX_STEPS 64
#define BUFFER_BYTES 2048

typedef struct INPUT {
    const UCHAR *data;
    size_t left;
} INPUT;

static UCHAR Byte(INPUT *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->data++;
}

static void Bytes(INPUT *input, void *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ((UCHAR *)to)[i] = Byte(input);
    }
}

static ULONG Word(INPUT *input)
{
    ULONG value = 0;
    Bytes(input, &value, sizeof value);
    return value;
}

typedef struct APP {
    PEPROCESS process;
    HANDLE files[FILES];
    HANDLE handles[HANDLES]; /* events, semaphores, sections */
    ULONG ids[8];            /* that the driver gave, of any kind */
    ULONG nextHandle, nextId;
} APP;

/* A request that pends keeps its buffers until the end of the input. */
typedef struct PENDING {
    USER_REQUEST request;
    UCHAR output[256];
} PENDING;

static APP apps[APPS];
static PENDING pendings[REQUESTS];
static ULONG pendingCount;

static const ULONG codes[] = {
    IOCTL_EVENTSYS_QUERY_VERSION,   IOCTL_EVENTSYS_QUERY_STATE,      IOCTL_EVENTSYS_REGISTER_EVENT,
    IOCTL_EVENTSYS_UNREGISTER_EVENT, IOCTL_EVENTSYS_GET_EVENT,        IOCTL_EVENTSYS_OPEN_NAMED_EVENT,
    IOCTL_EVENTSYS_CREATE_NAMED_EVENT, IOCTL_EVENTSYS_SIGNAL_EVENT,   IOCTL_EVENTSYS_SCHEDULE,
    IOCTL_EVENTSYS_CANCEL_SCHEDULE, IOCTL_EVENTSYS_WAIT_NOTIFICATION, IOCTL_EVENTSYS_NOTIFY,
    IOCTL_EVENTSYS_REGISTER_BUFFER, IOCTL_EVENTSYS_UNREGISTER_BUFFER, ES_TRACE_IOCTL_QUERY,
    ES_TRACE_IOCTL_START,           ES_TRACE_IOCTL_STOP,              ES_TRACE_IOCTL_DRAIN,
};
static const ULONG inputSizes[] = {
    0, sizeof(EVENTSYS_HEAD), sizeof(EVENTSYS_REGISTER_EVENT_INPUT), sizeof(EVENTSYS_ID_INPUT),
    sizeof(EVENTSYS_GET_EVENT_INPUT), sizeof(EVENTSYS_OPEN_NAMED_INPUT), sizeof(EVENTSYS_CREATE_NAMED_INPUT),
    sizeof(EVENTSYS_SIGNAL_INPUT), sizeof(EVENTSYS_SCHEDULE_INPUT), sizeof(EVENTSYS_ID_INPUT),
    sizeof(EVENTSYS_WAIT_INPUT), sizeof(EVENTSYS_NOTIFY_INPUT), sizeof(EVENTSYS_REGISTER_BUFFER_INPUT),
    sizeof(EVENTSYS_ID_INPUT), 0, sizeof(ES_TRACE_START_INPUT), 0, 0,
};

/* Which codes have succeeded, printed at the end: a fuzzer that is turned away at the door finds nothing. */
static BOOLEAN succeeded[RTL_NUMBER_OF(codes)];

static void NoteSuccess(ULONG code)
{
    for (size_t i = 0; i < RTL_NUMBER_OF(codes); i++) {
        succeeded[i] |= codes[i] == code;
    }
}

static void PrintSuccesses(void)
{
    ULONG count = 0;
    for (size_t i = 0; i < RTL_NUMBER_OF(codes); i++) {
        count += succeeded[i];
        if (!succeeded[i]) {
            printf("fuzz: never succeeded: 0x%08x\n", codes[i]);
        }
    }
    printf("fuzz: %u of %zu requests succeeded at least once\n", count, RTL_NUMBER_OF(codes));
}

/* ---- operations ---- */

static APP *TakeApp(INPUT *input)
{
    APP *app = &apps[Byte(input) % APPS];
    if (app->process == NULL) {
        UCHAR kind = Byte(input);
        app->process = UserCreateProcess("fuzzed.exe", (MODEL_USER)(kind & 1 ? ModelUserAdministrator : ModelUserOrdinary),
                                         (kind & 2) != 0);
    }
    return app;
}

static void KeepHandle(APP *app, HANDLE handle)
{
    HANDLE *place = &app->handles[app->nextHandle++ % HANDLES];
    if (*place != NULL) {
        UserClose(app->process, *place);
    }
    *place = handle;
}

static void KeepId(APP *app, ULONG id) { app->ids[app->nextId++ % RTL_NUMBER_OF(app->ids)] = id; }

static void Open(INPUT *input)
{
    static const WCHAR *const paths[] = {L"\\DosDevices\\EventSys", L"\\Device\\EventSys", L"\\Device\\EventSys\\x",
                                         L"\\\?\?\\EventSys"};
    static const ACCESS_MASK accesses[] = {GENERIC_READ | GENERIC_WRITE, GENERIC_READ, GENERIC_ALL, FILE_READ_ATTRIBUTES};
    APP *app = TakeApp(input);
    HANDLE *file = &app->files[Byte(input) % FILES];
    UCHAR how = Byte(input);
    if (*file == NULL) {
        UserOpenDevice(app->process, paths[how % RTL_NUMBER_OF(paths)], accesses[how / 16 % RTL_NUMBER_OF(accesses)], file);
    }
}

static void CreateObject(INPUT *input)
{
    static const WCHAR *const names[] = {NULL, L"\\BaseNamedObjects\\a", L"\\BaseNamedObjects\\b", NULL};
    APP *app = TakeApp(input);
    UCHAR kind = Byte(input);
    HANDLE handle = NULL;
    NTSTATUS status;
    if (kind % 8 == 7) {
        status = UserCreateSection(app->process, 1 + (kind >> 3) * 600u, SECTION_MAP_READ | SECTION_MAP_WRITE, &handle);
    } else if (kind % 8 == 6) {
        status = UserCreateSemaphore(app->process, 0, 5, &handle);
    } else {
        status = UserCreateEvent(app->process, names[kind >> 6], kind & 1, (kind & 2) != 0,
                                 kind & 4 ? SYNCHRONIZE : EVENT_ALL_ACCESS, &handle);
    }
    if (NT_SUCCESS(status)) {
        KeepHandle(app, handle);
    }
}

/* Puts in a value that means something: a handle or an id that there is. */
static void Patch(INPUT *input, const APP *app, UCHAR *buffer, ULONG bytes)
{
    UCHAR how = Byte(input);
    ULONG at = Byte(input) % 40 & ~3u;
    if (how & 1 && at + 8 <= bytes) {
        uint64_t handle = (ULONG_PTR)app->handles[how / 2 % HANDLES];
        memcpy(buffer + (at & ~7u), &handle, sizeof handle);
    } else if (at + 4 <= bytes) {
        memcpy(buffer + at, &app->ids[how / 2 % RTL_NUMBER_OF(app->ids)], 4);
    }
}

static void PatchName(INPUT *input, UCHAR *buffer)
{
    static const WCHAR *const names[] = {L"\\BaseNamedObjects\\a", L"\\BaseNamedObjects\\b",
                                         L"\\Sessions\\1\\BaseNamedObjects\\a", L"\\BaseNamedObjects\\"};
    const WCHAR *name = names[Byte(input) % RTL_NUMBER_OF(names)];
    EVENTSYS_OPEN_NAMED_INPUT *named = (EVENTSYS_OPEN_NAMED_INPUT *)buffer;
    named->nameBytes = (uint32_t)(wcslen(name) * sizeof(WCHAR));
    memcpy(named->name, name, named->nameBytes);
}

/* Whatever a request leaves in the output, it may say which id is new. */
static void LearnIds(APP *app, const UCHAR *output, ULONG bytes)
{
    if (bytes >= 12) {
        ULONG id;
        memcpy(&id, output + 8, sizeof id);
        KeepId(app, id);
    }
}

static void Control(INPUT *input)
{
    APP *app = TakeApp(input);
    HANDLE file = app->files[Byte(input) % FILES];
    UCHAR which = Byte(input), mode = Byte(input);
    UCHAR buffer[BUFFER_BYTES] = {0}, *output;
    ULONG index = which % RTL_NUMBER_OF(codes), code = codes[index];
    ULONG inputBytes = inputSizes[index], outputBytes = 512, got = 0;
    if (which == 255) {
        code = (Word(input) & ~3u); /* any code of METHOD_BUFFERED */
    }
    if (mode & 1) {
        inputBytes = Word(input) % BUFFER_BYTES;
    }
    if (mode & 2) {
        outputBytes = Word(input) % BUFFER_BYTES;
    }
    Bytes(input, buffer, min(inputBytes, mode & 4 ? 64u : 40u));
    if ((mode & 8) == 0 && inputBytes >= 8) {
        EVENTSYS_HEAD head = {EVENTSYS_ABI_VERSION, inputBytes};
        memcpy(buffer, &head, sizeof head);
    }
    if (code == ES_TRACE_IOCTL_START && (mode & 8) == 0 && inputBytes >= 8) {
        ES_TRACE_START_INPUT start = {ES_TRACE_VERSION, 64u << (mode >> 6)}; /* small: the ring is not what is fuzzed */
        memcpy(buffer, &start, sizeof start);
    }
    if (mode & 16) {
        Patch(input, app, buffer, inputBytes);
    }
    if (mode & 32 && inputBytes == sizeof(EVENTSYS_OPEN_NAMED_INPUT)) {
        PatchName(input, buffer);
    }
    if (code == ES_TRACE_IOCTL_DRAIN && outputBytes < 1024) {
        outputBytes += 1024;
    }
    if (code == IOCTL_EVENTSYS_WAIT_NOTIFICATION) {
        if (pendingCount < REQUESTS) {
            PENDING *pending = &pendings[pendingCount++];
            pending->request.event = mode & 64 ? app->handles[mode % HANDLES] : NULL;
            if (UserControlOverlapped(app->process, file, code, buffer, inputBytes, pending->output,
                                      min(outputBytes, sizeof pending->output), &pending->request) == STATUS_PENDING) {
                NoteSuccess(code);
            }
        }
        return;
    }
    output = malloc(outputBytes + 1);
    if (NT_SUCCESS(UserControl(app->process, file, code, buffer, inputBytes, output, outputBytes, &got))) {
        NoteSuccess(code);
        LearnIds(app, output, got);
        if (code == IOCTL_EVENTSYS_GET_EVENT && got == sizeof(EVENTSYS_EVENT_OUTPUT)) {
            KeepHandle(app, (HANDLE)(ULONG_PTR)((EVENTSYS_EVENT_OUTPUT *)output)->handle);
        }
    }
    free(output);
}

static void Close(INPUT *input)
{
    APP *app = TakeApp(input);
    UCHAR which = Byte(input);
    HANDLE *handle = which & 1 ? &app->files[which / 2 % FILES] : &app->handles[which / 2 % HANDLES];
    if (*handle != NULL) {
        UserClose(app->process, *handle);
        *handle = NULL;
    }
}

static void Kill(INPUT *input)
{
    APP *app = TakeApp(input);
    UserReleaseProcess(app->process);
    memset(app, 0, sizeof *app);
}

static void Cancel(INPUT *input)
{
    APP *app = TakeApp(input);
    HANDLE file = app->files[Byte(input) % FILES];
    UCHAR which = Byte(input);
    UserCancel(app->process, file, which < pendingCount ? &pendings[which].request : NULL);
}

static void Other(INPUT *input)
{
    static const UCHAR majors[] = {IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_SHUTDOWN, IRP_MJ_INTERNAL_DEVICE_CONTROL};
    APP *app = TakeApp(input);
    UCHAR what = Byte(input);
    HANDLE handle = app->handles[what / 8 % HANDLES];
    switch (what % 4) {
    case 0: UserSendIrp(app->process, app->files[what / 4 % FILES], majors[what / 16 % RTL_NUMBER_OF(majors)]); break;
    case 1: UserSetEvent(app->process, handle, NULL); break;
    case 2: UserWait(app->process, handle, MS(1)); break;
    default: UserResetEvent(app->process, handle, NULL); break;
    }
}

/* Shared memory with anything in it, then "work". */
static void Scribble(INPUT *input)
{
    APP *app = TakeApp(input);
    UCHAR which = Byte(input);
    PVOID view;
    if (NT_SUCCESS(UserMapSection(app->process, app->handles[which % HANDLES], &view))) {
        Bytes(input, view, sizeof(EVENTSYS_SHARED_BUFFER));
        if (which & 16) {
            *(EVENTSYS_HEAD *)view = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, sizeof(EVENTSYS_SHARED_BUFFER)};
        }
        UserUnmapSection(app->process, view);
        UserSetEvent(app->process, app->handles[(which + 1u) % HANDLES], NULL);
        ModelSleep(MS(1));
    }
}

static void Wait(INPUT *input)
{
    ModelSleep((LONGLONG)Byte(input) * 3000);
}

/* All three events of a shared buffer as a step of its own: three right handles in one request are rare by chance. */
static void RegisterBuffer(INPUT *input)
{
    APP *app = TakeApp(input);
    HANDLE file = app->files[Byte(input) % FILES];
    UCHAR which = Byte(input);
    EVENTSYS_REGISTER_BUFFER_INPUT request = {
        .head = {EVENTSYS_ABI_VERSION, sizeof request},
        .section = (ULONG_PTR)app->handles[which % HANDLES],
        .work = (ULONG_PTR)app->handles[(which + 1u) % HANDLES],
        .done = (ULONG_PTR)app->handles[(which + 2u) % HANDLES],
        .bufferBytes = (uint32_t)sizeof(EVENTSYS_SHARED_BUFFER) + Byte(input) * 16u,
    };
    EVENTSYS_REGISTER_BUFFER_OUTPUT output;
    ULONG got;
    if (NT_SUCCESS(UserControl(app->process, file, IOCTL_EVENTSYS_REGISTER_BUFFER, &request, sizeof request, &output,
                               sizeof output, &got))) {
        NoteSuccess(IOCTL_EVENTSYS_REGISTER_BUFFER);
        LearnIds(app, (UCHAR *)&output, got);
    }
}

static void ArmFault(INPUT *input) { ModelArmFault(1 + Byte(input) % 8); }

static void (*const operations[])(INPUT *) = {Open,   CreateObject, Control,  Control,  Control,        Control,
                                              Close,  Kill,         Cancel,   Other,    Scribble,       Wait,
                                              Open,   CreateObject, ArmFault, RegisterBuffer};

static void Crash(void) { abort(); }

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    UNREFERENCED_PARAMETER(argc);
    UNREFERENCED_PARAMETER(argv);
    ModelFailureExit = Crash;
    atexit(PrintSuccesses);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    INPUT input = {data, size};
    UCHAR first = Byte(&input);
    MODEL_OPTIONS options = {.target = first & 1 ? ModelWine : ModelWindows,
                             .processors = 1,
                             .workers = 1,
                             .secureDevice = (first & 2) != 0};
    memset(apps, 0, sizeof apps);
    memset(pendings, 0, sizeof pendings);
    pendingCount = 0;
    ModelStart(&options);
    if (first & 4) {
        ModelArmFault(1 + (first >> 3));
    }
    if (NT_SUCCESS(ModelLoadDriver(DriverEntry))) {
        for (ULONG step = 0; step < MAX_STEPS && input.left != 0; step++) {
            operations[Byte(&input) % RTL_NUMBER_OF(operations)](&input);
        }
        /* Asked to unload while handles are open, then everything closes. */
        ModelUnloadDriver();
        for (ULONG i = 0; i < APPS; i++) {
            if (apps[i].process != NULL) {
                UserReleaseProcess(apps[i].process);
            }
        }
        ModelAwaitUnload();
    }
    ModelDisarmFault();
    for (ULONG i = 0; i < pendingCount; i++) {
        if (!UserAwait(&pendings[i].request, MS(1000))) {
            ModelFail("a request was never finished");
        }
    }
    ModelEnd();
    return 0;
}
