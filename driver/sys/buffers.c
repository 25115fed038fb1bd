/*
 * buffers.c - the article's first use of events: a pair of them around a shared buffer. "Work" flows from the application to
 * the driver, "done" flows back.
 *
 * One system thread per buffer waits for "work". It runs in the System process, so it maps the section there; no process of
 * the application's is involved, and the application's death takes nothing from under its feet. All data is copied out of
 * the view once, checked and worked on in the copy, and copied back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#define ES_SECTION_MAP_WRITE 0x0002u
#define ES_SECTION_MAP_READ 0x0004u

#define ES_FNV1A_OFFSET 14695981039346656037ull
#define ES_FNV1A_PRIME 1099511628211ull

/* How long the end of a buffer waits for its thread before it rings again; see ThreadStop. */
#define ES_STOP_RETRY_MS 10

static KSTART_ROUTINE BufferThread;

static ULONG64 Checksum(const UCHAR *Data, ULONG Bytes)
{
    ULONG64 hash = ES_FNV1A_OFFSET;
    ULONG index;

    for (index = 0; index < Bytes; index++) {
        hash = (hash ^ Data[index]) * ES_FNV1A_PRIME;
    }
    return hash;
}

static VOID Reverse(PUCHAR Data, ULONG Bytes)
{
    ULONG index;

    for (index = 0; index < Bytes / 2; index++) {
        const UCHAR byte = Data[index];

        Data[index] = Data[Bytes - 1 - index];
        Data[Bytes - 1 - index] = byte;
    }
}

/* One piece of work on the private copy. `Request` has been copied from the view. */
static NTSTATUS DoWork(const ES_BUFFER *Buffer, PUCHAR View, const EVENTSYS_SHARED_BUFFER *Request, ULONG64 *Result)
{
    const ULONG room = Buffer->Bytes - (ULONG)sizeof(*Request);
    NTSTATUS status;

    *Result = 0;
    if (Request->head.version != EVENTSYS_ABI_VERSION) {
        return STATUS_REVISION_MISMATCH;
    }
    if (Request->head.bytes != sizeof(*Request) || Request->dataBytes > room) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Request->operation != EVENTSYS_WORK_CHECKSUM && Request->operation != EVENTSYS_WORK_REVERSE) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsCopyGuarded(Buffer->Data, View + sizeof(*Request), Request->dataBytes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (Request->operation == EVENTSYS_WORK_CHECKSUM) {
        *Result = Checksum(Buffer->Data, Request->dataBytes);
        return STATUS_SUCCESS;
    }
    Reverse(Buffer->Data, Request->dataBytes);
    *Result = Request->dataBytes;
    return EsCopyGuarded(View + sizeof(*Request), Buffer->Data, Request->dataBytes);
}

/* Reads the request, does it, writes the answer: doneSequence last. */
static NTSTATUS ServeRound(const ES_BUFFER *Buffer, PUCHAR View, ULONG64 *Sequence)
{
    EVENTSYS_SHARED_BUFFER request;
    ULONG64 result;
    NTSTATUS status = EsCopyGuarded(&request, View, sizeof(request));

    *Sequence = 0;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    *Sequence = request.sequence;
    request.status = DoWork(Buffer, View, &request, &result);
    status = EsCopyGuarded(View + FIELD_OFFSET(EVENTSYS_SHARED_BUFFER, result), &result, sizeof(result));
    if (NT_SUCCESS(status)) {
        status = EsCopyGuarded(View + FIELD_OFFSET(EVENTSYS_SHARED_BUFFER, status), &request.status, sizeof(request.status));
    }
    if (NT_SUCCESS(status)) {
        KeMemoryBarrier();
        status = EsCopyGuarded(View + FIELD_OFFSET(EVENTSYS_SHARED_BUFFER, doneSequence), Sequence, sizeof(*Sequence));
    }
    return NT_SUCCESS(status) ? (NTSTATUS)request.status : status;
}

