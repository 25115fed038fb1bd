/*
 * dispatcher.c - virtual time, threads, dispatcher objects and waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <linux/futex.h>
#include <stdio.h>
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

const char *ModelObjectKind(const DISPATCHER_HEADER *header)
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

void ModelRequireHeader(const DISPATCHER_HEADER *header, const char *call)
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
            const char *kind = t->wait.count != 0 ? ModelObjectKind(t->wait.objects[0]) : "";
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
        ModelRequireHeader(objects[i], reason);
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

/* Freed memory that a thread still waits on is doctor rule 41: the next signal would walk freed memory. */
void ModelCheckFreedMemoryLocked(PVOID start, size_t bytes, const char *call)
{
    const char *what;
    for (PETHREAD t = blockedHead; t != NULL; t = t->wait.next) {
        for (ULONG i = 0; i < t->wait.count; i++) {
            if ((size_t)((char *)t->wait.objects[i] - (char *)start) < bytes) {
                ModelFail("%s frees a %s that a thread waits for", call, ModelObjectKind(t->wait.objects[i]));
            }
        }
    }
    if (ModelDeferredInRangeLocked(start, bytes, &what)) {
        ModelFail("%s frees a queued %s", call, what);
    }
}

/* ---- which threads there are ---- */

void ModelThreadBeginsLocked(PETHREAD thread)
{
    nextThreadId += 4;
    thread->id = nextThreadId;
    thread->processor = (thread->id / 4) % ModelProcessors();
    thread->nextThread = threads;
    threads = thread;
    running++;
}

void ModelThreadEndsLocked(PETHREAD thread)
{
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
}

void ModelBecome(PETHREAD thread)
{
    currentThread = thread;
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

/* ---- clocks ---- */

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
