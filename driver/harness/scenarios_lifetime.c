/*
 * scenarios_lifetime.c - closes, kills, cancels and unloads, at every point where they can come.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

/* ---- CREATE, CLEANUP, CLOSE ---- */

static UCHAR majors[16];
static ULONG majorCount;
static void RecordMajor(UCHAR major, PFILE_OBJECT file)
{
    UNREFERENCED_PARAMETER(file);
    if (majorCount < RTL_NUMBER_OF(majors) && major != IRP_MJ_DEVICE_CONTROL) {
        majors[majorCount++] = major;
    }
}

/* Everything that an open can hold, left for the close. */
static void ShareEverything(APP *app, APP_BUFFER *buffer, USER_REQUEST requests[2],
                            EVENTSYS_NOTIFICATION_OUTPUT outputs[2])
{
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    CHECK_STATUS(UserCreateEvent(app->process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(app, event, &shared), STATUS_SUCCESS);
    for (ULONG source = EVENTSYS_SOURCE_TIMER_DPC; source <= EVENTSYS_SOURCE_WORKER; source++) {
        CHECK_STATUS(AppSchedule(app, source, shared.eventId, 0, 100, 1, 1000000, NULL), STATUS_SUCCESS);
    }
    CHECK_STATUS(AppGetEvent(app, EVENTSYS_TYPE_NOTIFICATION, 0, SYNCHRONIZE, &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppOpenNamed(app, EVENTSYS_OPEN_CLASSIC, 0, L"\\BaseNamedObjects\\A", &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppCreateNamed(app, 1, 1, L"\\BaseNamedObjects\\B", &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppOpenNamed(app, EVENTSYS_OPEN_STRICT, 0, L"\\BaseNamedObjects\\B", &shared), STATUS_SUCCESS);
    for (ULONG i = 0; i < 2; i++) {
        CHECK_STATUS(AppWaitNotification(app, i + 1, &outputs[i], &requests[i]), STATUS_PENDING);
    }
    CHECK_STATUS(AppSchedule(app, EVENTSYS_SOURCE_COMPLETION, 0, 0, 60000000, 0, 1, NULL), STATUS_SUCCESS);
    AppMakeBuffer(app, buffer, 100);
    CHECK_STATUS(AppRegisterBuffer(app, buffer), STATUS_SUCCESS);
    ModelSleep(MS(5));
}

static void CheckNothingHeld(void)
{
    MODEL_COUNTS counts;
    ModelCount(&counts);
    CHECK_EQUAL(counts.driverReferences, 0);
    CHECK_EQUAL(counts.kernelHandles, 0);
    CHECK_EQUAL(counts.timers, 0);
    CHECK_EQUAL(counts.threads, 0);
    CHECK_EQUAL(counts.workItems, 0);
    CHECK_EQUAL(counts.irps, 0);
    CHECK_EQUAL(counts.views, 0);
    CHECK_EQUAL(counts.files, 0);
}

/* Windows: CLEANUP, then CLOSE. Wine: CLOSE alone. Either releases everything. */
static void CloseReleases(void)
{
    APP app;
    APP_BUFFER buffer;
    USER_REQUEST requests[2] = {{{{0}, 0}, NULL, 0, NULL}};
    EVENTSYS_NOTIFICATION_OUTPUT outputs[2];
    ModelDispatchObserver = RecordMajor;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    ShareEverything(&app, &buffer, requests, outputs);
    CHECK_STATUS(UserClose(app.process, app.device), STATUS_SUCCESS);
    CHECK(UserAwait(&requests[0], MS(1000)));
    CHECK(UserAwait(&requests[1], MS(1000)));
    CHECK_STATUS(requests[0].iosb.Status, STATUS_CANCELLED);
    CHECK_STATUS(requests[1].iosb.Status, STATUS_CANCELLED);
    ModelSleep(MS(1000)); /* nothing that was scheduled comes late */
    CheckNothingHeld();
    if (ScenarioTarget == ModelWindows) {
        CHECK_EQUAL(majorCount, 3);
        CHECK_EQUAL(majors[1], IRP_MJ_CLEANUP);
    } else {
        CHECK_EQUAL(majorCount, 2);
    }
    CHECK_EQUAL(majors[0], IRP_MJ_CREATE);
    CHECK_EQUAL(majors[majorCount - 1], IRP_MJ_CLOSE);
    UserReleaseProcess(app.process);
    DriverStop();
}

/* A handle given to another process keeps the open alive: no CLEANUP at the first one's end. */
static void CleanupAtLastHandle(void)
{
    APP app;
    HANDLE event, copy;
    EVENTSYS_EVENT_OUTPUT shared;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
    PEPROCESS second = UserCreateProcess("second.exe", ModelUserOrdinary, FALSE);
    CHECK_STATUS(UserDuplicate(app.process, app.device, second, &copy), STATUS_SUCCESS);
    HANDLE eventCopy;
    CHECK_STATUS(UserDuplicate(app.process, event, second, &eventCopy), STATUS_SUCCESS);
    AppKill(&app);
    APP heir = {second, copy};
    CHECK_STATUS(AppSignal(&heir, shared.eventId, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    CHECK_EQUAL(UserEventState(second, eventCopy), 1);
    UserReleaseProcess(second);
    ModelSleep(MS(10));
    CheckNothingHeld();
    DriverStop();
}

/* The application is killed in the middle of each way of sharing. */
static void KillWithEverything(void)
{
    APP app;
    APP_BUFFER buffer;
    USER_REQUEST requests[2] = {{{{0}, 0}, NULL, 0, NULL}};
    EVENTSYS_NOTIFICATION_OUTPUT outputs[2];
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    ShareEverything(&app, &buffer, requests, outputs);
    UserKillProcess(app.process);
    ModelSleep(MS(1000));
    CheckNothingHeld();
    CHECK_STATUS(requests[0].iosb.Status, STATUS_CANCELLED);
    UserReleaseProcess(app.process);
    DriverStop();
}

static void WaitForIt(void *context)
{
    HANDLE *event = context;
    PEPROCESS process = PsGetCurrentProcess();
    NTSTATUS status = UserWait(process, *event, -1);
    CHECK_STATUS(status, STATUS_USER_APC);
}

/* Killed while a thread of it waits for a signal that is on its way. */
static void KillDuringWait(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, SynchronizationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_SUCCESS);
    CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_TIMER_DPC, shared.eventId, 0, 1000000, 0, 1, NULL), STATUS_SUCCESS);
    PETHREAD waiter = ModelCreateThread(app.process, WaitForIt, &event);
    ModelSleep(MS(10));
    UserKillProcess(app.process);
    ModelJoinThread(waiter);
    UserReleaseProcess(app.process);
    ModelSleep(MS(2000));
    CheckNothingHeld();
    DriverStop();
}

static void SynchronousWait(void *context)
{
    APP *app = context;
    EVENTSYS_WAIT_INPUT input = {{EVENTSYS_ABI_VERSION, sizeof input}, 5};
    EVENTSYS_NOTIFICATION_OUTPUT output;
    CHECK_STATUS(AppControl(app, IOCTL_EVENTSYS_WAIT_NOTIFICATION, &input, sizeof input, &output, sizeof output),
                 STATUS_CANCELLED);
}

/* Killed inside a synchronous inverted call. */
static void KillDuringSynchronousCall(void)
{
    APP app;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    PETHREAD caller = ModelCreateThread(app.process, SynchronousWait, &app);
    ModelSleep(MS(10));
    UserKillProcess(app.process);
    ModelJoinThread(caller);
    UserReleaseProcess(app.process);
    ModelSleep(MS(10));
    CheckNothingHeld();
    DriverStop();
}

/* The application dies between "work" and "done": the driver's thread ends all the same. */
static void KillDuringBufferWork(void)
{
    DriverStart();
    for (ULONG round = 0; round < 20; round++) {
        APP app;
        APP_BUFFER buffer;
        AppStart(&app, ModelUserOrdinary);
        AppMakeBuffer(&app, &buffer, 60000);
        CHECK_STATUS(AppRegisterBuffer(&app, &buffer), STATUS_SUCCESS);
        buffer.view->head = (EVENTSYS_HEAD){EVENTSYS_ABI_VERSION, sizeof(EVENTSYS_SHARED_BUFFER)};
        buffer.view->operation = EVENTSYS_WORK_CHECKSUM;
        buffer.view->dataBytes = 60000;
        CHECK_STATUS(UserSetEvent(app.process, buffer.work, NULL), STATUS_SUCCESS);
        AppKill(&app);
    }
    ModelSleep(MS(10));
    CheckNothingHeld();
    DriverStop();
}

/* ---- unload ---- */

/* Windows: no unload while a handle is open, no new open meanwhile, unload at the last close. */
static void UnloadWaitsForHandles(void)
{
    APP app;
    APP_BUFFER buffer;
    HANDLE late;
    USER_REQUEST requests[2] = {{{{0}, 0}, NULL, 0, NULL}};
    EVENTSYS_NOTIFICATION_OUTPUT outputs[2];
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    ShareEverything(&app, &buffer, requests, outputs);
    CHECK_STATUS(ModelUnloadDriver(), STATUS_PENDING);
    CHECK(ModelDriverLoaded());
    CHECK_STATUS(UserOpenDevice(app.process, DEVICE_PATH, GENERIC_READ, &late), STATUS_DELETE_PENDING);
    CHECK_STATUS(AppNotify(&app, 1, 0), STATUS_SUCCESS); /* the open file goes on working */
    AppKill(&app);
    ModelAwaitUnload();
    CHECK_EQUAL(LogLinesWith("what=stop files=0 events=0 schedules=0 requests=0 buffers=0 references=0 handles=0"), 1);
    ModelEnd();
}

/* Wine unloads at once, whatever is open: pended requests end, timers stop, threads end, then the handle is dead. */
static void UnloadWithOpenHandles(void)
{
    APP app;
    APP_BUFFER buffer;
    EVENTSYS_HEAD head = {EVENTSYS_ABI_VERSION, sizeof head};
    UCHAR output[1024];
    USER_REQUEST requests[2] = {{{{0}, 0}, NULL, 0, NULL}};
    EVENTSYS_NOTIFICATION_OUTPUT outputs[2];
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    ShareEverything(&app, &buffer, requests, outputs);
    CHECK_STATUS(ModelUnloadDriver(), STATUS_SUCCESS);
    CHECK_STATUS(requests[0].iosb.Status, STATUS_CANCELLED);
    CHECK_STATUS(requests[1].iosb.Status, STATUS_CANCELLED);
    CHECK_STATUS(AppControl(&app, IOCTL_EVENTSYS_QUERY_STATE, &head, sizeof head, output, sizeof output),
                 STATUS_NO_SUCH_DEVICE);
    AppKill(&app);
    CHECK_EQUAL(LogLinesWith("what=stop files=0 events=0 schedules=0 requests=0 buffers=0 references=0 handles=0"), 1);
    ModelEnd();
}

static void LoadAgain(void)
{
    DriverStart();
    for (ULONG i = 0; i < 3; i++) {
        APP app;
        APP_STATE state;
        AppStart(&app, ModelUserAdministrator);
        AppQueryState(&app, &state);
        CHECK_EQUAL(state.output->totals.filesOpened, 1); /* a fresh image counts from the start */
        AppFreeState(&state);
        AppEnd(&app);
        CHECK_STATUS(ModelUnloadDriver(), STATUS_SUCCESS);
        CHECK_STATUS(ModelLoadDriver(DriverEntry), STATUS_SUCCESS);
    }
    CHECK_STATUS(ModelUnloadDriver(), STATUS_SUCCESS);
    ModelEnd();
}

/* ---- access ---- */

static void DeviceAccess(BOOLEAN secure)
{
    static const struct {
        MODEL_USER user;
        ACCESS_MASK access;
        NTSTATUS status;
    } cases[] = {
        {ModelUserSystem, GENERIC_ALL, STATUS_SUCCESS},
        {ModelUserAdministrator, GENERIC_ALL, STATUS_SUCCESS},
        {ModelUserAdministrator, WRITE_DAC, STATUS_SUCCESS},
        {ModelUserOrdinary, GENERIC_READ | GENERIC_WRITE, STATUS_SUCCESS},
        {ModelUserOrdinary, GENERIC_ALL, STATUS_ACCESS_DENIED},
        {ModelUserOrdinary, WRITE_DAC, STATUS_ACCESS_DENIED},
        {ModelUserOrdinary, DELETE, STATUS_ACCESS_DENIED},
        {ModelUserAnonymous, GENERIC_READ, STATUS_ACCESS_DENIED},
        {ModelUserAnonymous, GENERIC_WRITE, STATUS_ACCESS_DENIED},
    };
    MODEL_OPTIONS options = {.target = ModelWindows, .secureDevice = secure};
    ModelStart(&options);
    CHECK_STATUS(ModelLoadDriver(DriverEntry), STATUS_SUCCESS);
    for (size_t i = 0; i < RTL_NUMBER_OF(cases); i++) {
        HANDLE handle;
        PEPROCESS process = UserCreateProcess("user.exe", cases[i].user, FALSE);
        NTSTATUS status = UserOpenDevice(process, DEVICE_PATH, cases[i].access, &handle);
        CHECK(status == cases[i].status, "user %d, access %08x: %08x", cases[i].user, cases[i].access, status);
        UserReleaseProcess(process);
    }
    CHECK_STATUS(ModelUnloadDriver(), STATUS_SUCCESS);
    ModelEnd();
}

static void DeviceAccessSecure(void) { DeviceAccess(TRUE); }
static void DeviceAccessByHand(void) { DeviceAccess(FALSE); }

/* A handle that grants too little, of another type, of another process, closed, or no handle at all. */
static void HandleAccess(void)
{
    APP app, other;
    HANDLE event, waitOnly, semaphore, foreign;
    EVENTSYS_EVENT_OUTPUT shared;
    APP_STATE state;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    AppStart(&other, ModelUserAdministrator);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, SYNCHRONIZE | EVENT_QUERY_STATE, &waitOnly),
                 STATUS_SUCCESS);
    CHECK_STATUS(UserCreateSemaphore(app.process, 0, 1, &semaphore), STATUS_SUCCESS);
    for (ULONG i = 0; i < 10; i++) {
        CHECK_STATUS(UserCreateEvent(other.process, NULL, NotificationEvent, FALSE, 0, &foreign), STATUS_SUCCESS);
    }
    CHECK_STATUS(AppRegister(&app, waitOnly, &shared), STATUS_ACCESS_DENIED);
    CHECK_STATUS(AppRegister(&app, semaphore, &shared), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(AppRegister(&app, app.device, &shared), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(AppRegister(&app, foreign, &shared), STATUS_INVALID_HANDLE);
    CHECK_STATUS(AppRegister(&app, NULL, &shared), STATUS_INVALID_HANDLE);
    NTSTATUS pseudo = AppRegister(&app, NtCurrentProcess(), &shared);
    CHECK(pseudo == STATUS_OBJECT_TYPE_MISMATCH || pseudo == STATUS_INVALID_HANDLE, "%08x", pseudo);
    CHECK(!NT_SUCCESS(AppRegister(&app, (HANDLE)0xFFFFFFFF80000004ull, &shared))); /* a kernel handle's number */
    CHECK(!NT_SUCCESS(AppRegister(&app, (HANDLE)0x7FFFFFFFFFFFFFFCull, &shared)));
    CHECK_STATUS(UserClose(app.process, event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_INVALID_HANDLE);
    AppQueryState(&app, &state);
    CHECK_EQUAL(state.output->totals.events, 0);
    CHECK_EQUAL(state.output->totals.objectReferences, 0);
    CHECK_EQUAL(state.output->totals.handles, 0);
    AppFreeState(&state);
    AppEnd(&app);
    AppEnd(&other);
    DriverStop();
}

/* The driver is no way around an event's descriptor. */
static void NameAccess(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\SystemsOwn");
    OBJECT_ATTRIBUTES attributes;
    DriverStart();
    AppStart(&app, ModelUserOrdinary);
    /* Made by a driver without a descriptor: for the system alone. */
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    CHECK_STATUS(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_STRICT, 0, name.Buffer, &shared), STATUS_ACCESS_DENIED);
    CHECK_STATUS(AppOpenNamed(&app, EVENTSYS_OPEN_CLASSIC, 0, name.Buffer, &shared), STATUS_ACCESS_DENIED);
    CHECK_STATUS(AppCreateNamed(&app, 0, 0, name.Buffer, &shared), STATUS_ACCESS_DENIED);
    CHECK_STATUS(ZwClose(event), STATUS_SUCCESS);
    AppEnd(&app);
    DriverStop();
}

/* A handle opened for reading only: the I/O manager refuses what changes something. */
static void ReadOnlyOpen(void)
{
    APP app;
    HANDLE event;
    EVENTSYS_EVENT_OUTPUT shared;
    APP_STATE state;
    DriverStart();
    app.process = UserCreateProcess("reader.exe", ModelUserOrdinary, FALSE);
    CHECK_STATUS(UserOpenDevice(app.process, DEVICE_PATH, GENERIC_READ, &app.device), STATUS_SUCCESS);
    CHECK_STATUS(UserCreateEvent(app.process, NULL, NotificationEvent, FALSE, 0, &event), STATUS_SUCCESS);
    AppQueryState(&app, &state);
    AppFreeState(&state);
    CHECK_STATUS(AppRegister(&app, event, &shared), STATUS_ACCESS_DENIED);
    CHECK_STATUS(AppNotify(&app, 0, 0), STATUS_ACCESS_DENIED);
    AppEnd(&app);
    DriverStop();
}

const SCENARIO LifetimeScenarios[] = {
    ON_BOTH("lifetime: a close releases everything", CloseReleases),
    ON_BOTH("lifetime: the open lives until its last handle", CleanupAtLastHandle),
    ON_BOTH("lifetime: killed with everything shared", KillWithEverything),
    ON_BOTH("lifetime: killed during a wait", KillDuringWait),
    ON_BOTH("lifetime: killed in a synchronous inverted call", KillDuringSynchronousCall),
    ON_BOTH("lifetime: killed between work and done", KillDuringBufferWork),
    ON_WINDOWS("lifetime: unload waits for open handles", UnloadWaitsForHandles),
    ON_WINE("lifetime: unload with open handles", UnloadWithOpenHandles),
    ON_BOTH("lifetime: loaded again and again", LoadAgain),
    ON_WINDOWS("access: the device's SDDL, by IoCreateDeviceSecure", DeviceAccessSecure),
    ON_WINDOWS("access: the device's DACL, set by hand", DeviceAccessByHand),
    ON_BOTH("access: handles that grant too little or mean something else", HandleAccess),
    ON_WINDOWS("access: names that the requestor may not open", NameAccess),
    ON_WINDOWS("access: a read-only open changes nothing", ReadOnlyOpen),
    NO_MORE_SCENARIOS,
};