static VOID ServeUntilStopped(ES_BUFFER *Buffer, PUCHAR View)
{
    for (;;) {
        ULONG64 sequence;
        NTSTATUS status;

        /* Endless, but not alone: ThreadStop signals "work" when it is time to go. */
        status = KeWaitForSingleObject(Buffer->Work->Object, Executive, KernelMode, FALSE, NULL);
        if (InterlockedCompareExchange(&Buffer->Stop, 0, 0) != 0 || status != STATUS_SUCCESS) {
            return;
        }
        if (Buffer->Work->Type == EVENTSYS_TYPE_NOTIFICATION) {
            /* Before the request is read: a signal that comes from now on leads to another round, none is lost. */
            (VOID)KeResetEvent(Buffer->Work->Object);
            InterlockedIncrement64(&Buffer->Work->Resets);
        }
        status = ServeRound(Buffer, View, &sequence);
        InterlockedExchange((volatile LONG *)&Buffer->LastStatus, (LONG)status);
        InterlockedIncrement64(&Buffer->Rounds);
        InterlockedIncrement64(&EsDriver.Totals.BufferRounds);
        EsLog("what=round id=%u seq=%llu status=0x%08x", (unsigned)Buffer->Id, (unsigned long long)sequence, (unsigned)status);
        (VOID)EsEventSignal(Buffer->Done, EVENTSYS_SOURCE_BUFFER, IO_NO_INCREMENT, NULL);
    }
}

/* KSTART_ROUTINE. IRQL: PASSIVE_LEVEL, a thread of the System process. */
_Use_decl_annotations_ static VOID NTAPI BufferThread(PVOID Context)
{
    ES_BUFFER *buffer = Context;
    LARGE_INTEGER offset;
    SIZE_T viewBytes = buffer->Bytes;
    PVOID view = NULL;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, L"eventsys buffer");
    EsTraceThreadName(&name);
    offset.QuadPart = 0;
    buffer->ThreadId = (ULONG)(ULONG_PTR)PsGetCurrentThreadId();
    /* Fails when the section is smaller, or is no section. */
    buffer->StartStatus = ZwMapViewOfSection(buffer->Section, NtCurrentProcess(), &view, 0, 0, &offset, &viewBytes, ViewUnmap, 0,
                                             PAGE_READWRITE);
    if (NT_SUCCESS(buffer->StartStatus)) {
        (VOID)(KeSetEvent)(&buffer->Started, IO_NO_INCREMENT, FALSE);
        ServeUntilStopped(buffer, view);
        (VOID)ZwUnmapViewOfSection(NtCurrentProcess(), view);
    } else {
        (VOID)(KeSetEvent)(&buffer->Started, IO_NO_INCREMENT, FALSE);
    }
    (VOID)PsTerminateSystemThread(STATUS_SUCCESS);
}

/*
 * Ends the thread and waits for it. It waits for an event that the application also knows: another waiter may take our signal
 * away, so we ring until the thread has gone. Waiters are served in the order in which they came, and ours came long ago.
 */
static VOID ThreadStop(ES_BUFFER *Buffer)
{
    LARGE_INTEGER retry;

    retry.QuadPart = ES_RELATIVE_MS(ES_STOP_RETRY_MS);
    InterlockedExchange(&Buffer->Stop, 1);
    do {
        (VOID)KeSetEvent(Buffer->Work->Object, IO_NO_INCREMENT, FALSE);
    } while ((KeWaitForSingleObject)(Buffer->Thread, Executive, KernelMode, FALSE, &retry) == STATUS_TIMEOUT);
    /* The last ring is ours, not the application's: take it back if nobody did. */
    KeClearEvent(Buffer->Work->Object);
}

