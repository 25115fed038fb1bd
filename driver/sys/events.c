/*
 * events.c - the table of shared events, their references, and signaling.
 *
 * An entry lives as long as somebody refers to it; the last reference goes at PASSIVE_LEVEL, because it closes handles.
 * That is why a DPC only borrows its schedule's reference and never drops one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

/* An entry that is not in the table yet, with one reference: the table's. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsEventCreate(ULONG Method, const ES_CALL *Call, ES_EVENT **Event)
{
    ES_EVENT *event = EsAllocate(sizeof(*event), ES_TAG_EVENT);

    if (event == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeListHead(&event->Link);
    event->References = 1;
    event->Id = (ULONG)InterlockedIncrement(&EsDriver.NextId);
    event->Method = Method;
    event->Type = EVENTSYS_TYPE_UNKNOWN;
    event->Existed = EVENTSYS_STATE_UNKNOWN;
    event->Process = Call->File->Process;
    *Event = event;
    return STATUS_SUCCESS;
}

/* Makes the entry known. On failure the caller still owns it. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsEventInsert(ES_EVENT *Event, ES_FILE *File)
{
    NTSTATUS status = STATUS_SUCCESS;

    ExAcquireFastMutex(&EsDriver.Mutex);
    if (File->Closed) {
        status = STATUS_FILE_CLOSED;
    } else if (File->EventCount >= EVENTSYS_MAX_EVENTS_PER_FILE) {
        status = STATUS_QUOTA_EXCEEDED;
    } else if (EsDriver.Totals.Events >= (LONG)EVENTSYS_MAX_EVENTS) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else {
        Event->File = File;
        File->EventCount++;
        InterlockedIncrement(&EsDriver.Totals.Events);
        InterlockedIncrement64(&EsDriver.Totals.EventsShared);
        InsertTailList(&EsDriver.Events, &Event->Link);
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return status;
}

/* IRQL <= DISPATCH_LEVEL. */
_Use_decl_annotations_ VOID EsEventReference(ES_EVENT *Event)
{
    InterlockedIncrement(&Event->References);
}

/* IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ VOID EsEventDereference(ES_EVENT *Event)
{
    if (InterlockedDecrement(&Event->References) != 0) {
        return;
    }
    if (Event->Object != NULL) {
        EsLog("what=release id=%u method=%u signals=%lld coalesced=%lld", (unsigned)Event->Id, (unsigned)Event->Method,
              (long long)Event->Signals, (long long)Event->Coalesced);
        EsObjectDereference(Event->Object);
    }
    if (Event->KernelHandle != NULL) {
        EsHandleClose(Event->KernelHandle);
    }
    EsFree(Event, ES_TAG_EVENT);
}

/* Finds an event of this file and refers to it. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsEventFind(const ES_FILE *File, ULONG Id, ES_EVENT **Event)
{
    NTSTATUS status = STATUS_NOT_FOUND;
    PLIST_ENTRY link;

    *Event = NULL;
    ExAcquireFastMutex(&EsDriver.Mutex);
    for (link = EsDriver.Events.Flink; link != &EsDriver.Events; link = link->Flink) {
        ES_EVENT *event = CONTAINING_RECORD(link, ES_EVENT, Link);

        if (event->Id == Id && event->File == File) {
            EsEventReference(event);
            *Event = event;
            status = STATUS_SUCCESS;
            break;
        }
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return status;
}

/*
 * Takes the event out of the table; the table's reference is then the caller's to drop. FALSE when somebody else has taken
 * it out already. IRQL: PASSIVE_LEVEL.
 */
