/*
 * handles.c - sharing by handle, both ways.
 *
 * A handle means something only in the process whose table it is in, so both ways work in the requestor's context alone: in
 * the dispatch routine of a driver that is the top of its device stack, never in a DPC, a system thread or a queued request.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

/* IRQL <= DISPATCH_LEVEL. */
_Use_decl_annotations_ VOID EsObjectDereference(PVOID Object)
{
    ObDereferenceObject(Object);
    InterlockedDecrement(&EsDriver.Totals.ObjectReferences);
}

/* IRQL: PASSIVE_LEVEL. Any process: a kernel handle is good everywhere. */
_Use_decl_annotations_ VOID EsHandleClose(HANDLE KernelHandle)
{
    (VOID)ZwClose(KernelHandle);
    InterlockedDecrement(&EsDriver.Totals.Handles);
}

/* A number from an application as a handle: FALSE when it cannot be one here (a 32-bit kernel, a number beyond it). */
static BOOLEAN ToHandle(ULONG64 Value, HANDLE *Handle)
{
    *Handle = (HANDLE)(ULONG_PTR)Value;
    return Value != 0 && (ULONG64)(ULONG_PTR)Value == Value;
}

/* The requestor's process, for duplication. IRQL: PASSIVE_LEVEL, in its context. */
static NTSTATUS OpenRequestor(HANDLE *Process)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID client;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    client.UniqueProcess = PsGetCurrentProcessId();
    client.UniqueThread = NULL;
    *Process = NULL;
    status = ZwOpenProcess(Process, PROCESS_DUP_HANDLE, &attributes, &client);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.Handles);
    }
    return status;
}

/*
 * Wine's way: duplicate the requestor's handle into the kernel. Only for when ObReferenceObjectByHandle with UserMode is not
 * implemented. The duplicate has the same access as the original, and what the original may do is checked here, because a
 * kernel-mode reference by the duplicate checks nothing. IRQL: PASSIVE_LEVEL, in the requestor's context.
 */
static NTSTATUS DuplicateFromRequestor(HANDLE Handle, ACCESS_MASK Access, HANDLE *KernelHandle)
{
    PUBLIC_OBJECT_BASIC_INFORMATION information;
    HANDLE process, duplicate = NULL;
    NTSTATUS status = OpenRequestor(&process);

    *KernelHandle = NULL;
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ZwDuplicateObject(process, Handle, NtCurrentProcess(), &duplicate, 0, OBJ_KERNEL_HANDLE, DUPLICATE_SAME_ACCESS);
    EsHandleClose(process);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    InterlockedIncrement(&EsDriver.Totals.Handles);
    status = ZwQueryObject(duplicate, ObjectBasicInformation, &information, sizeof(information), NULL);
    if (NT_SUCCESS(status) && (information.GrantedAccess & Access) != Access) {
        status = STATUS_ACCESS_DENIED;
    }
    if (!NT_SUCCESS(status)) {
        EsHandleClose(duplicate);
        return status;
    }
    *KernelHandle = duplicate;
    return STATUS_SUCCESS;
}

/*
 * From a handle of the requestor to the object, referenced: type and access are checked. IRQL: PASSIVE_LEVEL, in the
 * requestor's context. The caller drops the reference with EsObjectDereference.
 */
_Use_decl_annotations_ NTSTATUS EsHandleReference(ULONG64 Handle, ACCESS_MASK Access, POBJECT_TYPE Type, PVOID *Object)
{
    HANDLE handle, duplicate;
    NTSTATUS status;

    *Object = NULL;
    if (!ToHandle(Handle, &handle)) {
        return STATUS_INVALID_HANDLE;
    }
    /* UserMode: the handle is looked up in the requestor's table, never among the kernel's, and its access is checked. */
    status = ObReferenceObjectByHandle(handle, Access, Type, UserMode, Object, NULL);
    if (status == STATUS_NOT_IMPLEMENTED) {
        status = DuplicateFromRequestor(handle, Access, &duplicate);
        if (NT_SUCCESS(status)) {
            status = ObReferenceObjectByHandle(duplicate, Access, Type, KernelMode, Object, NULL);
            if (NT_SUCCESS(status)) {
                EsTraceReferenceHandle(PsGetCurrentProcessId(), handle, *Object, status);
            }
            EsHandleClose(duplicate);
        }
    }
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.ObjectReferences);
    } else {
        *Object = NULL;
    }
    return status;
}