/* Frees what a buffer holds, whatever of it there is. IRQL: PASSIVE_LEVEL. */
static VOID BufferFree(ES_BUFFER *Buffer)
{
    if (Buffer->Thread != NULL) {
        if (NT_SUCCESS(Buffer->StartStatus)) {
            ThreadStop(Buffer);
        } else {
            /* On its way out already: no ring, the event is the application's. */
            (VOID)(KeWaitForSingleObject)(Buffer->Thread, Executive, KernelMode, FALSE, NULL);
        }
        (ObfDereferenceObject)(Buffer->Thread);
        InterlockedDecrement(&EsDriver.Totals.ObjectReferences);
    }
    if (Buffer->Section != NULL) {
        EsHandleClose(Buffer->Section);
    }
    if (Buffer->Work != NULL) {
        EsEventDereference(Buffer->Work);
    }
    if (Buffer->Done != NULL) {
        EsEventDereference(Buffer->Done);
    }
    if (Buffer->Data != NULL) {
        EsFree(Buffer->Data, ES_TAG_BUFFER_DATA);
    }
    EsFree(Buffer, ES_TAG_BUFFER);
}

/* Ends a buffer that the caller has taken out of the list. IRQL: PASSIVE_LEVEL. Any process. */
static VOID BufferDestroy(ES_BUFFER *Buffer, ES_FILE *File)
{
    EsLog("what=buffer-end id=%u rounds=%lld", (unsigned)Buffer->Id, (long long)Buffer->Rounds);
    if (EsEventRemove(Buffer->Work, File)) {
        EsEventDereference(Buffer->Work);
    }
    if (EsEventRemove(Buffer->Done, File)) {
        EsEventDereference(Buffer->Done);
    }
    BufferFree(Buffer);
}

/* One of the pair: an entry in the table, and a reference for the buffer. */
static NTSTATUS ImportEvent(const ES_CALL *Call, ULONG Method, ULONG64 Handle, ACCESS_MASK Access, ES_EVENT **Event)
{
    PVOID object;
    ES_EVENT *event;
    NTSTATUS status = EsEventCreate(Method, Call, &event);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = EsHandleReference(Handle, Access, ES_EVENT_TYPE_OBJECT, &object);
    if (!NT_SUCCESS(status)) {
        EsEventDereference(event);
        return status;
    }
    event->Object = object;
    event->Type = EsEventTypeOf(event->Object);
    event->AppHandle = Handle;
    EsLog("what=register id=%u method=%u object=0x%llx handle=%llu pid=%u", (unsigned)event->Id, (unsigned)Method,
          (unsigned long long)(ULONG_PTR)object, (unsigned long long)Handle, (unsigned)(ULONG_PTR)event->Process);
    *Event = event;
    return STATUS_SUCCESS;
}

/* The thread, started and with the section mapped, or a failure. IRQL: PASSIVE_LEVEL. */
static NTSTATUS ThreadStart(ES_BUFFER *Buffer)
{
    OBJECT_ATTRIBUTES attributes;
    PVOID thread;
    HANDLE handle;
    NTSTATUS status;

    (KeInitializeEvent)(&Buffer->Started, NotificationEvent, FALSE);
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, &attributes, NULL, NULL, BufferThread, Buffer);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* The thread touches the buffer: from here on there is no way back but to see it end. */
    (VOID)(KeWaitForSingleObject)(&Buffer->Started, Executive, KernelMode, FALSE, NULL);
    status = (ObReferenceObjectByHandle)(handle, SYNCHRONIZE, NULL, KernelMode, &thread, NULL);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.ObjectReferences);
        Buffer->Thread = thread;
    } else {
        LARGE_INTEGER retry;

        /* Without the object BufferFree cannot wait for it: as ThreadStop does, by its handle. */
        retry.QuadPart = ES_RELATIVE_MS(ES_STOP_RETRY_MS);
        InterlockedExchange(&Buffer->Stop, 1);
        do {
            if (NT_SUCCESS(Buffer->StartStatus)) {
                (VOID)KeSetEvent(Buffer->Work->Object, IO_NO_INCREMENT, FALSE);
            }
        } while (ZwWaitForSingleObject(handle, FALSE, &retry) == STATUS_TIMEOUT);
    }
    (VOID)(ZwClose)(handle);
    return NT_SUCCESS(status) ? Buffer->StartStatus : status;
}

