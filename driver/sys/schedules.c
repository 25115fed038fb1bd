/*
 * schedules.c - signals from a timer: in its DPC, from a work item, by completing a request.
 *
 * A timer is never set or cancelled in its own DPC. Windows would allow it; on Wine 8 KeCancelTimer waits for the DPC to
 * return, and KeSetTimerEx cancels first when the timer was set before, so both would wait for themselves. A periodic timer
 * that has had all its ticks is cancelled by the schedule's work item.
 *
 * Ending a schedule: taken out of the list (by one thread alone), marked cancelled (so that no DPC queues work any more), the
 * work item waited for, the timer cancelled, DPCs flushed: then nobody else knows the memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

static KDEFERRED_ROUTINE TickDpc;
static IO_WORKITEM_ROUTINE WorkRoutine;

/* What the DPC does at a tick, decided under the lock, done without it. */
typedef struct ES_TICK {
    ULONG Number;
    BOOLEAN QueueWork;
} ES_TICK;

static BOOLEAN BeginTick(ES_SCHEDULE *Schedule, ES_TICK *Tick)
{
    const BOOLEAN byWorker = Schedule->Source == EVENTSYS_SOURCE_WORKER;
    BOOLEAN last;
    KIRQL irql;

    KeAcquireSpinLock(&Schedule->Lock, &irql);
    if (Schedule->State != EVENTSYS_SCHEDULE_ACTIVE) {
        KeReleaseSpinLock(&Schedule->Lock, irql);
        return FALSE;
    }
    Tick->Number = ++Schedule->Ticks;
    last = Schedule->Ticks == Schedule->Count;
    if (last) {
        Schedule->State = EVENTSYS_SCHEDULE_FINISHED;
    }
    if (byWorker) {
        Schedule->WorkToDo++;
    }
    Tick->QueueWork = (byWorker || (last && Schedule->PeriodMs != 0)) && !Schedule->WorkQueued;
    if (Tick->QueueWork) {
        Schedule->WorkQueued = TRUE;
        (KeClearEvent)(&Schedule->Idle);
    }
    KeReleaseSpinLock(&Schedule->Lock, irql);
    return TRUE;
}

/* Counts what came of a tick, and logs the end when that was the last one. IRQL <= DISPATCH_LEVEL. */
static VOID CountOutcome(ES_SCHEDULE *Schedule, BOOLEAN Signaled)
{
    ULONG signals, missed;
    KIRQL irql;

    KeAcquireSpinLock(&Schedule->Lock, &irql);
    if (Signaled) {
        Schedule->Signals++;
    } else {
        Schedule->Missed++;
    }
    signals = Schedule->Signals;
    missed = Schedule->Missed;
    KeReleaseSpinLock(&Schedule->Lock, irql);
    if (signals + missed == Schedule->Count) {
        EsLog("what=finished sid=%u ticks=%u signals=%u missed=%u", (unsigned)Schedule->Id, (unsigned)Schedule->Count,
              (unsigned)signals, (unsigned)missed);
    }
}

/* KDEFERRED_ROUTINE of every schedule's timer. IRQL: DISPATCH_LEVEL, any process. */
_Use_decl_annotations_ static VOID NTAPI TickDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ES_SCHEDULE *schedule = Context;
    ES_TICK tick;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    EsTraceTimerExpire(&schedule->Timer);
    if (!BeginTick(schedule, &tick)) {
        return;
    }
    InterlockedIncrement64(&EsDriver.Totals.TimerTicks);
    EsLog("what=tick sid=%u tick=%u", (unsigned)schedule->Id, (unsigned)tick.Number);
    if (schedule->Source == EVENTSYS_SOURCE_TIMER_DPC) {
        (VOID)EsEventSignal(schedule->Event, EVENTSYS_SOURCE_TIMER_DPC, schedule->Increment, NULL);
        CountOutcome(schedule, TRUE);
    } else if (schedule->Source == EVENTSYS_SOURCE_COMPLETION) {
        CountOutcome(schedule,
                     EsRequestNotify(schedule->File, schedule->RequestId, EVENTSYS_REASON_SCHEDULED, tick.Number, schedule->Id,
                                     EVENTSYS_SOURCE_COMPLETION, (CCHAR)schedule->Increment));
    }
    if (tick.QueueWork) {
        IoQueueWorkItem(schedule->WorkItem, WorkRoutine, DelayedWorkQueue, schedule);
    }
}