/*
 * A kernel handle for what the requestor's handle means, with that access. For objects whose type the kernel does not export
 * (sections): the type is checked when the handle is used. IRQL: PASSIVE_LEVEL, in the requestor's context.
 */
_Use_decl_annotations_ NTSTATUS EsHandleImport(ULONG64 Handle, ACCESS_MASK Access, HANDLE *KernelHandle)
{
    PVOID object;
    HANDLE handle;
    NTSTATUS status;

    *KernelHandle = NULL;
    if (!ToHandle(Handle, &handle)) {
        return STATUS_INVALID_HANDLE;
    }
    /* In parentheses: of no interest to a trace of dispatcher objects. */
    status = (ObReferenceObjectByHandle)(handle, Access, NULL, UserMode, &object, NULL);
    if (status == STATUS_NOT_IMPLEMENTED) {
        return DuplicateFromRequestor(handle, Access, KernelHandle);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* KernelMode: the access was checked a moment ago, against what the requestor's handle grants. */
    status = (ObOpenObjectByPointer)(object, OBJ_KERNEL_HANDLE, NULL, Access, NULL, KernelMode, KernelHandle);
    (ObfDereferenceObject)(object);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.Handles);
    }
    return status;
}

/*
 * A handle for the requestor. IRQL: PASSIVE_LEVEL, in its context: without OBJ_KERNEL_HANDLE the new handle goes into the
 * current process's table, and UserMode has the access checked against the event's security descriptor.
 */
static NTSTATUS GiveHandle(const ES_EVENT *Event, ACCESS_MASK Access, HANDLE *Handle)
{
    HANDLE process;
    NTSTATUS status;

    *Handle = NULL;
    status = ObOpenObjectByPointer(Event->Object, 0, NULL, Access, ES_EVENT_TYPE_OBJECT, UserMode, Handle);
    if (status == STATUS_NOT_IMPLEMENTED) {
        status = OpenRequestor(&process);
        if (NT_SUCCESS(status)) {
            status = ZwDuplicateObject(NtCurrentProcess(), Event->KernelHandle, process, Handle, Access, 0, 0);
            if (NT_SUCCESS(status)) {
                EsTraceDuplicateHandle(Event->Object, PsGetCurrentProcessId(), *Handle, status);
            }
            EsHandleClose(process);
        }
    }
    return status;
}

/* IOCTL_EVENTSYS_REGISTER_EVENT: item 1, by handle, application to driver. IRQL: PASSIVE_LEVEL, requestor's context. */
_Use_decl_annotations_ NTSTATUS EsIoctlRegisterEvent(ES_CALL *Call)
{
    const EVENTSYS_REGISTER_EVENT_INPUT input = *(const EVENTSYS_REGISTER_EVENT_INPUT *)Call->Buffer;
    PVOID object = NULL;
    ES_EVENT *event;
    NTSTATUS status = EsEventCreate(EVENTSYS_METHOD_HANDLE_FROM_APP, Call, &event);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    /* The reference keeps the event alive when the application closes its handle; the handle's number is only a memory. */
    status = EsHandleReference(input.handle, EVENT_MODIFY_STATE, ES_EVENT_TYPE_OBJECT, &object);
    if (NT_SUCCESS(status)) {
        event->Object = object;
        event->Type = EsEventTypeOf(event->Object);
        event->AppHandle = input.handle;
        EsEventReference(event); /* once it is in the table, another thread may unregister it */
        status = EsEventInsert(event, Call->File);
        if (NT_SUCCESS(status)) {
            EsLog("what=register id=%u method=%u object=0x%llx handle=%llu pid=%u", (unsigned)event->Id,
                  (unsigned)event->Method, (unsigned long long)(ULONG_PTR)object, (unsigned long long)input.handle,
                  (unsigned)(ULONG_PTR)event->Process);
            EsEventAnswer(Call, event, 0);
        }
        EsEventDereference(event);
    }
    if (!NT_SUCCESS(status)) {
        EsLog("what=refuse id=%u method=%u status=0x%08x pid=%u", (unsigned)event->Id, (unsigned)event->Method,
              (unsigned)status, (unsigned)(ULONG_PTR)event->Process);
        EsEventDereference(event);
    }
    return status;
}

