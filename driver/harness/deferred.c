/*
 * deferred.c - timers, and DPCs: at DISPATCH_LEVEL on one thread per processor.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#define MAX_PROCESSORS 8

static LIST_ENTRY timerList;
static LIST_ENTRY dpcList;
static ULONGLONG dpcsQueued;                 /* number of the newest */
static ULONGLONG dpcRunning[MAX_PROCESSORS]; /* number that each thread runs, 0 = none */
static PETHREAD dpcThreads[MAX_PROCESSORS];
static BOOLEAN stopping;
/* Why a thread waits for DPCs; its address stands for "all DPCs so far" towards ThreadSanitizer. */
static char flushOrder[] = "KeFlushQueuedDpcs";

void ModelWakeIdleLocked(PETHREAD pool[], ULONG count)
{
    for (ULONG i = 0; i < count; i++) {
        if (pool[i] != NULL && pool[i]->wait.blocked && pool[i]->wait.reason == ModelIdle) {
            ModelWakeLocked(pool[i], STATUS_SUCCESS);
            return;
        }
    }
}

static void WakeFlushersLocked(void)
{
    for (PETHREAD t = ModelThreads(); t != NULL; t = t->nextThread) {
        if (t->wait.blocked && t->wait.reason == flushOrder) {
            ModelWakeLocked(t, STATUS_SUCCESS);
        }
    }
}

/* ---- DPCs ---- */

/* A DPC's number in the order of queueing lives in DpcData, which drivers leave alone. */
static BOOLEAN QueueDpcLocked(PRKDPC dpc, PVOID argument1, PVOID argument2)
{
    if (dpc->Type != KObjectDpc) {
        ModelFail("a DPC is queued that was not initialized, or its memory was overwritten");
    }
    if (dpc->DpcData != NULL) {
        return FALSE;
    }
    MODEL_RELEASE(dpc);
    dpc->SystemArgument1 = argument1;
    dpc->SystemArgument2 = argument2;
    dpc->DpcData = (PVOID)(ULONG_PTR)++dpcsQueued;
    dpc->DpcListEntry.Flink = &dpcList;
    dpc->DpcListEntry.Blink = dpcList.Blink;
    dpcList.Blink->Flink = &dpc->DpcListEntry;
    dpcList.Blink = &dpc->DpcListEntry;
    ModelWakeIdleLocked(dpcThreads, ModelProcessors());
    return TRUE;
}

static void UnlinkLocked(PLIST_ENTRY entry)
{
    entry->Blink->Flink = entry->Flink;
    entry->Flink->Blink = entry->Blink;
}

static void DpcThread(void *context)
{
    ULONG processor = (ULONG)(ULONG_PTR)context;
    PETHREAD self = ModelThread();
    self->processor = processor;
    ModelLock();
    for (;;) {
        if (IsListEmpty(&dpcList)) {
            if (stopping) {
                break;
            }
            ModelBlockLocked(INT64_MAX, ModelIdle);
            continue;
        }
        PRKDPC dpc = CONTAINING_RECORD(dpcList.Flink, KDPC, DpcListEntry);
        UnlinkLocked(&dpc->DpcListEntry);
        PKDEFERRED_ROUTINE routine = dpc->DeferredRoutine;
        PVOID deferred = dpc->DeferredContext, argument1 = dpc->SystemArgument1, argument2 = dpc->SystemArgument2;
        dpcRunning[processor] = (ULONGLONG)(ULONG_PTR)dpc->DpcData;
        dpc->DpcData = NULL; /* from here it may be queued again, also to run on another processor at the same time */
        MODEL_ACQUIRE(dpc);
        ModelUnlock();
        self->irql = DISPATCH_LEVEL;
        routine(dpc, deferred, argument1, argument2);
        if (self->irql != DISPATCH_LEVEL || self->heldCount != 0) {
            ModelFail("a DPC returned at %s with %u spin locks held", ModelIrqlName(self->irql), self->heldCount);
        }
        self->irql = PASSIVE_LEVEL;
        MODEL_RELEASE(flushOrder);
        ModelLock();
        dpcRunning[processor] = 0;
        WakeFlushersLocked();
    }
    ModelUnlock();
}

