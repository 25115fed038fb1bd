/*
 * scenarios_rules.c - the model itself: each rule is broken on purpose, and the model must say so by name. Without these a
 * model that checks nothing would pass everything.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scenario.h"

#define TAG 'tseT'

static void Start(void)
{
    MODEL_OPTIONS options = {.target = ModelWindows};
    ModelStart(&options);
}

static KSPIN_LOCK lock;
static KEVENT event;
static KTIMER timer;
static KDPC dpc;

static void AtDispatch(void)
{
    KIRQL old;
    Start();
    KeInitializeSpinLock(&lock);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeAcquireSpinLock(&lock, &old);
}

static void WaitAtDispatch(void)
{
    AtDispatch();
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

static void TimedWaitAtDispatch(void)
{
    LARGE_INTEGER timeout = {.QuadPart = -1};
    AtDispatch();
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout);
}

static void PollAtDispatch(void)
{
    LARGE_INTEGER timeout = {.QuadPart = 0};
    AtDispatch();
    CHECK_STATUS(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_TIMEOUT);
    CHECK_EQUAL(KeSetEvent(&event, 0, FALSE), 0);
    CHECK_STATUS(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_SUCCESS);
    KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
    ModelEnd();
}

static void DelayAtDispatch(void)
{
    LARGE_INTEGER interval = {.QuadPart = -1};
    AtDispatch();
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

static void SetEventWaitAtDispatch(void)
{
    AtDispatch();
    KeSetEvent(&event, 0, TRUE);
}

static void SetEventAboveDispatch(void)
{
    KIRQL old;
    Start();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeRaiseIrql(HIGH_LEVEL, &old);
    KeSetEvent(&event, 0, FALSE);
}

static void SetEventUninitialized(void)
{
    static KEVENT never;
    Start();
    KeSetEvent(&never, 0, FALSE);
}

static void ZwAtApc(void)
{
    KIRQL old;
    HANDLE handle;
    Start();
    KeRaiseIrql(APC_LEVEL, &old);
    ZwCreateEvent(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
}

static void ReferenceAtDispatch(void)
{
    PVOID object;
    AtDispatch();
    ObReferenceObjectByHandle((HANDLE)4, 0, *ExEventObjectType, UserMode, &object, NULL);
}

static void PagedCodeAtDispatch(void)
{
    AtDispatch();
    PAGED_CODE();
}

static void PagedPoolAtDispatch(void)
{
    AtDispatch();
    ExAllocatePool2(POOL_FLAG_PAGED, 16, TAG);
}

static void LinkAtDispatch(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\DosDevices\\X");
    AtDispatch();
    IoDeleteSymbolicLink(&name);
}

static void FastMutexAtDispatch(void)
{
    static FAST_MUTEX mutex;
    Start();
    ExInitializeFastMutex(&mutex);
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    ExAcquireFastMutex(&mutex);
}

static void FastMutexTwice(void)
{
    static FAST_MUTEX mutex;
    Start();
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
}

static void AtDpcLevelAtPassive(void)
{
    Start();
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLockAtDpcLevel(&lock);
}

static void LockTwice(void)
{
    KIRQL old;
    AtDispatch();
    KeAcquireSpinLock(&lock, &old);
}

static void ReleaseWrongIrql(void)
{
    AtDispatch();
    KeReleaseSpinLock(&lock, APC_LEVEL);
}

static void ReleaseNotHeld(void)
{
    Start();
    KeInitializeSpinLock(&lock);
    KeReleaseSpinLock(&lock, PASSIVE_LEVEL);
}

static void LowerWithLock(void)
{
    AtDispatch();
    KeLowerIrql(PASSIVE_LEVEL);
}

static void FlushAtDispatch(void)
{
    AtDispatch();
    KeFlushQueuedDpcs();
}

static void WideTextAtDispatch(void)
{
    AtDispatch();
    DbgPrint("%ws", L"text");
}

static void UnloadAtDispatchThread(void)
{
    AtDispatch();
    HANDLE handle;
    PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, NULL, NULL);
}

static void Deadlocked(void)
{
    Start();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

static VOID WaitingDpc(PKDPC d, PVOID context, PVOID a, PVOID b)
{
    UNREFERENCED_PARAMETER(d);
    UNREFERENCED_PARAMETER(a);
    UNREFERENCED_PARAMETER(b);
    KeWaitForSingleObject(context, Executive, KernelMode, FALSE, NULL);
}

static void WaitInDpc(void)
{
    LARGE_INTEGER due = {.QuadPart = -MS(10)};
    Start();
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, WaitingDpc, &event);
    KeSetTimer(&timer, due, &dpc);
    ModelSleep(MS(100));
}

static VOID CountingDpc(PKDPC d, PVOID context, PVOID a, PVOID b)
{
    UNREFERENCED_PARAMETER(d);
    UNREFERENCED_PARAMETER(a);
    UNREFERENCED_PARAMETER(b);
    if (KeGetCurrentIrql() == DISPATCH_LEVEL) {
        InterlockedIncrement(context);
    }
}

/* Virtual time: five periods in 45 ms after a first tick at 5 ms. */
static void PeriodicTimer(void)
{
    static LONG count;
    LARGE_INTEGER due = {.QuadPart = -MS(5)};
    Start();
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeInitializeDpc(&dpc, CountingDpc, &count);
    CHECK(!KeSetTimerEx(&timer, due, 10, &dpc));
    ModelSleep(MS(46));
    CHECK(KeCancelTimer(&timer));
    KeFlushQueuedDpcs();
    CHECK_EQUAL(count, 5);
    ModelSleep(MS(100));
    CHECK_EQUAL(count, 5);
    ModelEnd();
}

