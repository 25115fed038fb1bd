/*
 * dispatcher.c - virtual time, threads, dispatcher objects and waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A wait that virtual time alone cannot end in this span is a hang, though a periodic timer keeps the clock going. */
#define LONGEST_WAIT (MS(1000) * 3600)
const char ModelIdle[] = "idle";
static _Thread_local PETHREAD currentThread;
static PETHREAD threads;     /* all that live */
static PETHREAD blockedHead; /* FIFO */
static ULONG running;
static ULONG nextThreadId;
static LONGLONG now;

PETHREAD ModelThread(void)
{
    if (currentThread == NULL) {
        ModelFail("a kernel call on a thread that the model does not know");
    }
    return currentThread;
}

PETHREAD ModelThreads(void) { return threads; }
LONGLONG ModelNowLocked(void) { return now; }

LONGLONG ModelNow(void)
{
    ModelLock();
    LONGLONG answer = now;
    ModelUnlock();
    return answer;
}

static const char *ObjectKind(const DISPATCHER_HEADER *header)
{
    switch (header->Type) {
    case KObjectNotificationEvent: return "notification event";
    case KObjectSynchronizationEvent: return "synchronization event";
    case KObjectMutant: return "mutant";
    case KObjectProcess: return "process";
    case KObjectSemaphore: return "semaphore";
    case KObjectThread: return "thread";
    case KObjectNotificationTimer:
    case KObjectSynchronizationTimer: return "timer";
    default: return "unknown object";
    }
}

static void RequireHeader(const DISPATCHER_HEADER *header, const char *call)
{
    if (header->Signalling != HEADER_INITIALIZED) {
        ModelFail("%s: the object was not initialized, or its memory was overwritten", call);
    }
}

static void RemoveBlocked(PETHREAD thread)
{
    for (PETHREAD *link = &blockedHead; *link != NULL; link = &(*link)->wait.next) {
        if (*link == thread) {
            *link = thread->wait.next;
            break;
        }
    }
    thread->wait.next = NULL;
}