/* An unnamed event of the driver's own, that ordinary users may be given handles to. */
static NTSTATUS MakeUnnamed(ES_EVENT *Event, ULONG Type, BOOLEAN InitialState)
{
    OBJECT_ATTRIBUTES attributes;
    PVOID object;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, &EsDriver.EventSecurity.Descriptor);
    status = ZwCreateEvent(&Event->KernelHandle, EVENT_ALL_ACCESS, &attributes, (EVENT_TYPE)Type, InitialState);
    if (!NT_SUCCESS(status)) {
        Event->KernelHandle = NULL;
        return status;
    }
    InterlockedIncrement(&EsDriver.Totals.Handles);
    status = ObReferenceObjectByHandle(Event->KernelHandle, EVENT_MODIFY_STATE, ES_EVENT_TYPE_OBJECT, KernelMode, &object, NULL);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&EsDriver.Totals.ObjectReferences);
        Event->Object = object;
        Event->Type = Type;
        Event->Existed = 0;
    }
    return status;
}

/* IOCTL_EVENTSYS_GET_EVENT: item 2, by handle, driver to application. IRQL: PASSIVE_LEVEL, requestor's context. */
_Use_decl_annotations_ NTSTATUS EsIoctlGetEvent(ES_CALL *Call)
{
    const EVENTSYS_GET_EVENT_INPUT input = *(const EVENTSYS_GET_EVENT_INPUT *)Call->Buffer;
    HANDLE handle = NULL;
    ES_EVENT *event;
    NTSTATUS status;

    if (input.type > EVENTSYS_TYPE_SYNCHRONIZATION || input.initialState > 1 || input.access == 0 ||
        (input.access & ~EVENTSYS_EVENT_USER_ACCESS) != 0 || input.reserved != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    status = EsEventCreate(EVENTSYS_METHOD_HANDLE_FROM_DRIVER, Call, &event);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = MakeUnnamed(event, input.type, (BOOLEAN)input.initialState);
    if (NT_SUCCESS(status)) {
        EsEventReference(event);
        status = EsEventInsert(event, Call->File);
        if (NT_SUCCESS(status)) {
            /* Last, as a handle that was given cannot well be taken back. */
            status = GiveHandle(event, input.access, &handle);
            if (NT_SUCCESS(status)) {
                event->AppHandle = (ULONG_PTR)handle;
                EsLog("what=give id=%u method=%u object=0x%llx handle=%llu pid=%u", (unsigned)event->Id,
                      (unsigned)event->Method, (unsigned long long)(ULONG_PTR)event->Object,
                      (unsigned long long)(ULONG_PTR)handle, (unsigned)(ULONG_PTR)event->Process);
                EsEventAnswer(Call, event, (ULONG_PTR)handle);
            } else if (!EsEventRemove(event, Call->File)) {
                EsEventReference(event); /* taken out and dropped by the file's release meanwhile */
            }
        }
        EsEventDereference(event);
    }
    if (!NT_SUCCESS(status)) {
        EsLog("what=refuse id=%u method=%u status=0x%08x pid=%u", (unsigned)event->Id, (unsigned)event->Method,
              (unsigned)status, (unsigned)(ULONG_PTR)event->Process);
        EsEventDereference(event);
    }
    return status;
}