static void FreeQueuedTimer(void)
{
    LARGE_INTEGER due = {.QuadPart = -MS(10)};
    Start();
    PKTIMER queued = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof *queued, TAG);
    KeInitializeTimer(queued);
    KeSetTimer(queued, due, NULL);
    ExFreePoolWithTag(queued, TAG);
}

static void FreeWithWrongTag(void)
{
    Start();
    ExFreePoolWithTag(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG), 'gnoW');
}

static void FreeTwice(void)
{
    Start();
    PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG);
    ExFreePoolWithTag(block, TAG);
    ExFreePoolWithTag(block, TAG);
}

static void LeakPool(void)
{
    Start();
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG);
    ModelEnd();
}

static void LeakHandle(void)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    Start();
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    CHECK_STATUS(ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    ModelEnd();
}

static void LeakReference(void)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    PVOID object;
    Start();
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    CHECK_STATUS(ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE), STATUS_SUCCESS);
    CHECK_STATUS(ObReferenceObjectByHandle(handle, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode, &object, NULL),
                 STATUS_SUCCESS);
    CHECK_STATUS(ZwClose(handle), STATUS_SUCCESS);
    ModelEnd();
}

/* A user process with an event; its thread is the current one. */
static PEPROCESS process;
static HANDLE userHandle;
static void WithUserEvent(ACCESS_MASK access)
{
    Start();
    process = UserCreateProcess("app", ModelUserOrdinary, FALSE);
    CHECK_STATUS(UserCreateEvent(process, NULL, SynchronizationEvent, FALSE, access, &userHandle), STATUS_SUCCESS);
}

static void InProcess(void *context)
{
    PVOID object;
    NTSTATUS *status = context;
    *status = ObReferenceObjectByHandle(userHandle, EVENT_MODIFY_STATE, *ExEventObjectType, UserMode, &object, NULL);
    if (NT_SUCCESS(*status)) {
        ObDereferenceObject(object);
    }
}

static void AccessModeChecks(void)
{
    NTSTATUS status = 0;
    WithUserEvent(SYNCHRONIZE);
    ModelJoinThread(ModelCreateThread(process, InProcess, &status));
    CHECK_STATUS(status, STATUS_ACCESS_DENIED);
    UserClose(process, userHandle);
    CHECK_STATUS(UserCreateEvent(process, NULL, SynchronizationEvent, FALSE, EVENT_MODIFY_STATE, &userHandle),
                 STATUS_SUCCESS);
    ModelJoinThread(ModelCreateThread(process, InProcess, &status));
    CHECK_STATUS(status, STATUS_SUCCESS);
    UserClose(process, userHandle);
    UserCreateSemaphore(process, 0, 1, &userHandle);
    ModelJoinThread(ModelCreateThread(process, InProcess, &status));
    CHECK_STATUS(status, STATUS_OBJECT_TYPE_MISMATCH);
    /* The system process has no such handle: the wrong context is an error, not another object. */
    InProcess(&status);
    CHECK_STATUS(status, STATUS_INVALID_HANDLE);
    UserReleaseProcess(process);
    ModelEnd();
}