static NTSTATUS BufferCreate(const EVENTSYS_REGISTER_BUFFER_INPUT *Input, const ES_CALL *Call, ES_BUFFER **Result)
{
    ES_BUFFER *buffer = EsAllocate(sizeof(*buffer), ES_TAG_BUFFER);
    NTSTATUS status = STATUS_SUCCESS;

    if (buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    buffer->Id = (ULONG)InterlockedIncrement(&EsDriver.NextId);
    buffer->Bytes = Input->bufferBytes;
    buffer->File = Call->File;
    buffer->Process = Call->File->Process;
    buffer->Data = EsAllocate(Input->bufferBytes, ES_TAG_BUFFER_DATA);
    if (buffer->Data == NULL) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(status)) {
        status = EsHandleImport(Input->section, ES_SECTION_MAP_READ | ES_SECTION_MAP_WRITE, &buffer->Section);
    }
    /* EVENT_MODIFY_STATE on "work" too: ThreadStop signals it. */
    if (NT_SUCCESS(status)) {
        status = ImportEvent(Call, EVENTSYS_METHOD_BUFFER_WORK, Input->work, SYNCHRONIZE | EVENT_MODIFY_STATE, &buffer->Work);
    }
    if (NT_SUCCESS(status)) {
        status = ImportEvent(Call, EVENTSYS_METHOD_BUFFER_DONE, Input->done, EVENT_MODIFY_STATE, &buffer->Done);
    }
    if (NT_SUCCESS(status)) {
        status = ThreadStart(buffer);
    }
    if (!NT_SUCCESS(status)) {
        BufferFree(buffer);
        return status;
    }
    *Result = buffer;
    return STATUS_SUCCESS;
}

/* Puts the pair and the buffer into their tables. On failure nothing is left there. */
static NTSTATUS BufferInsert(ES_BUFFER *Buffer, ES_FILE *File)
{
    NTSTATUS status;

    /* The table's references, next to the buffer's own. */
    EsEventReference(Buffer->Work);
    status = EsEventInsert(Buffer->Work, File);
    if (!NT_SUCCESS(status)) {
        EsEventDereference(Buffer->Work);
        return status;
    }
    EsEventReference(Buffer->Done);
    status = EsEventInsert(Buffer->Done, File);
    if (!NT_SUCCESS(status)) {
        EsEventDereference(Buffer->Done);
        goto RemoveWork;
    }
    ExAcquireFastMutex(&EsDriver.Mutex);
    if (File->Closed) {
        status = STATUS_FILE_CLOSED;
    } else if (File->BufferCount >= EVENTSYS_MAX_BUFFERS_PER_FILE) {
        status = STATUS_QUOTA_EXCEEDED;
    } else if (EsDriver.Totals.Buffers >= (LONG)EVENTSYS_MAX_BUFFERS) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    } else {
        File->BufferCount++;
        InterlockedIncrement(&EsDriver.Totals.Buffers);
        InsertTailList(&EsDriver.Buffers, &Buffer->Link);
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    if (NT_SUCCESS(status)) {
        return status;
    }
    if (EsEventRemove(Buffer->Done, File)) {
        EsEventDereference(Buffer->Done);
    }
RemoveWork:
    if (EsEventRemove(Buffer->Work, File)) {
        EsEventDereference(Buffer->Work);
    }
    return status;
}

