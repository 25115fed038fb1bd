/*
 * state.c - the driver's account of itself, as IOCTL_EVENTSYS_QUERY_STATE tells it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

/* The answer under construction: what fits is written, what does not is counted. */
typedef struct ES_ANSWER {
    PUCHAR Base;
    ULONG Room;
    ULONG Used;
    ULONG Needed;
    BOOLEAN Full; /* something was left out: so is all that follows */
    BOOLEAN SeesAddresses;
} ES_ANSWER;

static ULONG64 Address(const ES_ANSWER *Answer, const VOID *Pointer)
{
    return Answer->SeesAddresses ? (ULONG64)(ULONG_PTR)Pointer : 0;
}

/* Room for one more entry, zeroed, or NULL. */
static PVOID NextEntry(ES_ANSWER *Answer, EVENTSYS_LIST *List)
{
    PVOID entry;

    List->count++;
    Answer->Needed += List->entryBytes;
    if (Answer->Full || Answer->Room - Answer->Used < List->entryBytes) {
        Answer->Full = TRUE;
        return NULL;
    }
    entry = Answer->Base + Answer->Used;
    Answer->Used += List->entryBytes;
    List->returned++;
    RtlZeroMemory(entry, List->entryBytes);
    return entry;
}

static VOID BeginList(const ES_ANSWER *Answer, EVENTSYS_LIST *List, SIZE_T EntryBytes)
{
    List->offset = Answer->Used;
    List->entryBytes = (uint32_t)EntryBytes;
    List->count = 0;
    List->returned = 0;
}

static VOID WriteEvent(const ES_ANSWER *Answer, const ES_EVENT *Event, EVENTSYS_EVENT_STATE *State)
{
    ULONG source;

    State->id = Event->Id;
    State->method = Event->Method;
    State->type = Event->Type;
    State->ownerProcess = (uint32_t)(ULONG_PTR)Event->Process;
    State->object = Address(Answer, Event->Object);
    State->kernelHandle = (ULONG_PTR)Event->KernelHandle;
    State->appHandle = Event->AppHandle;
    State->signals = (uint64_t)Event->Signals;
    State->coalesced = (uint64_t)Event->Coalesced;
    State->resets = (uint64_t)Event->Resets;
    for (source = 0; source < EVENTSYS_SOURCE_COUNT; source++) {
        State->bySource[source] = (uint64_t)Event->BySource[source];
    }
    State->references = (uint32_t)Event->References;
    State->existed = Event->Existed;
    State->nameBytes = Event->NameBytes;
    RtlCopyMemory(State->name, Event->Name, Event->NameBytes);
}

static VOID WriteSchedule(const ES_ANSWER *Answer, ES_SCHEDULE *Schedule, EVENTSYS_SCHEDULE_STATE *State)
{
    KIRQL irql;

    State->id = Schedule->Id;
    State->source = Schedule->Source;
    State->eventId = Schedule->Event != NULL ? Schedule->Event->Id : 0;
    State->requestId = Schedule->RequestId;
    State->timer = Address(Answer, &Schedule->Timer);
    State->ownerProcess = (uint32_t)(ULONG_PTR)Schedule->File->Process;
    State->dueUs = Schedule->DueUs;
    State->periodMs = Schedule->PeriodMs;
    State->count = Schedule->Count;
    KeAcquireSpinLock(&Schedule->Lock, &irql);
    State->state = Schedule->State;
    State->ticks = Schedule->Ticks;
    State->signals = Schedule->Signals;
    State->missed = Schedule->Missed;
    KeReleaseSpinLock(&Schedule->Lock, irql);
}

static VOID WriteBuffer(const ES_BUFFER *Buffer, EVENTSYS_BUFFER_STATE *State)
{
    State->id = Buffer->Id;
    State->workEventId = Buffer->Work->Id;
    State->doneEventId = Buffer->Done->Id;
    State->ownerProcess = (uint32_t)(ULONG_PTR)Buffer->Process;
    State->thread = Buffer->ThreadId;
    State->bufferBytes = Buffer->Bytes;
    State->lastStatus = *(volatile const NTSTATUS *)&Buffer->LastStatus;
    State->rounds = (uint64_t)Buffer->Rounds;
}

/* The request lock, for no longer than it takes to copy at most EVENTSYS_MAX_REQUESTS small entries. */
static VOID WriteRequests(ES_ANSWER *Answer, EVENTSYS_LIST *List)
{
    const LONGLONG now = EsNow();
    PLIST_ENTRY link;
    KIRQL irql;

    BeginList(Answer, List, sizeof(EVENTSYS_REQUEST_STATE));
    KeAcquireSpinLock(&EsDriver.RequestLock, &irql);
    for (link = EsDriver.Requests.Flink; link != &EsDriver.Requests; link = link->Flink) {
        const ES_REQUEST *request = CONTAINING_RECORD(link, ES_REQUEST, Link);
        EVENTSYS_REQUEST_STATE *state = NextEntry(Answer, List);

        if (state != NULL) {
            state->requestId = request->RequestId;
            state->irp = Address(Answer, request->Irp);
            state->ageMs = (uint64_t)((now - request->Since) / (EsDriver.CounterFrequency / 1000));
            state->ownerProcess = (uint32_t)(ULONG_PTR)request->File->Process;
        }
    }
    KeReleaseSpinLock(&EsDriver.RequestLock, irql);
}

