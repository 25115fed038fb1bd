/*
 * names.c - sharing by name: the application made the event and the driver opens it, or the other way round.
 *
 * The classic calls, IoCreateNotificationEvent and IoCreateSynchronizationEvent, open or create: a misspelt name is no error
 * there, it silently makes another event, initially signaled, that nobody else knows. ZwOpenEvent refuses it.
 *
 * The names come from a requestor who may have fewer rights than the kernel. So they are kept to the directories of shared
 * objects, and whoever may not open an existing event does not get it opened by us (OBJ_FORCE_ACCESS_CHECK).
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

static BOOLEAN IsSessionNumber(WCHAR Unit)
{
    return Unit >= L'0' && Unit <= L'9';
}

/* Units of `Text` at the start of the name, or 0. Case counts, as it does for Win32 names. */
static ULONG SkipText(const WCHAR *Name, ULONG Units, PCSTR Text)
{
    ULONG index = 0;

    while (Text[index] != 0) {
        if (index >= Units || Name[index] != (WCHAR)Text[index]) {
            return 0;
        }
        index++;
    }
    return index;
}

/*
 * \BaseNamedObjects\X or \Sessions\N\BaseNamedObjects\X, where X has neither a backslash nor a zero.
 * STATUS_OBJECT_PATH_SYNTAX_BAD: not an object manager path (such as Global\X, which is Win32's word for it).
 * STATUS_OBJECT_PATH_INVALID: a path elsewhere.
 */
static NTSTATUS CheckName(const WCHAR *Name, ULONG Units)
{
    ULONG at, skipped, leaf;

    if (Units == 0 || Name[0] != L'\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    at = SkipText(Name, Units, "\\Sessions\\");
    if (at != 0) {
        const ULONG number = at;

        while (at < Units && IsSessionNumber(Name[at])) {
            at++;
        }
        if (at == number) {
            return STATUS_OBJECT_PATH_INVALID;
        }
    }
    skipped = SkipText(Name + at, Units - at, "\\BaseNamedObjects\\");
    if (skipped == 0) {
        return STATUS_OBJECT_PATH_INVALID;
    }
    at += skipped;
    for (leaf = at; leaf < Units; leaf++) {
        if (Name[leaf] == L'\\' || Name[leaf] == 0) {
            return STATUS_OBJECT_NAME_INVALID;
        }
    }
    return leaf == at ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

/* Copies a checked name into the entry. */
static NTSTATUS TakeName(ES_EVENT *Event, const uint16_t *Name, ULONG NameBytes)
{
    NTSTATUS status;

    if (NameBytes == 0 || NameBytes % sizeof(WCHAR) != 0 || NameBytes > sizeof(Event->Name)) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlCopyMemory(Event->Name, Name, NameBytes);
    Event->NameBytes = (USHORT)NameBytes;
    status = CheckName(Event->Name, NameBytes / (ULONG)sizeof(WCHAR));
    return status;
}

static VOID NameOf(ES_EVENT *Event, PUNICODE_STRING Name)
{
    Name->Buffer = Event->Name;
    Name->Length = Event->NameBytes;
    Name->MaximumLength = Event->NameBytes;
}

/* From the entry's own handle to its object. IRQL: PASSIVE_LEVEL. */
static NTSTATUS ReferenceOwnHandle(ES_EVENT *Event)
{
    PVOID object;
    const NTSTATUS status =
        ObReferenceObjectByHandle(Event->KernelHandle, EVENT_MODIFY_STATE, ES_EVENT_TYPE_OBJECT, KernelMode, &object, NULL);

    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.ObjectReferences);
        Event->Object = object;
        Event->Type = EsEventTypeOf(Event->Object);
    }
    return status;
}

static VOID HoldHandle(ES_EVENT *Event, HANDLE Handle)
{
    Event->KernelHandle = Handle;
    InterlockedIncrement(&EsDriver.Totals.Handles);
}

/* Item 3, strict. IRQL: PASSIVE_LEVEL, requestor's context. */
static NTSTATUS OpenStrict(ES_EVENT *Event)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle = NULL;
    NTSTATUS status;

    NameOf(Event, &name);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK, NULL, NULL);
    status = ZwOpenEvent(&handle, EVENT_MODIFY_STATE | SYNCHRONIZE, &attributes);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    HoldHandle(Event, handle);
    Event->Existed = 1;
    return ReferenceOwnHandle(Event);
}

/*
 * What IoCreateNotificationEvent and IoCreateSynchronizationEvent do on Windows, where a target lacks them (Wine 8 returns
 * NULL): open or create, and what is created starts signaled.
 */
static NTSTATUS OpenOrCreate(ES_EVENT *Event, ULONG Type)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle = NULL;
    NTSTATUS status;

    NameOf(Event, &name);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_OPENIF, NULL, NULL);
    status = ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, (EVENT_TYPE)Type, TRUE);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    HoldHandle(Event, handle);
    Event->Existed = status == STATUS_OBJECT_NAME_EXISTS;
    return ReferenceOwnHandle(Event);
}

/*
 * Whether the requestor may have the event of this name, if there is one: the classic calls ask as the kernel, which may do
 * anything. Between this look and the call another event may take the name; only the strict way closes that gap.
 */
static NTSTATUS LookFirst(ES_EVENT *Event, ULONG *Existed)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle = NULL;
    NTSTATUS status;

    NameOf(Event, &name);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK, NULL, NULL);
    /* In parentheses: a look of ours, not a step of the method, stays out of the trace. */
    status = (ZwOpenEvent)(&handle, EVENT_MODIFY_STATE | SYNCHRONIZE, &attributes);
    if (NT_SUCCESS(status)) {
        (VOID)(ZwClose)(handle);
        *Existed = 1;
    } else if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        *Existed = 0;
        status = STATUS_SUCCESS;
    }
    return status;
}