/* IOCTL_EVENTSYS_REGISTER_BUFFER: item 6. IRQL: PASSIVE_LEVEL, requestor's context. */
_Use_decl_annotations_ NTSTATUS EsIoctlRegisterBuffer(ES_CALL *Call)
{
    const EVENTSYS_REGISTER_BUFFER_INPUT input = *(const EVENTSYS_REGISTER_BUFFER_INPUT *)Call->Buffer;
    EVENTSYS_REGISTER_BUFFER_OUTPUT *output = Call->Buffer;
    EVENTSYS_REGISTER_BUFFER_OUTPUT answer;
    ES_BUFFER *buffer;
    NTSTATUS status;

    if (input.bufferBytes < sizeof(EVENTSYS_SHARED_BUFFER) || input.bufferBytes > EVENTSYS_MAX_BUFFER_BYTES ||
        input.reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = BufferCreate(&input, Call, &buffer);
    if (NT_SUCCESS(status)) {
        RtlZeroMemory(&answer, sizeof(answer));
        EsHead(&answer.head, sizeof(answer));
        answer.bufferId = buffer->Id;
        answer.workEventId = buffer->Work->Id;
        answer.doneEventId = buffer->Done->Id;
        EsLog("what=buffer id=%u work=%u done=%u bytes=%u pid=%u", (unsigned)buffer->Id, (unsigned)buffer->Work->Id,
              (unsigned)buffer->Done->Id, (unsigned)buffer->Bytes, (unsigned)(ULONG_PTR)buffer->Process);
        status = BufferInsert(buffer, Call->File); /* once in, another thread may end it */
        if (!NT_SUCCESS(status)) {
            EsLog("what=buffer-end id=%u rounds=%lld", (unsigned)buffer->Id, 0ll);
            BufferFree(buffer);
        }
    }
    if (!NT_SUCCESS(status)) {
        EsLog("what=refuse id=0 method=%u status=0x%08x pid=%u", (unsigned)EVENTSYS_METHOD_BUFFER_WORK, (unsigned)status,
              (unsigned)(ULONG_PTR)Call->File->Process);
        return status;
    }
    *output = answer;
    Call->Information = sizeof(*output);
    return STATUS_SUCCESS;
}

/* Takes the first buffer of the file that matches out of the list. Id 0 matches all. */
static ES_BUFFER *TakeBuffer(ES_FILE *File, ULONG Id)
{
    ES_BUFFER *found = NULL;
    PLIST_ENTRY link;

    ExAcquireFastMutex(&EsDriver.Mutex);
    for (link = EsDriver.Buffers.Flink; link != &EsDriver.Buffers; link = link->Flink) {
        ES_BUFFER *buffer = CONTAINING_RECORD(link, ES_BUFFER, Link);

        if (buffer->File == File && (Id == 0 || buffer->Id == Id)) {
            RemoveEntryList(&buffer->Link);
            InterlockedDecrement(&EsDriver.Totals.Buffers);
            File->BufferCount--;
            found = buffer;
            break;
        }
    }
    ExReleaseFastMutex(&EsDriver.Mutex);
    return found;
}

/* IOCTL_EVENTSYS_UNREGISTER_BUFFER. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsIoctlUnregisterBuffer(ES_CALL *Call)
{
    const EVENTSYS_ID_INPUT input = *(const EVENTSYS_ID_INPUT *)Call->Buffer;
    ES_BUFFER *buffer;

    if (input.reserved != 0 || input.id == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    buffer = TakeBuffer(Call->File, input.id);
    if (buffer == NULL) {
        return STATUS_NOT_FOUND;
    }
    BufferDestroy(buffer, Call->File);
    return STATUS_SUCCESS;
}

/* IRQL: PASSIVE_LEVEL. Any process: after a kill it may be Wine's driver host. */
_Use_decl_annotations_ VOID EsBuffersReleaseFile(ES_FILE *File)
{
    ES_BUFFER *buffer;

    while ((buffer = TakeBuffer(File, 0)) != NULL) {
        BufferDestroy(buffer, File);
    }
}