void ModelWakeLocked(PETHREAD thread, NTSTATUS status)
{
    if (!thread->wait.blocked) {
        return;
    }
    RemoveBlocked(thread);
    thread->wait.blocked = FALSE;
    thread->wait.status = status;
    running++;
    __atomic_store_n(&thread->wake, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &thread->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

DECLSPEC_NORETURN static void Deadlock(const char *why)
{
    char text[1024] = "";
    size_t used = 0;
    for (PETHREAD t = blockedHead; t != NULL && used < sizeof text - 96; t = t->wait.next) {
        if (t->wait.reason != ModelIdle) {
            const char *kind = t->wait.count != 0 ? ObjectKind(t->wait.objects[0]) : "";
            used += (size_t)snprintf(text + used, sizeof text - used, "; thread %u of %s in %s %s", t->id,
                                     t->process->name, t->wait.reason, kind);
        }
    }
    ModelFail("%s%s", why, text);
}

/* Wakes who waited until `to` at the latest. */
static void AdvanceLocked(LONGLONG to)
{
    if (to > now) {
        now = to;
    }
    ModelExpireTimersLocked(now);
    for (PETHREAD t = blockedHead, next; t != NULL; t = next) {
        next = t->wait.next;
        if (t->wait.deadline <= now) {
            ModelWakeLocked(t, STATUS_TIMEOUT);
        }
    }
}

/* Every thread is blocked: time jumps to the next thing that is due. */
static void IdleLocked(void)
{
    while (running == 0) {
        LONGLONG next = ModelNextTimerLocked();
        for (PETHREAD t = blockedHead; t != NULL; t = t->wait.next) {
            next = min(next, t->wait.deadline);
        }
        if (next == INT64_MAX) {
            Deadlock("every thread is blocked and nothing is due (deadlock)");
        }
        AdvanceLocked(next);
        for (PETHREAD t = blockedHead; t != NULL; t = t->wait.next) {
            if (t->wait.reason != ModelIdle && t->wait.deadline == INT64_MAX && now - t->wait.began > LONGEST_WAIT) {
                Deadlock("a wait has taken an hour while only timers fire");
            }
        }
    }
}

void ModelTickLocked(LONGLONG ticks)
{
    AdvanceLocked(now + ticks);
}

NTSTATUS ModelBlockLocked(LONGLONG deadline, const char *reason)
{
    PETHREAD self = ModelThread();
    self->wait.began = now;
    self->wait.deadline = deadline;
    self->wait.reason = reason;
    self->wait.blocked = TRUE;
    self->wait.next = NULL;
    self->wake = 0;
    PETHREAD *link = &blockedHead;
    while (*link != NULL) {
        link = &(*link)->wait.next;
    }
    *link = self;
    running--;
    if (running == 0) {
        IdleLocked();
    }
    while (self->wait.blocked) {
        ModelUnlock();
        while (__atomic_load_n(&self->wake, __ATOMIC_ACQUIRE) == 0) {
            syscall(SYS_futex, &self->wake, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        }
        ModelLock();
    }
    return self->wait.status;
}

/* ---- dispatcher objects ---- */

static BOOLEAN Satisfies(const DISPATCHER_HEADER *header, PETHREAD thread)
{
    if (header->Type == KObjectMutant) {
        return header->SignalState > 0 || ((const KMUTANT *)header)->OwnerThread == thread;
    }
    return header->SignalState > 0;
}

static void Consume(DISPATCHER_HEADER *header, PETHREAD thread)
{
    switch (header->Type) {
    case KObjectSynchronizationEvent:
    case KObjectSynchronizationTimer: header->SignalState = 0; break;
    case KObjectSemaphore: header->SignalState--; break;
    case KObjectMutant:
        header->SignalState--;
        ((KMUTANT *)header)->OwnerThread = thread;
        break;
    default: break;
    }
}

/* Tries the wait in thread->wait: satisfied objects are consumed and `status` says which. */
static BOOLEAN TrySatisfy(PETHREAD thread, NTSTATUS *status)
{
    MODEL_WAIT *wait = &thread->wait;
    if (wait->type == WaitAll) {
        for (ULONG i = 0; i < wait->count; i++) {
            if (!Satisfies(wait->objects[i], thread)) {
                return FALSE;
            }
        }
        for (ULONG i = 0; i < wait->count; i++) {
            Consume(wait->objects[i], thread);
        }
        *status = STATUS_WAIT_0;
        return TRUE;
    }
    for (ULONG i = 0; i < wait->count; i++) {
        if (Satisfies(wait->objects[i], thread)) {
            Consume(wait->objects[i], thread);
            *status = STATUS_WAIT_0 + (NTSTATUS)i;
            return TRUE;
        }
    }
    return FALSE;
}

/* Sets the state and releases waits, first come first served. Returns the state before. */
LONG ModelSignalLocked(DISPATCHER_HEADER *header, LONG state)
{
    LONG previous = header->SignalState;
    MODEL_RELEASE(header);
    header->SignalState = state;
    for (PETHREAD t = blockedHead, next; t != NULL && header->SignalState > 0; t = next) {
        next = t->wait.next;
        for (ULONG i = 0; i < t->wait.count; i++) {
            NTSTATUS status;
            if (t->wait.objects[i] == header && TrySatisfy(t, &status)) {
                ModelWakeLocked(t, status);
                break;
            }
        }
    }
    return previous;
}

NTSTATUS ModelWaitLocked(ULONG count, PVOID objects[], WAIT_TYPE type, BOOLEAN endedByKill, LONGLONG deadline,
                         const char *reason)
{
    PETHREAD self = ModelThread();
    NTSTATUS status;
    if (endedByKill && self->process->dead) {
        return STATUS_USER_APC;
    }
    self->wait.count = count;
    for (ULONG i = 0; i < count; i++) {
        RequireHeader(objects[i], reason);
        self->wait.objects[i] = objects[i];
    }
    self->wait.type = type;
    self->wait.endedByKill = endedByKill;
    if (!TrySatisfy(self, &status)) {
        status = deadline <= now ? STATUS_TIMEOUT : ModelBlockLocked(deadline, reason);
    }
    if (status >= STATUS_WAIT_0 && status <= STATUS_WAIT_63) {
        if (type == WaitAll) {
            for (ULONG i = 0; i < count; i++) {
                MODEL_ACQUIRE(self->wait.objects[i]);
            }
        } else {
            MODEL_ACQUIRE(self->wait.objects[status]);
        }
    }
    self->wait.count = 0;
    return status;
}

void ModelEndWaitsOfLocked(PEPROCESS process)
{
    for (PETHREAD t = blockedHead, next; t != NULL; t = next) {
        next = t->wait.next;
        if (t->owner == process && t->wait.endedByKill) {
            ModelWakeLocked(t, STATUS_USER_APC);
        }
    }
}

static LONGLONG DeadlineLocked(const LARGE_INTEGER *timeout)
{
    if (timeout == NULL) {
        return INT64_MAX;
    }
    /* Negative is relative, positive absolute system time, which starts at 0 in the model. */
    return timeout->QuadPart <= 0 ? now - timeout->QuadPart : timeout->QuadPart;
}

/* IRQL: <= DISPATCH_LEVEL with a time-out of 0, else <= APC_LEVEL [doc: KeWaitForSingleObject]. */
static NTSTATUS KernelWait(const char *call, ULONG count, PVOID objects[], WAIT_TYPE type, KPROCESSOR_MODE mode,
                           BOOLEAN alertable, PLARGE_INTEGER timeout)
{
    BOOLEAN polls = timeout != NULL && timeout->QuadPart == 0;
    ModelRequireIrql(call, polls ? DISPATCH_LEVEL : APC_LEVEL);
    for (ULONG i = 0; i < count; i++) {
        if (objects[i] == NULL) {
            ModelFail("%s on a null object", call);
        }
    }
    ModelLock();
    NTSTATUS status = ModelWaitLocked(count, objects, type, mode == UserMode || alertable, DeadlineLocked(timeout), call);
    ModelUnlock();
    return status;
}

NTSTATUS KeWaitForSingleObject(PVOID object, KWAIT_REASON reason, KPROCESSOR_MODE mode, BOOLEAN alertable,
                               PLARGE_INTEGER timeout)
{
    UNREFERENCED_PARAMETER(reason);
    return KernelWait("KeWaitForSingleObject", 1, &object, WaitAny, mode, alertable, timeout);
}

NTSTATUS KeWaitForMultipleObjects(ULONG count, PVOID objects[], WAIT_TYPE type, KWAIT_REASON reason,
                                  KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER timeout, PKWAIT_BLOCK blocks)
{
    UNREFERENCED_PARAMETER(reason);
    if (count == 0 || count > (blocks == NULL ? THREAD_WAIT_OBJECTS : MAXIMUM_WAIT_OBJECTS)) {
        ModelFail("KeWaitForMultipleObjects on %u objects %s wait blocks", count, blocks == NULL ? "without" : "with");
    }
    return KernelWait("KeWaitForMultipleObjects", count, objects, type, mode, alertable, timeout);
}

/* IRQL <= APC_LEVEL [doc]. */
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER interval)
{
    ModelRequireIrql("KeDelayExecutionThread", APC_LEVEL);
    ModelLock();
    NTSTATUS status = ModelWaitLocked(0, NULL, WaitAny, mode == UserMode || alertable, DeadlineLocked(interval),
                                      "KeDelayExecutionThread");
    ModelUnlock();
    return status == STATUS_TIMEOUT ? STATUS_SUCCESS : status;
}

VOID KeStallExecutionProcessor(ULONG microseconds)
{
    if (microseconds > 50) {
        ModelFail("KeStallExecutionProcessor for %u microseconds, allowed up to 50", microseconds);
    }
}

static void InitializeHeader(DISPATCHER_HEADER *header, UCHAR type, LONG state)
{
    header->Type = type;
    header->Signalling = HEADER_INITIALIZED;
    header->SignalState = state;
}

VOID KeInitializeEvent(PRKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
    InitializeHeader(&event->Header,
                     type == NotificationEvent ? KObjectNotificationEvent : KObjectSynchronizationEvent, state ? 1 : 0);
}

static DISPATCHER_HEADER *RequireEvent(PRKEVENT event, const char *call)
{
    if (event == NULL) {
        ModelFail("%s on a null event", call);
    }
    RequireHeader(&event->Header, call);
    if (event->Header.Type != KObjectNotificationEvent && event->Header.Type != KObjectSynchronizationEvent) {
        ModelFail("%s on a %s", call, ObjectKind(&event->Header));
    }
    return &event->Header;
}

/* IRQL <= DISPATCH_LEVEL; with Wait <= APC_LEVEL, and a wait must follow at once [doc: KeSetEvent]. */
LONG KeSetEvent(PRKEVENT event, KPRIORITY increment, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(increment);
    ModelRequireIrql(wait ? "KeSetEvent with Wait" : "KeSetEvent", wait ? APC_LEVEL : DISPATCH_LEVEL);
    ModelLock();
    LONG previous = ModelSignalLocked(RequireEvent(event, "KeSetEvent"), 1);
    ModelUnlock();
    return previous;
}

LONG KeResetEvent(PRKEVENT event)
{
    ModelRequireIrql("KeResetEvent", DISPATCH_LEVEL);
    ModelLock();
    DISPATCHER_HEADER *header = RequireEvent(event, "KeResetEvent");
    LONG previous = header->SignalState;
    header->SignalState = 0;
    ModelUnlock();
    return previous;
}

VOID KeClearEvent(PRKEVENT event)
{
    ModelRequireIrql("KeClearEvent", DISPATCH_LEVEL);
    ModelLock();
    RequireEvent(event, "KeClearEvent")->SignalState = 0;
    ModelUnlock();
}

LONG KeReadStateEvent(PRKEVENT event)
{
    ModelRequireIrql("KeReadStateEvent", DISPATCH_LEVEL);
    ModelLock();
    LONG state = RequireEvent(event, "KeReadStateEvent")->SignalState;
    ModelUnlock();
    return state;
}

VOID KeInitializeSemaphore(PRKSEMAPHORE semaphore, LONG count, LONG limit)
{
    InitializeHeader(&semaphore->Header, KObjectSemaphore, count);
    semaphore->Limit = limit;
}

LONG KeReleaseSemaphore(PRKSEMAPHORE semaphore, KPRIORITY increment, LONG adjustment, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(increment);
    ModelRequireIrql("KeReleaseSemaphore", wait ? APC_LEVEL : DISPATCH_LEVEL);
    ModelLock();
    RequireHeader(&semaphore->Header, "KeReleaseSemaphore");
    if (semaphore->Header.SignalState + adjustment > semaphore->Limit) {
        ModelFail("KeReleaseSemaphore raises STATUS_SEMAPHORE_LIMIT_EXCEEDED");
    }
    LONG previous = ModelSignalLocked(&semaphore->Header, semaphore->Header.SignalState + adjustment);
    ModelUnlock();
    return previous;
}

VOID KeInitializeMutex(PRKMUTEX mutex, ULONG level)
{
    UNREFERENCED_PARAMETER(level);
    InitializeHeader(&mutex->Header, KObjectMutant, 1);
    mutex->OwnerThread = NULL;
}

LONG KeReleaseMutex(PRKMUTEX mutex, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(wait);
    ModelRequireIrql("KeReleaseMutex", DISPATCH_LEVEL);
    ModelLock();
    RequireHeader(&mutex->Header, "KeReleaseMutex");
    if (mutex->OwnerThread != ModelThread()) {
        ModelFail("KeReleaseMutex by a thread that does not own it");
    }
    LONG previous = mutex->Header.SignalState;
    if (previous == 0) {
        mutex->OwnerThread = NULL;
    }
    ModelSignalLocked(&mutex->Header, previous + 1);
    ModelUnlock();
    return previous;
}

/* Freed memory that a thread still waits on is doctor rule 41: the next signal would walk freed memory. */
void ModelCheckFreedMemoryLocked(PVOID start, size_t bytes, const char *call)
{
    const char *what;
    for (PETHREAD t = blockedHead; t != NULL; t = t->wait.next) {
        for (ULONG i = 0; i < t->wait.count; i++) {
            if ((size_t)((char *)t->wait.objects[i] - (char *)start) < bytes) {
                ModelFail("%s frees a %s that a thread waits for", call, ObjectKind(t->wait.objects[i]));
            }
        }
    }
    if (ModelDeferredInRangeLocked(start, bytes, &what)) {
        ModelFail("%s frees a queued %s", call, what);
    }
}

/* ---- threads ---- */

PETHREAD ModelNewThread(PEPROCESS process)
{
    ModelLock();
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelThreadType, sizeof(struct _KTHREAD));
    PETHREAD thread = (PETHREAD)object->body;
    InitializeHeader(&thread->Header, KObjectThread, 0);
    thread->process = thread->owner = process;
    ModelReferenceLocked(MODEL_HEADER(process));
    nextThreadId += 4;
    thread->id = nextThreadId;
    thread->processor = (thread->id / 4) % ModelProcessors();
    thread->nextThread = threads;
    threads = thread;
    running++;
    ModelUnlock();
    return thread;
}

/* The thread has run to its end, on itself. */
static void EndThread(PETHREAD thread)
{
    if (thread->irql != PASSIVE_LEVEL || thread->heldCount != 0 || thread->apcsDisabled != 0) {
        ModelFail("a thread ended at %s with %u spin locks held", ModelIrqlName(thread->irql), thread->heldCount);
    }
    ModelLock();
    for (PETHREAD *link = &threads; *link != NULL; link = &(*link)->nextThread) {
        if (*link == thread) {
            *link = thread->nextThread;
            break;
        }
    }
    thread->terminated = TRUE;
    ModelSignalLocked(&thread->Header, 1);
    running--;
    if (running == 0) {
        IdleLocked();
    }
    MODEL_OBJECT *process = ModelDereferenceLocked(MODEL_HEADER(thread->owner));
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    if (process != NULL) {
        ModelDeleteObject(process);
    }
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

static void *ThreadMain(void *argument)
{
    PETHREAD thread = argument;
    currentThread = thread;
    if (thread->start != NULL) {
        thread->start(thread->context);
    } else {
        thread->routine(thread->context);
    }
    EndThread(thread);
    return NULL;
}

PETHREAD ModelStartThread(PEPROCESS process, PKSTART_ROUTINE start, MODEL_THREAD_ROUTINE *routine, PVOID context,
                          BOOLEAN service)
{
    pthread_attr_t attributes;
    pthread_t id;
    PETHREAD thread = ModelNewThread(process);
    thread->start = start;
    thread->routine = routine;
    thread->context = context;
    thread->service = service;
    thread->ofDriver = start != NULL;
    ModelLock();
    /* One reference is the running thread's own, one the starter's. */
    ModelReferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, service ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    if (pthread_create(&id, &attributes, ThreadMain, thread) != 0) {
        ModelFail("the host has no more threads");
    }
    pthread_attr_destroy(&attributes);
    thread->pthread = service ? id : 0;
    return thread;
}

PETHREAD ModelCreateThread(PEPROCESS process, MODEL_THREAD_ROUTINE *routine, void *context)
{
    return ModelStartThread(process == NULL ? PsInitialSystemProcess : process, NULL, routine, context, FALSE);
}

static void DropThread(PETHREAD thread)
{
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

void ModelJoinThread(PETHREAD thread)
{
    PVOID object = thread;
    ModelLock();
    ModelWaitLocked(1, &object, WaitAny, FALSE, INT64_MAX, "ModelJoinThread");
    ModelUnlock();
    DropThread(thread);
}

void ModelJoinService(PETHREAD thread)
{
    pthread_t id = thread->pthread;
    /* The joiner does not count as running meanwhile, but neither may time jump: the service ends without blocking. */
    pthread_join(id, NULL);
    DropThread(thread);
}

NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access, POBJECT_ATTRIBUTES attributes, HANDLE process,
                              PCLIENT_ID client, PKSTART_ROUTINE start, PVOID context)
{
    ModelRequireIrql("PsCreateSystemThread", PASSIVE_LEVEL);
    UNREFERENCED_PARAMETER(process);
    if (ModelFault("PsCreateSystemThread")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (ModelTarget() == ModelWindows && (attributes == NULL || (attributes->Attributes & OBJ_KERNEL_HANDLE) == 0) &&
        PsGetCurrentProcess() != PsInitialSystemProcess) {
        ModelFail("PsCreateSystemThread makes a user handle in %s: OBJ_KERNEL_HANDLE is missing",
                  PsGetCurrentProcess()->name);
    }
    PETHREAD thread = ModelStartThread(PsInitialSystemProcess, start, NULL, context, FALSE);
    if (client != NULL) {
        client->UniqueProcess = ULongToHandle(PsInitialSystemProcess->id);
        client->UniqueThread = ULongToHandle(thread->id);
    }
    ModelLock();
    NTSTATUS status = ModelInsertHandleLocked(PsInitialSystemProcess, MODEL_HEADER(thread), access, TRUE, TRUE, handle);
    ModelUnlock();
    if (!NT_SUCCESS(status)) {
        ModelFail("the system process is out of handles");
    }
    DropThread(thread);
    return STATUS_SUCCESS;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS exitStatus)
{
    PETHREAD thread = ModelThread();
    UNREFERENCED_PARAMETER(exitStatus);
    ModelRequireIrql("PsTerminateSystemThread", PASSIVE_LEVEL);
    if (!thread->ofDriver) {
        ModelFail("PsTerminateSystemThread on a thread that PsCreateSystemThread did not make");
    }
    EndThread(thread);
    pthread_exit(NULL);
}

ULONG ModelDriverThreadsLocked(void)
{
    ULONG count = 0;
    for (PETHREAD t = threads; t != NULL; t = t->nextThread) {
        count += t->ofDriver ? 1 : 0;
    }
    return count;
}

void ModelDispatcherStart(void)
{
    threads = blockedHead = NULL;
    running = 0;
    now = MS(1000);
    nextThreadId = 96;
    /* The host's own thread is the system process's first. */
    currentThread = ModelNewThread(PsInitialSystemProcess);
}

void ModelDispatcherEnd(void)
{
    PETHREAD self = currentThread;
    ModelLock();
    for (PETHREAD t = threads; t != NULL; t = t->nextThread) {
        if (t != self) {
            ModelFail("thread %u of %s still lives", t->id, t->owner->name);
        }
    }
    threads = NULL;
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(self));
    ModelDereferenceLocked(MODEL_HEADER(self->owner));
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    currentThread = NULL;
}

void ModelSleep(LONGLONG ticks)
{
    ModelLock();
    ModelWaitLocked(0, NULL, WaitAny, FALSE, now + ticks, "ModelSleep");
    ModelUnlock();
}

PKTHREAD KeGetCurrentThread(VOID) { return ModelThread(); }
PETHREAD PsGetCurrentThread(VOID) { return ModelThread(); }
HANDLE PsGetCurrentThreadId(VOID) { return ULongToHandle(ModelThread()->id); }
HANDLE PsGetThreadId(PETHREAD thread) { return ULongToHandle(thread->id); }
HANDLE PsGetThreadProcessId(PETHREAD thread) { return ULongToHandle(thread->owner->id); }
BOOLEAN PsIsSystemThread(PETHREAD thread) { return thread->owner == PsInitialSystemProcess; }

KPRIORITY KeSetPriorityThread(PKTHREAD thread, KPRIORITY priority)
{
    ModelRequireIrql("KeSetPriorityThread", APC_LEVEL);
    UNREFERENCED_PARAMETER(thread);
    UNREFERENCED_PARAMETER(priority);
    return 8;
}

ULONG ModelProcessors(void) { return ModelOptions.processors; }
ULONG KeQueryActiveProcessorCount(KAFFINITY *active)
{
    if (active != NULL) {
        *active = (1ull << ModelProcessors()) - 1;
    }
    return ModelProcessors();
}
ULONG KeQueryActiveProcessorCountEx(USHORT group) { UNREFERENCED_PARAMETER(group); return ModelProcessors(); }
ULONG KeQueryMaximumProcessorCount(VOID) { return ModelProcessors(); }
ULONG KeQueryMaximumProcessorCountEx(USHORT group) { UNREFERENCED_PARAMETER(group); return ModelProcessors(); }

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number)
{
    ULONG processor = ModelThread()->processor;
    if (number != NULL) {
        number->Group = 0;
        number->Number = (UCHAR)processor;
        number->Reserved = 0;
    }
    return processor;
}
ULONG KeGetCurrentProcessorNumber(VOID) { return ModelThread()->processor; }

/* Each reading moves time by its unit, so that a loop on the clock ends. */
static LONGLONG ReadClock(void)
{
    ModelLock();
    LONGLONG answer = ++now;
    ModelUnlock();
    return answer;
}

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER frequency)
{
    LARGE_INTEGER answer;
    if (frequency != NULL) {
        frequency->QuadPart = 10000000;
    }
    answer.QuadPart = ReadClock();
    return answer;
}
ULONGLONG KeQueryInterruptTime(VOID) { return (ULONGLONG)ReadClock(); }
VOID KeQuerySystemTime(PLARGE_INTEGER time) { time->QuadPart = ReadClock(); }
VOID KeQuerySystemTimePrecise(PLARGE_INTEGER time) { time->QuadPart = ReadClock(); }
VOID KeQueryTickCount(PLARGE_INTEGER ticks) { ticks->QuadPart = ReadClock() / 156250; }
ULONG KeQueryTimeIncrement(VOID) { return 156250; }

VOID KeBugCheckEx(ULONG code, ULONG_PTR p1, ULONG_PTR p2, ULONG_PTR p3, ULONG_PTR p4)
{
    ModelFail("KeBugCheckEx %x (%llx, %llx, %llx, %llx)", code, p1, p2, p3, p4);
}