/* What the work item is to do next. FALSE: nothing, it is idle from now on and must not touch the schedule any more. */
static BOOLEAN NextWork(ES_SCHEDULE *Schedule, ULONG *Signals, BOOLEAN *StopTimer)
{
    KIRQL irql;

    KeAcquireSpinLock(&Schedule->Lock, &irql);
    *Signals = Schedule->State == EVENTSYS_SCHEDULE_CANCELLED ? 0 : Schedule->WorkToDo;
    Schedule->WorkToDo = 0;
    *StopTimer = Schedule->State == EVENTSYS_SCHEDULE_FINISHED && Schedule->PeriodMs != 0 && !Schedule->TimerStopped;
    if (*StopTimer) {
        Schedule->TimerStopped = TRUE;
    }
    if (*Signals == 0 && !*StopTimer) {
        Schedule->WorkQueued = FALSE;
        /* Under the lock, so that a DPC that queues more work cannot clear it in between. */
        (VOID)(KeSetEvent)(&Schedule->Idle, IO_NO_INCREMENT, FALSE);
        KeReleaseSpinLock(&Schedule->Lock, irql);
        return FALSE;
    }
    KeReleaseSpinLock(&Schedule->Lock, irql);
    return TRUE;
}

/* IO_WORKITEM_ROUTINE. IRQL: PASSIVE_LEVEL, in a system worker thread. */
_Use_decl_annotations_ static VOID NTAPI WorkRoutine(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    ES_SCHEDULE *schedule = Context;
    BOOLEAN stopTimer;
    ULONG signals;

    UNREFERENCED_PARAMETER(DeviceObject);
    InterlockedIncrement64(&EsDriver.Totals.WorkItems);
    while (NextWork(schedule, &signals, &stopTimer)) {
        for (; signals > 0; signals--) {
            (VOID)EsEventSignal(schedule->Event, EVENTSYS_SOURCE_WORKER, schedule->Increment, NULL);
            CountOutcome(schedule, TRUE);
        }
        if (stopTimer) {
            (VOID)KeCancelTimer(&schedule->Timer);
        }
    }
}

/* Frees what a schedule holds; nobody else knows it any more. IRQL: PASSIVE_LEVEL. */
static VOID ScheduleFree(ES_SCHEDULE *Schedule)
{
    if (Schedule->WorkItem != NULL) {
        IoFreeWorkItem(Schedule->WorkItem);
    }
    if (Schedule->Event != NULL) {
        EsEventDereference(Schedule->Event);
    }
    EsFileDereference(Schedule->File);
    EsFree(Schedule, ES_TAG_SCHEDULE);
}

/* Ends a schedule that the caller has taken out of the list. IRQL: PASSIVE_LEVEL. Waits for a DPC or work item that runs. */
static VOID ScheduleDestroy(ES_SCHEDULE *Schedule)
{
    BOOLEAN active;
    KIRQL irql;

    KeAcquireSpinLock(&Schedule->Lock, &irql);
    active = Schedule->State == EVENTSYS_SCHEDULE_ACTIVE || Schedule->CutShort;
    Schedule->State = EVENTSYS_SCHEDULE_CANCELLED;
    KeReleaseSpinLock(&Schedule->Lock, irql);
    (VOID)(KeWaitForSingleObject)(&Schedule->Idle, Executive, KernelMode, FALSE, NULL);
    /* The work item sets Idle under the lock: it is out of the schedule only when it has let go of that. */
    KeAcquireSpinLock(&Schedule->Lock, &irql);
    KeReleaseSpinLock(&Schedule->Lock, irql);
    (VOID)KeCancelTimer(&Schedule->Timer);
    KeFlushQueuedDpcs();
    if (active) {
        EsLog("what=unschedule sid=%u", (unsigned)Schedule->Id);
    }
    ScheduleFree(Schedule);
}