/* Under the mutex. */
static VOID WriteLists(ES_ANSWER *Answer, EVENTSYS_STATE_OUTPUT *Output)
{
    PLIST_ENTRY link;
    PVOID entry;

    BeginList(Answer, &Output->events, sizeof(EVENTSYS_EVENT_STATE));
    for (link = EsDriver.Events.Flink; link != &EsDriver.Events; link = link->Flink) {
        entry = NextEntry(Answer, &Output->events);
        if (entry != NULL) {
            WriteEvent(Answer, CONTAINING_RECORD(link, ES_EVENT, Link), entry);
        }
    }
    BeginList(Answer, &Output->schedules, sizeof(EVENTSYS_SCHEDULE_STATE));
    for (link = EsDriver.Schedules.Flink; link != &EsDriver.Schedules; link = link->Flink) {
        entry = NextEntry(Answer, &Output->schedules);
        if (entry != NULL) {
            WriteSchedule(Answer, CONTAINING_RECORD(link, ES_SCHEDULE, Link), entry);
        }
    }
    WriteRequests(Answer, &Output->requests);
    BeginList(Answer, &Output->buffers, sizeof(EVENTSYS_BUFFER_STATE));
    for (link = EsDriver.Buffers.Flink; link != &EsDriver.Buffers; link = link->Flink) {
        entry = NextEntry(Answer, &Output->buffers);
        if (entry != NULL) {
            WriteBuffer(CONTAINING_RECORD(link, ES_BUFFER, Link), entry);
        }
    }
}

static VOID WriteTotals(EVENTSYS_TOTALS *Totals)
{
    const ES_TOTALS *totals = &EsDriver.Totals;

    Totals->files = (uint32_t)totals->Files;
    Totals->events = (uint32_t)totals->Events;
    Totals->schedules = (uint32_t)totals->Schedules;
    Totals->requests = (uint32_t)totals->Requests;
    Totals->buffers = (uint32_t)totals->Buffers;
    Totals->objectReferences = (uint32_t)totals->ObjectReferences;
    Totals->handles = (uint32_t)totals->Handles;
    Totals->allocations = (uint32_t)totals->Allocations;
    Totals->filesOpened = (uint64_t)totals->FilesOpened;
    Totals->filesClosed = (uint64_t)totals->FilesClosed;
    Totals->cleanups = (uint64_t)totals->Cleanups;
    Totals->eventsShared = (uint64_t)totals->EventsShared;
    Totals->signals = (uint64_t)totals->Signals;
    Totals->coalesced = (uint64_t)totals->Coalesced;
    Totals->requestsPended = (uint64_t)totals->RequestsPended;
    Totals->requestsNotified = (uint64_t)totals->RequestsNotified;
    Totals->requestsCancelled = (uint64_t)totals->RequestsCancelled;
    Totals->timerTicks = (uint64_t)totals->TimerTicks;
    Totals->workItems = (uint64_t)totals->WorkItems;
    Totals->bufferRounds = (uint64_t)totals->BufferRounds;
    Totals->ioctlsRefused = (uint64_t)totals->IoctlsRefused;
    Totals->logLines = (uint64_t)totals->LogLines;
    Totals->logLinesDropped = (uint64_t)totals->LogLinesDropped;
}

static VOID WriteTrace(EVENTSYS_TRACE_COUNTERS *Counters)
{
    ES_TRACE_STATE state;

    RtlZeroMemory(&state, sizeof(state));
    EsTraceQueryState(&state);
    Counters->enabled = state.enabled;
    Counters->ringCount = state.ringCount;
    Counters->slotsPerRing = state.slotsPerRing;
    Counters->written = state.written;
    Counters->drained = state.drained;
    Counters->lost = state.lost;
}

/* IOCTL_EVENTSYS_QUERY_STATE. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlQueryState(ES_CALL *Call)
{
    EVENTSYS_STATE_OUTPUT output;
    ES_ANSWER answer;

    answer.Base = Call->Buffer;
    answer.Room = Call->OutputBytes;
    answer.Used = sizeof(output);
    answer.Needed = sizeof(output);
    answer.Full = FALSE;
    answer.SeesAddresses = Call->File->SeesAddresses;
    RtlZeroMemory(&output, sizeof(output));
    EsHead(&output.head, sizeof(output));
    WriteTrace(&output.trace);
    ExAcquireFastMutex(&EsDriver.Mutex);
    WriteLists(&answer, &output);
    WriteTotals(&output.totals);
    ExReleaseFastMutex(&EsDriver.Mutex);
    output.bytesNeeded = answer.Needed;
    output.truncated = answer.Full;
    RtlCopyMemory(Call->Buffer, &output, sizeof(output));
    Call->Information = answer.Used;
    return STATUS_SUCCESS;
}

/* IOCTL_EVENTSYS_QUERY_VERSION. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlQueryVersion(ES_CALL *Call)
{
    EVENTSYS_VERSION_OUTPUT *output = Call->Buffer;

    RtlZeroMemory(output, sizeof(*output));
    EsHead(&output->head, sizeof(*output));
    output->abiVersion = EVENTSYS_ABI_VERSION;
    output->driverMajor = EVENTSYS_DRIVER_VERSION_MAJOR;
    output->driverMinor = EVENTSYS_DRIVER_VERSION_MINOR;
    output->driverPatch = EVENTSYS_DRIVER_VERSION_PATCH;
    output->processors = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    output->features = (EsDriver.Wine ? EVENTSYS_FEATURE_WINE : 0) | (Call->File->SeesAddresses ? EVENTSYS_FEATURE_ADDRESSES : 0);
#if EVENTSCOPE_TRACE
    output->features |= EVENTSYS_FEATURE_TRACE;
#endif
#if defined(EVENTSYS_TEST_FAULTS)
    output->features |= EVENTSYS_FEATURE_TEST_FAULTS;
#endif
    Call->Information = sizeof(*output);
    return STATUS_SUCCESS;
}