_Use_decl_annotations_ BOOLEAN EsEventRemove(ES_EVENT *Event, ES_FILE *File)
{
    BOOLEAN removed = FALSE;

    ExAcquireFastMutex(&EsDriver.Mutex);
    if (!IsListEmpty(&Event->Link)) {
        RemoveEntryList(&Event->Link);
        InitializeListHead(&Event->Link);
        InterlockedDecrement(&EsDriver.Totals.Events);
        if (File != NULL) {
            File->EventCount--;
        }
        removed = TRUE;
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return removed;
}

/* IRQL: PASSIVE_LEVEL. Any process. */
_Use_decl_annotations_ VOID EsEventsReleaseFile(ES_FILE *File)
{
    for (;;) {
        ES_EVENT *found = NULL;
        PLIST_ENTRY link;

        ExAcquireFastMutex(&EsDriver.Mutex);
        for (link = EsDriver.Events.Flink; link != &EsDriver.Events; link = link->Flink) {
            ES_EVENT *event = CONTAINING_RECORD(link, ES_EVENT, Link);

            if (event->File == File) {
                RemoveEntryList(&event->Link);
                InitializeListHead(&event->Link);
                InterlockedDecrement(&EsDriver.Totals.Events);
                File->EventCount--;
                found = event;
                break;
            }
        }
        ExReleaseFastMutex(&EsDriver.Mutex);
        if (found == NULL) {
            return;
        }
        EsEventDereference(found);
    }
}

/*
 * NT's EVENT_TYPE, from the dispatcher header, whose Type is EventNotificationObject (0) or EventSynchronizationObject (1).
 * The field is declared in wdm.h; its upper bits have had other uses, so they are masked.
 */
_Use_decl_annotations_ ULONG EsEventTypeOf(const KEVENT *Object)
{
    const ULONG type = Object->Header.Type & 0x7Fu;

    return type <= EVENTSYS_TYPE_SYNCHRONIZATION ? type : EVENTSYS_TYPE_UNKNOWN;
}

/*
 * KeSetEvent, counted and logged. Returns the state before. IRQL <= DISPATCH_LEVEL (Wait is FALSE).
 * A state before that was "set" means that this signal and an earlier one are one wake only.
 */
_Use_decl_annotations_ ULONG EsEventSignal(ES_EVENT *Event, ULONG Source, KPRIORITY Increment, ULONG64 *Sequence)
{
    const LONG previous = KeSetEvent(Event->Object, Increment, FALSE);
    const LONG64 sequence = InterlockedIncrement64(&EsDriver.Totals.Signals);

    InterlockedIncrement64(&Event->Signals);
    InterlockedIncrement64(&Event->BySource[Source]);
    if (previous != 0) {
        InterlockedIncrement64(&Event->Coalesced);
        InterlockedIncrement64(&EsDriver.Totals.Coalesced);
    }
    EsLog("what=signal id=%u source=%u seq=%lld prev=%d object=0x%llx", (unsigned)Event->Id, (unsigned)Source,
          (long long)sequence, (int)previous, (unsigned long long)(ULONG_PTR)Event->Object);
    if (Sequence != NULL) {
        *Sequence = (ULONG64)sequence;
    }
    return (ULONG)previous;
}

/* The common answer of all codes that share an event. */
_Use_decl_annotations_ VOID EsEventAnswer(ES_CALL *Call, const ES_EVENT *Event, ULONG64 Handle)
{
    EVENTSYS_EVENT_OUTPUT *output = Call->Buffer;

    RtlZeroMemory(output, sizeof(*output));
    EsHead(&output->head, sizeof(*output));
    output->eventId = Event->Id;
    output->type = Event->Type;
    output->object = Call->File->SeesAddresses ? (ULONG_PTR)Event->Object : 0;
    output->handle = Handle;
    output->existed = Event->Existed;
    Call->Information = sizeof(*output);
}

/* IOCTL_EVENTSYS_UNREGISTER_EVENT. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlUnregisterEvent(ES_CALL *Call)
{
    const EVENTSYS_ID_INPUT input = *(const EVENTSYS_ID_INPUT *)Call->Buffer;
    ES_EVENT *event;
    NTSTATUS status;

    if (input.reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsEventFind(Call->File, input.id, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (event->Method == EVENTSYS_METHOD_BUFFER_WORK || event->Method == EVENTSYS_METHOD_BUFFER_DONE) {
        status = STATUS_INVALID_PARAMETER; /* it ends with its buffer */
    } else if (EsEventRemove(event, Call->File)) {
        EsSchedulesRelease(NULL, event);
        EsEventDereference(event);
    } else {
        status = STATUS_NOT_FOUND;
    }
    EsEventDereference(event);
    return status;
}

/* IOCTL_EVENTSYS_SIGNAL_EVENT. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlSignalEvent(ES_CALL *Call)
{
    const EVENTSYS_SIGNAL_INPUT input = *(const EVENTSYS_SIGNAL_INPUT *)Call->Buffer;
    EVENTSYS_SIGNAL_OUTPUT *output = Call->Buffer;
    ULONG previous = EVENTSYS_STATE_UNKNOWN;
    ULONG64 sequence = 0;
    ES_EVENT *event;
    NTSTATUS status;

    if (input.reserved != 0 || input.operation < EVENTSYS_SIGNAL_SET || input.operation > EVENTSYS_SIGNAL_CLEAR ||
        input.increment > 15 || (input.operation != EVENTSYS_SIGNAL_SET && input.increment != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsEventFind(Call->File, input.eventId, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (input.operation == EVENTSYS_SIGNAL_SET) {
        previous = EsEventSignal(event, EVENTSYS_SOURCE_HAND, (KPRIORITY)input.increment, &sequence);
    } else {
        if (input.operation == EVENTSYS_SIGNAL_RESET) {
            previous = (ULONG)KeResetEvent(event->Object);
        } else {
            KeClearEvent(event->Object); /* faster than KeResetEvent when the state before is of no interest */
        }
        InterlockedIncrement64(&event->Resets);
        EsLog("what=reset id=%u prev=%u object=0x%llx", (unsigned)event->Id, (unsigned)previous,
              (unsigned long long)(ULONG_PTR)event->Object);
    }
    EsEventDereference(event);
    RtlZeroMemory(output, sizeof(*output));
    EsHead(&output->head, sizeof(*output));
    output->previous = previous;
    output->sequence = sequence;
    Call->Information = sizeof(*output);
    return STATUS_SUCCESS;
}