/* Takes the first schedule that matches out of the list. NULL matches all. */
static ES_SCHEDULE *TakeSchedule(const ES_FILE *File, const ES_EVENT *Event, ULONG Id, BOOLEAN FinishedOnly)
{
    ES_SCHEDULE *found = NULL;
    PLIST_ENTRY link;

    ExAcquireFastMutex(&EsDriver.Mutex);
    for (link = EsDriver.Schedules.Flink; link != &EsDriver.Schedules; link = link->Flink) {
        ES_SCHEDULE *schedule = CONTAINING_RECORD(link, ES_SCHEDULE, Link);
        BOOLEAN finished;
        KIRQL irql;

        KeAcquireSpinLock(&schedule->Lock, &irql);
        finished = schedule->State == EVENTSYS_SCHEDULE_FINISHED && !schedule->WorkQueued;
        KeReleaseSpinLock(&schedule->Lock, irql);
        if ((File == NULL || schedule->File == File) && (Event == NULL || schedule->Event == Event) &&
            (Id == 0 || schedule->Id == Id) && (!FinishedOnly || finished)) {
            RemoveEntryList(&schedule->Link);
            InterlockedDecrement(&EsDriver.Totals.Schedules);
            found = schedule;
            break;
        }
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return found;
}

/* No more signals from any schedule that matches, before the first of them is waited for. */
static VOID CutShort(const ES_FILE *File, const ES_EVENT *Event)
{
    PLIST_ENTRY link;

    ExAcquireFastMutex(&EsDriver.Mutex);
    for (link = EsDriver.Schedules.Flink; link != &EsDriver.Schedules; link = link->Flink) {
        ES_SCHEDULE *schedule = CONTAINING_RECORD(link, ES_SCHEDULE, Link);
        KIRQL irql;

        if ((File == NULL || schedule->File == File) && (Event == NULL || schedule->Event == Event)) {
            KeAcquireSpinLock(&schedule->Lock, &irql);
            if (schedule->State == EVENTSYS_SCHEDULE_ACTIVE) {
                schedule->State = EVENTSYS_SCHEDULE_CANCELLED;
                schedule->CutShort = TRUE;
            }
            KeReleaseSpinLock(&schedule->Lock, irql);
        }
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
}

/* IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ VOID EsSchedulesRelease(const ES_FILE *File, const ES_EVENT *Event)
{
    ES_SCHEDULE *schedule;

    CutShort(File, Event);
    while ((schedule = TakeSchedule(File, Event, 0, FALSE)) != NULL) {
        ScheduleDestroy(schedule);
    }
}

/* Ends what has finished, so that an application need not. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ VOID EsSchedulesReap(VOID)
{
    ES_SCHEDULE *schedule;

    while ((schedule = TakeSchedule(NULL, NULL, 0, TRUE)) != NULL) {
        ScheduleDestroy(schedule);
    }
}

static NTSTATUS CheckScheduleInput(const EVENTSYS_SCHEDULE_INPUT *Input)
{
    const BOOLEAN completes = Input->source == EVENTSYS_SOURCE_COMPLETION;

    if (Input->source != EVENTSYS_SOURCE_TIMER_DPC && Input->source != EVENTSYS_SOURCE_WORKER && !completes) {
        return STATUS_INVALID_PARAMETER;
    }
    if ((completes && Input->eventId != 0) || (!completes && Input->requestId != 0) || Input->dueUs > EVENTSYS_MAX_DUE_US ||
        Input->count == 0 || Input->count > EVENTSYS_MAX_COUNT || Input->increment > 15) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Input->count == 1 ? Input->periodMs != 0 : Input->periodMs == 0 || Input->periodMs > EVENTSYS_MAX_PERIOD_MS) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ScheduleCreate(const EVENTSYS_SCHEDULE_INPUT *Input, ES_FILE *File, ES_SCHEDULE **Result)
{
    ES_SCHEDULE *schedule = EsAllocate(sizeof(*schedule), ES_TAG_SCHEDULE);
    NTSTATUS status = STATUS_SUCCESS;

    if (schedule == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    EsFileReference(File);
    schedule->File = File;
    schedule->Id = (ULONG)InterlockedIncrement(&EsDriver.NextId);
    schedule->Source = Input->source;
    schedule->DueUs = Input->dueUs;
    schedule->PeriodMs = Input->periodMs;
    schedule->Count = Input->count;
    schedule->Increment = (KPRIORITY)Input->increment;
    schedule->RequestId = Input->requestId;
    schedule->State = EVENTSYS_SCHEDULE_ACTIVE;
    KeInitializeSpinLock(&schedule->Lock);
    (KeInitializeEvent)(&schedule->Idle, NotificationEvent, TRUE);
    KeInitializeTimerEx(&schedule->Timer, NotificationTimer);
    KeInitializeDpc(&schedule->Dpc, TickDpc, schedule);
    schedule->WorkItem = IoAllocateWorkItem(EsDriver.Device);
    if (schedule->WorkItem == NULL) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else if (Input->source != EVENTSYS_SOURCE_COMPLETION) {
        status = EsEventFind(File, Input->eventId, &schedule->Event);
    }
    if (!NT_SUCCESS(status)) {
        ScheduleFree(schedule);
        return status;
    }
    *Result = schedule;
    return STATUS_SUCCESS;
}

/* Makes it known and sets its timer. Under one hold of the mutex, so that whoever ends it finds the timer set. */
static NTSTATUS ScheduleStart(ES_SCHEDULE *Schedule)
{
    NTSTATUS status = STATUS_SUCCESS;
    LARGE_INTEGER due;

    due.QuadPart = -(LONGLONG)Schedule->DueUs * 10;
    ExAcquireFastMutex(&EsDriver.Mutex);
    if (Schedule->File->Closed) {
        status = STATUS_FILE_CLOSED;
    } else if (Schedule->Event != NULL && IsListEmpty(&Schedule->Event->Link)) {
        status = STATUS_NOT_FOUND; /* unregistered meanwhile: its schedules have been ended already */
    } else if (EsDriver.Totals.Schedules >= (LONG)EVENTSYS_MAX_SCHEDULES) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else {
        InsertTailList(&EsDriver.Schedules, &Schedule->Link);
        InterlockedIncrement(&EsDriver.Totals.Schedules);
        (VOID)KeSetTimerEx(&Schedule->Timer, due, (LONG)Schedule->PeriodMs, &Schedule->Dpc);
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return status;
}

/* IOCTL_EVENTSYS_SCHEDULE: item 7. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlSchedule(ES_CALL *Call)
{
    const EVENTSYS_SCHEDULE_INPUT input = *(const EVENTSYS_SCHEDULE_INPUT *)Call->Buffer;
    EVENTSYS_SCHEDULE_OUTPUT *output = Call->Buffer;
    ES_SCHEDULE *schedule;
    ULONG id;
    NTSTATUS status = CheckScheduleInput(&input);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ScheduleCreate(&input, Call->File, &schedule);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    id = schedule->Id;
    EsLog("what=schedule sid=%u id=%u source=%u due=%u period=%u count=%u pid=%u", (unsigned)id, (unsigned)input.eventId,
          (unsigned)input.source, (unsigned)input.dueUs, (unsigned)input.periodMs, (unsigned)input.count,
          (unsigned)(ULONG_PTR)Call->File->Process);
    status = ScheduleStart(schedule); /* once started, it may be over and gone */
    if (!NT_SUCCESS(status)) {
        EsLog("what=unschedule sid=%u", (unsigned)id);
        ScheduleFree(schedule);
        return status;
    }
    RtlZeroMemory(output, sizeof(*output));
    EsHead(&output->head, sizeof(*output));
    output->scheduleId = id;
    Call->Information = sizeof(*output);
    return STATUS_SUCCESS;
}

/* IOCTL_EVENTSYS_CANCEL_SCHEDULE. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlCancelSchedule(ES_CALL *Call)
{
    const EVENTSYS_ID_INPUT input = *(const EVENTSYS_ID_INPUT *)Call->Buffer;
    ES_SCHEDULE *schedule;

    if (input.reserved != 0 || input.id == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    schedule = TakeSchedule(Call->File, NULL, input.id, FALSE);
    if (schedule == NULL) {
        return STATUS_NOT_FOUND;
    }
    ScheduleDestroy(schedule);
    return STATUS_SUCCESS;
}