static void InKernelMode(void *context)
{
    PVOID object;
    UNREFERENCED_PARAMETER(context);
    ObReferenceObjectByHandle(userHandle, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode, &object, NULL);
}

static void UserHandleInKernelMode(void)
{
    WithUserEvent(EVENT_ALL_ACCESS);
    ModelJoinThread(ModelCreateThread(process, InKernelMode, NULL));
}

static void WithoutType(void *context)
{
    PVOID object;
    UNREFERENCED_PARAMETER(context);
    CHECK_STATUS(ObReferenceObjectByHandle(userHandle, EVENT_MODIFY_STATE, NULL, UserMode, &object, NULL), STATUS_SUCCESS);
    KeSetEvent(object, IO_NO_INCREMENT, FALSE);
}

static void UserHandleWithoutType(void)
{
    WithUserEvent(EVENT_ALL_ACCESS);
    UserCreateSemaphore(process, 0, 1, &userHandle);
    ModelJoinThread(ModelCreateThread(process, WithoutType, NULL));
}

static void NotAKernelHandle(void *context)
{
    HANDLE handle;
    UNREFERENCED_PARAMETER(context);
    ZwCreateEvent(&handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
}

static void KernelHandleMissing(void)
{
    WithUserEvent(EVENT_ALL_ACCESS);
    ModelJoinThread(ModelCreateThread(process, NotAKernelHandle, NULL));
}

static void CloseAppsHandle(void *context)
{
    UNREFERENCED_PARAMETER(context);
    ZwClose(userHandle);
}

static void DriverClosesAppsHandle(void)
{
    WithUserEvent(EVENT_ALL_ACCESS);
    ModelJoinThread(ModelCreateThread(process, CloseAppsHandle, NULL));
}

static void DereferenceTooOften(void)
{
    WithUserEvent(EVENT_ALL_ACCESS);
    ObDereferenceObject(UserObjectAddress(process, userHandle));
}

/* ---- a driver that does its requests wrong ---- */

static NTSTATUS (*wrongControl)(PIRP irp);
static PDEVICE_OBJECT wrongDevice;

static NTSTATUS CompleteWith(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS WrongDispatch(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    return IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_DEVICE_CONTROL
               ? wrongControl(irp)
               : CompleteWith(irp, STATUS_SUCCESS, 0);
}

static VOID WrongUnload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
}

static NTSTATUS WrongEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Wrong");
    UNREFERENCED_PARAMETER(path);
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        driver->MajorFunction[i] = WrongDispatch;
    }
    driver->DriverUnload = WrongUnload;
    return IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &wrongDevice);
}

static void Control(NTSTATUS (*control)(PIRP irp))
{
    HANDLE device;
    UCHAR output[16];
    wrongControl = control;
    Start();
    CHECK_STATUS(ModelLoadDriver(WrongEntry), STATUS_SUCCESS);
    process = UserCreateProcess("app", ModelUserSystem, FALSE);
    CHECK_STATUS(UserOpenDevice(process, L"\\Device\\Wrong", GENERIC_READ | GENERIC_WRITE, &device), STATUS_SUCCESS);
    UserControl(process, device, CTL_CODE(FILE_DEVICE_UNKNOWN, 1, METHOD_BUFFERED, FILE_ANY_ACCESS), NULL, 0, output,
                sizeof output, NULL);
}

static NTSTATUS PendWithoutMark(PIRP irp) { UNREFERENCED_PARAMETER(irp); return STATUS_PENDING; }
static NTSTATUS NeverCompletes(PIRP irp) { UNREFERENCED_PARAMETER(irp); return STATUS_SUCCESS; }
static NTSTATUS CompletesTwice(PIRP irp)
{
    CompleteWith(irp, STATUS_SUCCESS, 0);
    return CompleteWith(irp, STATUS_SUCCESS, 0);
}
static NTSTATUS TooMuch(PIRP irp) { memset(irp->AssociatedIrp.SystemBuffer, 0, 16); return CompleteWith(irp, 0, 17); }
static NTSTATUS Unwritten(PIRP irp) { return CompleteWith(irp, STATUS_SUCCESS, 16); }
static NTSTATUS OtherStatus(PIRP irp) { CompleteWith(irp, STATUS_CANCELLED, 0); return STATUS_SUCCESS; }
static NTSTATUS WithLock(PIRP irp)
{
    KIRQL old;
    KeInitializeSpinLock(&lock);
    KeAcquireSpinLock(&lock, &old);
    return CompleteWith(irp, STATUS_SUCCESS, 0);
}
static NTSTATUS KeepsIrql(PIRP irp)
{
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    return CompleteWith(irp, STATUS_SUCCESS, 0);
}
static VOID NoCancel(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    UNREFERENCED_PARAMETER(irp);
}
static NTSTATUS CancelRoutineLeft(PIRP irp)
{
    IoSetCancelRoutine(irp, NoCancel);
    return CompleteWith(irp, STATUS_SUCCESS, 0);
}