/* Item 3, classic. IRQL: PASSIVE_LEVEL, requestor's context. */
static NTSTATUS OpenClassic(ES_EVENT *Event, ULONG Type)
{
    ULONG existed = EVENTSYS_STATE_UNKNOWN;
    UNICODE_STRING name;
    HANDLE handle = NULL;
    PKEVENT object;
    NTSTATUS status = LookFirst(Event, &existed);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    NameOf(Event, &name);
    object = Type == EVENTSYS_TYPE_SYNCHRONIZATION ? IoCreateSynchronizationEvent(&name, &handle)
                                                   : IoCreateNotificationEvent(&name, &handle);
    if (object == NULL) {
        /* The call tells no status. On Windows it means failure; Wine 8 always returns NULL. */
        return EsDriver.Wine ? OpenOrCreate(Event, Type) : STATUS_INSUFFICIENT_RESOURCES;
    }
    HoldHandle(Event, handle);
    /* The pointer is good only as long as the handle is open. A reference of our own makes it like all the others. */
    ObReferenceObject(object);
    InterlockedIncrement(&EsDriver.Totals.ObjectReferences);
    Event->Object = object;
    Event->Type = EsEventTypeOf(object);
    Event->Existed = existed;
    return STATUS_SUCCESS;
}

/* Item 4: the security descriptor is the point, the kernel's default would keep ordinary users out. */
static NTSTATUS CreateForUsers(ES_EVENT *Event, ULONG Type, BOOLEAN InitialState)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE handle = NULL;
    NTSTATUS status;

    NameOf(Event, &name);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_OPENIF | OBJ_FORCE_ACCESS_CHECK, NULL,
                               &EsDriver.EventSecurity.Descriptor);
    status = ZwCreateEvent(&handle, EVENT_MODIFY_STATE | SYNCHRONIZE, &attributes, (EVENT_TYPE)Type, InitialState);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    HoldHandle(Event, handle);
    Event->Existed = status == STATUS_OBJECT_NAME_EXISTS; /* then it is another's: its type, state and descriptor stay */
    return ReferenceOwnHandle(Event);
}

/* Puts the entry into the table, logs, answers; on failure drops it. */
static NTSTATUS Share(ES_CALL *Call, ES_EVENT *Event, NTSTATUS Status)
{
    CHAR text[EVENTSYS_MAX_NAME_CHARS + 1];
    const PCSTR name = EsLogName(text, Event->Name, Event->NameBytes / sizeof(WCHAR));

    if (NT_SUCCESS(Status)) {
        EsEventReference(Event);
        Status = EsEventInsert(Event, Call->File);
        if (NT_SUCCESS(Status)) {
            EsLog("what=named id=%u method=%u object=0x%llx existed=%u type=%u pid=%u name=%s", (unsigned)Event->Id,
                  (unsigned)Event->Method, (unsigned long long)(ULONG_PTR)Event->Object, (unsigned)Event->Existed,
                  (unsigned)Event->Type, (unsigned)(ULONG_PTR)Event->Process, name);
            EsEventAnswer(Call, Event, 0);
        }
        EsEventDereference(Event);
    }
    if (!NT_SUCCESS(Status)) {
        EsLog("what=refuse id=%u method=%u status=0x%08x pid=%u name=%s", (unsigned)Event->Id, (unsigned)Event->Method,
              (unsigned)Status, (unsigned)(ULONG_PTR)Event->Process, name);
        EsEventDereference(Event);
    }
    return Status;
}

/* IOCTL_EVENTSYS_OPEN_NAMED_EVENT. IRQL: PASSIVE_LEVEL, requestor's context. */
_Use_decl_annotations_ NTSTATUS EsIoctlOpenNamedEvent(ES_CALL *Call)
{
    const EVENTSYS_OPEN_NAMED_INPUT *input = Call->Buffer;
    const ULONG how = input->how, type = input->type;
    const BOOLEAN classic = how == EVENTSYS_OPEN_CLASSIC;
    ES_EVENT *event;
    NTSTATUS status;

    if ((how != EVENTSYS_OPEN_CLASSIC && how != EVENTSYS_OPEN_STRICT) || type > EVENTSYS_TYPE_SYNCHRONIZATION ||
        (!classic && type != EVENTSYS_TYPE_NOTIFICATION) || input->reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsEventCreate(classic ? EVENTSYS_METHOD_NAME_CLASSIC : EVENTSYS_METHOD_NAME_STRICT, Call, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = TakeName(event, input->name, input->nameBytes);
    if (NT_SUCCESS(status)) {
        status = classic ? OpenClassic(event, type) : OpenStrict(event);
    }
    return Share(Call, event, status);
}

/* IOCTL_EVENTSYS_CREATE_NAMED_EVENT. IRQL: PASSIVE_LEVEL, requestor's context. */
_Use_decl_annotations_ NTSTATUS EsIoctlCreateNamedEvent(ES_CALL *Call)
{
    const EVENTSYS_CREATE_NAMED_INPUT *input = Call->Buffer;
    const ULONG type = input->type, initialState = input->initialState;
    ES_EVENT *event;
    NTSTATUS status;

    if (type > EVENTSYS_TYPE_SYNCHRONIZATION || initialState > 1 || input->reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsEventCreate(EVENTSYS_METHOD_NAME_CREATED, Call, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = TakeName(event, input->name, input->nameBytes);
    if (NT_SUCCESS(status)) {
        status = CreateForUsers(event, type, (BOOLEAN)initialState);
    }
    return Share(Call, event, status);
}