VOID KeInitializeDpc(PRKDPC dpc, PKDEFERRED_ROUTINE routine, PVOID context)
{
    dpc->Type = KObjectDpc;
    dpc->Importance = MediumImportance;
    dpc->Number = 0;
    dpc->DpcData = NULL;
    dpc->DeferredRoutine = routine;
    dpc->DeferredContext = context;
}

VOID KeSetImportanceDpc(PRKDPC dpc, KDPC_IMPORTANCE importance)
{
    dpc->Importance = (UCHAR)importance;
}

BOOLEAN KeInsertQueueDpc(PRKDPC dpc, PVOID argument1, PVOID argument2)
{
    ModelLock();
    BOOLEAN inserted = QueueDpcLocked(dpc, argument1, argument2);
    ModelUnlock();
    return inserted;
}

BOOLEAN KeRemoveQueueDpc(PRKDPC dpc)
{
    ModelLock();
    BOOLEAN queued = dpc->DpcData != NULL;
    if (queued) {
        UnlinkLocked(&dpc->DpcListEntry);
        dpc->DpcData = NULL;
        WakeFlushersLocked();
    }
    ModelUnlock();
    return queued;
}

static BOOLEAN DpcsUpToLocked(ULONGLONG number)
{
    for (ULONG i = 0; i < ModelProcessors(); i++) {
        if (dpcRunning[i] != 0 && dpcRunning[i] <= number) {
            return TRUE;
        }
    }
    return !IsListEmpty(&dpcList) &&
           (ULONGLONG)(ULONG_PTR)CONTAINING_RECORD(dpcList.Flink, KDPC, DpcListEntry)->DpcData <= number;
}

/* IRQL PASSIVE_LEVEL; returns when every DPC queued before has run [doc: KeFlushQueuedDpcs]. */
VOID KeFlushQueuedDpcs(VOID)
{
    ModelRequireIrql("KeFlushQueuedDpcs", PASSIVE_LEVEL);
    ModelLock();
    ULONGLONG number = dpcsQueued;
    while (DpcsUpToLocked(number)) {
        ModelBlockLocked(INT64_MAX, flushOrder);
    }
    ModelUnlock();
    MODEL_ACQUIRE(flushOrder);
}

/* ---- timers ---- */

VOID KeInitializeTimerEx(PKTIMER timer, TIMER_TYPE type)
{
    memset(timer, 0, sizeof *timer);
    timer->Header.Type = type == NotificationTimer ? KObjectNotificationTimer : KObjectSynchronizationTimer;
    timer->Header.Signalling = HEADER_INITIALIZED;
}

VOID KeInitializeTimer(PKTIMER timer)
{
    KeInitializeTimerEx(timer, NotificationTimer);
}

static BOOLEAN RemoveTimerLocked(PKTIMER timer)
{
    BOOLEAN queued = timer->Header.Inserted;
    if (queued) {
        UnlinkLocked(&timer->TimerListEntry);
        timer->Header.Inserted = FALSE;
    }
    return queued;
}

static void InsertTimerLocked(PKTIMER timer, LONGLONG due)
{
    PLIST_ENTRY after = timerList.Blink;
    while (after != &timerList &&
           (LONGLONG)CONTAINING_RECORD(after, KTIMER, TimerListEntry)->DueTime.QuadPart > due) {
        after = after->Blink;
    }
    timer->DueTime.QuadPart = (ULONGLONG)due;
    timer->Header.Inserted = TRUE;
    timer->TimerListEntry.Blink = after;
    timer->TimerListEntry.Flink = after->Flink;
    after->Flink->Blink = &timer->TimerListEntry;
    after->Flink = &timer->TimerListEntry;
}

/* IRQL <= DISPATCH_LEVEL [doc: KeSetTimerEx]. */
BOOLEAN KeSetTimerEx(PKTIMER timer, LARGE_INTEGER due, LONG period, PKDPC dpc)
{
    ModelRequireIrql("KeSetTimerEx", DISPATCH_LEVEL);
    ModelLock();
    if (timer->Header.Signalling != HEADER_INITIALIZED) {
        ModelFail("KeSetTimerEx on a timer that was not initialized");
    }
    BOOLEAN was = RemoveTimerLocked(timer);
    timer->Header.SignalState = 0;
    timer->Dpc = dpc;
    timer->Period = period;
    MODEL_RELEASE(timer);
    if (dpc != NULL) {
        MODEL_RELEASE(dpc);
    }
    InsertTimerLocked(timer, due.QuadPart <= 0 ? ModelNowLocked() - due.QuadPart : due.QuadPart);
    ModelUnlock();
    return was;
}