static void NoMark(void) { Control(PendWithoutMark); }
static void NoCompletion(void) { Control(NeverCompletes); }
static void TwoCompletions(void) { Control(CompletesTwice); }
static void TooMuchInformation(void) { Control(TooMuch); }
static void UnwrittenOutput(void) { Control(Unwritten); }
static void AnotherStatus(void) { Control(OtherStatus); }
static void CompleteWithLock(void) { Control(WithLock); }
static void DispatchKeepsIrql(void) { Control(KeepsIrql); }
static void CompleteWithCancelRoutine(void) { Control(CancelRoutineLeft); }

static NTSTATUS Completes(PIRP irp) { return CompleteWith(irp, STATUS_SUCCESS, 0); }
static void UnloadLeavesDevice(void)
{
    Control(Completes);
    UserReleaseProcess(process);
    ModelUnloadDriver();
}

const SCENARIO RuleScenarios[] = {
    {"rule: a wait at DISPATCH_LEVEL", WaitAtDispatch,
     "KeWaitForSingleObject called at DISPATCH_LEVEL, allowed up to APC_LEVEL", FALSE, ModelWindows},
    {"rule: a wait with a time-out at DISPATCH_LEVEL", TimedWaitAtDispatch,
     "KeWaitForSingleObject called at DISPATCH_LEVEL, allowed up to APC_LEVEL", FALSE, ModelWindows},
    {"rule: a wait with time-out 0 is legal at DISPATCH_LEVEL", PollAtDispatch, NULL, FALSE, ModelWindows},
    {"rule: a delay at DISPATCH_LEVEL", DelayAtDispatch, "KeDelayExecutionThread called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: KeSetEvent with Wait at DISPATCH_LEVEL", SetEventWaitAtDispatch,
     "KeSetEvent with Wait called at DISPATCH_LEVEL, allowed up to APC_LEVEL", FALSE, ModelWindows},
    {"rule: KeSetEvent above DISPATCH_LEVEL", SetEventAboveDispatch,
     "KeSetEvent called at above DISPATCH_LEVEL, allowed up to DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: KeSetEvent on memory that is no event", SetEventUninitialized, "KeSetEvent: the object was not initialized",
     FALSE, ModelWindows},
    {"rule: ZwCreateEvent at APC_LEVEL", ZwAtApc, "ZwCreateEvent called at APC_LEVEL, allowed up to PASSIVE_LEVEL", FALSE, ModelWindows},
    {"rule: ObReferenceObjectByHandle at DISPATCH_LEVEL", ReferenceAtDispatch,
     "ObReferenceObjectByHandle called at DISPATCH_LEVEL, allowed up to PASSIVE_LEVEL", FALSE, ModelWindows},
    {"rule: pageable code at DISPATCH_LEVEL", PagedCodeAtDispatch, "is pageable and entered at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: paged pool at DISPATCH_LEVEL", PagedPoolAtDispatch, "a paged pool allocation called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: IoDeleteSymbolicLink at DISPATCH_LEVEL", LinkAtDispatch, "IoDeleteSymbolicLink called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: a fast mutex at DISPATCH_LEVEL", FastMutexAtDispatch, "ExAcquireFastMutex called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: a fast mutex taken twice", FastMutexTwice, "the thread holds this mutex already", FALSE, ModelWindows},
    {"rule: KeAcquireSpinLockAtDpcLevel at PASSIVE_LEVEL", AtDpcLevelAtPassive,
     "KeAcquireSpinLockAtDpcLevel called at PASSIVE_LEVEL", FALSE, ModelWindows},
    {"rule: a spin lock taken twice", LockTwice, "the thread holds this spin lock already", FALSE, ModelWindows},
    {"rule: a spin lock released to another IRQL", ReleaseWrongIrql,
     "KeReleaseSpinLock restores APC_LEVEL, but the lock was taken at PASSIVE_LEVEL", FALSE, ModelWindows},
    {"rule: a spin lock released that is not held", ReleaseNotHeld, "the thread does not hold this spin lock", FALSE, ModelWindows},
    {"rule: IRQL lowered with a spin lock held", LowerWithLock, "KeLowerIrql to PASSIVE_LEVEL called with a spin lock held",
     FALSE, ModelWindows},
    {"rule: KeFlushQueuedDpcs at DISPATCH_LEVEL", FlushAtDispatch, "KeFlushQueuedDpcs called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: a wide string formatted at DISPATCH_LEVEL", WideTextAtDispatch,
     "a wide string is formatted at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: PsCreateSystemThread at DISPATCH_LEVEL", UnloadAtDispatchThread,
     "PsCreateSystemThread called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: a wait in a DPC", WaitInDpc, "KeWaitForSingleObject called at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: a wait that nothing can end", Deadlocked, "deadlock", FALSE, ModelWindows},
    {"rule: a periodic timer fires at its times, at DISPATCH_LEVEL", PeriodicTimer, NULL, FALSE, ModelWindows},
    {"rule: pool freed with a queued timer in it", FreeQueuedTimer, "frees a queued timer", FALSE, ModelWindows},
    {"rule: pool freed with another tag", FreeWithWrongTag, "ExFreePoolWithTag with tag", FALSE, ModelWindows},
    {"rule: pool freed twice", FreeTwice, "which is no pool block (any more)", FALSE, ModelWindows},
    {"rule: pool left at the end", LeakPool, "a pool block of 8 bytes with tag Test is left", FALSE, ModelWindows},
    {"rule: a handle left at the end", LeakHandle, "1 kernel handles are left", FALSE, ModelWindows},
    {"rule: a reference left at the end", LeakReference, "left behind: a Event with 1 references", FALSE, ModelWindows},
    {"rule: access, type and process of a user handle are checked in UserMode", AccessModeChecks, NULL, FALSE, ModelWindows},
    {"rule: a user handle taken in KernelMode", UserHandleInKernelMode, "in KernelMode: its access is not checked", FALSE, ModelWindows},
    {"rule: a semaphore taken without a type, set as an event", UserHandleWithoutType, "KeSetEvent on a semaphore", FALSE, ModelWindows},
    {"rule: a user handle made where a kernel handle is meant", KernelHandleMissing, "OBJ_KERNEL_HANDLE is missing", FALSE, ModelWindows},
    {"rule: the application's handle closed by the driver", DriverClosesAppsHandle, "which the driver did not open", FALSE, ModelWindows},
    {"rule: a reference given back that was not taken", DereferenceTooOften, "of which the driver holds no reference", FALSE, ModelWindows},
    {"rule: pended without IoMarkIrpPending", NoMark, "not marked pending", FALSE, ModelWindows},
    {"rule: returned without completing", NoCompletion, "without completing the IRP", FALSE, ModelWindows},
    {"rule: completed twice", TwoCompletions, "completed already", FALSE, ModelWindows},
    {"rule: Information beyond the output buffer", TooMuchInformation, "completes with Information 17", FALSE, ModelWindows},
    {"rule: output that was never written", UnwrittenOutput, "kernel memory would leak", FALSE, ModelWindows},
    {"rule: returned another status than completed", AnotherStatus, "and completed the IRP with", FALSE, ModelWindows},
    {"rule: completed with a spin lock held", CompleteWithLock, "IoCompleteRequest called with a spin lock held", FALSE, ModelWindows},
    {"rule: a dispatch routine keeps its IRQL", DispatchKeepsIrql, "returned at DISPATCH_LEVEL", FALSE, ModelWindows},
    {"rule: completed with a cancel routine set", CompleteWithCancelRoutine, "whose cancel routine is still set", FALSE, ModelWindows},
    {"rule: unload leaves its device", UnloadLeavesDevice, "1 devices", FALSE, ModelWindows},
    NO_MORE_SCENARIOS,
};