BOOLEAN KeSetTimer(PKTIMER timer, LARGE_INTEGER due, PKDPC dpc)
{
    return KeSetTimerEx(timer, due, 0, dpc);
}

BOOLEAN KeCancelTimer(PKTIMER timer)
{
    ModelRequireIrql("KeCancelTimer", DISPATCH_LEVEL);
    ModelLock();
    BOOLEAN was = RemoveTimerLocked(timer);
    ModelUnlock();
    return was;
}

BOOLEAN KeReadStateTimer(PKTIMER timer)
{
    ModelRequireIrql("KeReadStateTimer", DISPATCH_LEVEL);
    return timer->Header.SignalState > 0;
}

LONGLONG ModelNextTimerLocked(void)
{
    return IsListEmpty(&timerList) ? INT64_MAX
                                   : (LONGLONG)CONTAINING_RECORD(timerList.Flink, KTIMER, TimerListEntry)->DueTime.QuadPart;
}

void ModelExpireTimersLocked(LONGLONG now)
{
    while (ModelNextTimerLocked() <= now) {
        PKTIMER timer = CONTAINING_RECORD(timerList.Flink, KTIMER, TimerListEntry);
        RemoveTimerLocked(timer);
        if (timer->Period != 0) {
            InsertTimerLocked(timer, max((LONGLONG)timer->DueTime.QuadPart + MS(timer->Period), now + 1));
        }
        PKDPC dpc = timer->Dpc;
        ModelSignalLocked(&timer->Header, 1);
        if (dpc != NULL) {
            QueueDpcLocked(dpc, NULL, NULL);
        }
    }
}

ULONG ModelQueuedTimersLocked(void)
{
    ULONG count = 0;
    for (PLIST_ENTRY e = timerList.Flink; e != &timerList; e = e->Flink) {
        count++;
    }
    return count;
}

BOOLEAN ModelDeferredInRangeLocked(PVOID start, size_t bytes, const char **what)
{
    for (PLIST_ENTRY e = timerList.Flink; e != &timerList; e = e->Flink) {
        if ((size_t)((char *)e - (char *)start) < bytes) {
            *what = "timer";
            return TRUE;
        }
    }
    for (PLIST_ENTRY e = dpcList.Flink; e != &dpcList; e = e->Flink) {
        if ((size_t)((char *)e - (char *)start) < bytes) {
            *what = "DPC";
            return TRUE;
        }
    }
    return FALSE;
}

void ModelCheckDeferredIdle(const char *when)
{
    ModelLock();
    if (!IsListEmpty(&timerList)) {
        ModelFail("%s: %u timers are queued", when, ModelQueuedTimersLocked());
    }
    if (DpcsUpToLocked(UINT64_MAX)) {
        ModelFail("%s: a DPC is queued or runs", when);
    }
    ModelUnlock();
}

void ModelDeferredStart(void)
{
    InitializeListHead(&timerList);
    InitializeListHead(&dpcList);
    dpcsQueued = 0;
    stopping = FALSE;
    memset(dpcRunning, 0, sizeof dpcRunning);
    for (ULONG i = 0; i < ModelProcessors(); i++) {
        dpcThreads[i] =
            ModelStartThread(PsInitialSystemProcess, NULL, DpcThread, (PVOID)(ULONG_PTR)i, TRUE);
    }
    ModelWorkersStart();
}

void ModelDeferredEnd(void)
{
    ModelWorkersEnd();
    ModelLock();
    stopping = TRUE;
    for (ULONG i = 0; i < ModelProcessors(); i++) {
        ModelWakeLocked(dpcThreads[i], STATUS_SUCCESS);
    }
    ModelUnlock();
    for (ULONG i = 0; i < ModelProcessors(); i++) {
        ModelJoinService(dpcThreads[i]);
        dpcThreads[i] = NULL;
    }
}
