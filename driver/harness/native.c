/*
 * native.c - the object manager's and the native calls that a driver makes: Ob*, Zw* on events, handles and processes.
 * All Zw* and all Ob* calls that take or make a handle are for PASSIVE_LEVEL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

static void DriverReferenceLocked(MODEL_OBJECT *object)
{
    ModelReferenceLocked(object);
    object->driverReferences++;
}

static NTSTATUS AccessByHandle(HANDLE handle, ACCESS_MASK desired, KPROCESSOR_MODE mode, MODEL_HANDLE *answer,
                               const char *call)
{
    if (handle == NtCurrentProcess() || handle == NtCurrentThread()) {
        PVOID body = handle == NtCurrentProcess() ? (PVOID)ModelHandleProcess(handle) : (PVOID)ModelThread();
        *answer = (MODEL_HANDLE){MODEL_HEADER(body), 0x1FFFFF, FALSE};
        return STATUS_SUCCESS;
    }
    if (mode == UserMode && ModelIsKernelHandle(handle)) {
        return STATUS_INVALID_HANDLE;
    }
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelHandleProcess(handle), handle);
    if (entry == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (mode == KernelMode && ModelTarget() == ModelWindows && !ModelIsKernelHandle(handle) && !entry->byDriver) {
        /* Driver Verifier's bugcheck C4/F6. */
        ModelFail("%s takes user handle %p of %s in KernelMode: its access is not checked", call, handle,
                  ModelThread()->process->name);
    }
    *answer = *entry;
    if (mode == UserMode && (desired & ~entry->access) != 0) {
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

NTSTATUS ObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK desired, POBJECT_TYPE type, KPROCESSOR_MODE mode,
                                   PVOID *object, POBJECT_HANDLE_INFORMATION information)
{
    MODEL_HANDLE entry;
    ModelRequireIrql("ObReferenceObjectByHandle", PASSIVE_LEVEL);
    if (mode == UserMode && ModelTarget() == ModelWine) {
        return STATUS_NOT_IMPLEMENTED;
    }
    *object = NULL;
    ModelLock();
    NTSTATUS status = AccessByHandle(handle, ModelMapAccess(type != NULL ? type : &ModelEventType, desired), mode, &entry,
                                     "ObReferenceObjectByHandle");
    if (status == STATUS_SUCCESS && type != NULL && entry.object->type != type) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (status == STATUS_SUCCESS && ModelFault("ObReferenceObjectByHandle")) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (status == STATUS_SUCCESS) {
        DriverReferenceLocked(entry.object);
        *object = entry.object->body;
        if (information != NULL) {
            information->HandleAttributes = 0;
            information->GrantedAccess = entry.access;
        }
    }
    ModelUnlock();
    return status;
}

static MODEL_OBJECT *RequireObjectLocked(PVOID body, const char *call)
{
    MODEL_OBJECT *object = ModelFindObjectLocked(body);
    if (object == NULL) {
        ModelFail("%s on %p, which is no object (any more)", call, body);
    }
    return object;
}

NTSTATUS ObReferenceObjectByPointer(PVOID body, ACCESS_MASK desired, POBJECT_TYPE type, KPROCESSOR_MODE mode)
{
    UNREFERENCED_PARAMETER(desired);
    ModelRequireIrql("ObReferenceObjectByPointer", DISPATCH_LEVEL);
    ModelLock();
    MODEL_OBJECT *object = RequireObjectLocked(body, "ObReferenceObjectByPointer");
    NTSTATUS status =
        object->type != type && (mode == UserMode || type != NULL) ? STATUS_OBJECT_TYPE_MISMATCH : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS) {
        DriverReferenceLocked(object);
    }
    ModelUnlock();
    return status;
}

LONG_PTR ObfReferenceObject(PVOID body)
{
    ModelRequireIrql("ObReferenceObject", DISPATCH_LEVEL);
    ModelLock();
    MODEL_OBJECT *object = RequireObjectLocked(body, "ObReferenceObject");
    DriverReferenceLocked(object);
    LONG_PTR count = object->pointers;
    ModelUnlock();
    return count;
}

static LONG_PTR Dereference(PVOID body, const char *call)
{
    ModelLock();
    MODEL_OBJECT *object = RequireObjectLocked(body, call);
    if (object->driverReferences == 0) {
        ModelFail("%s on a %s of which the driver holds no reference", call, object->type->name);
    }
    object->driverReferences--;
    LONG_PTR count = object->pointers - 1;
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return count;
}

/* IRQL <= DISPATCH_LEVEL [doc: ObDereferenceObject]. */
LONG_PTR ObfDereferenceObject(PVOID body)
{
    ModelRequireIrql("ObDereferenceObject", DISPATCH_LEVEL);
    return Dereference(body, "ObDereferenceObject");
}

VOID ObDereferenceObjectDeferDelete(PVOID body)
{
    ModelRequireIrql("ObDereferenceObjectDeferDelete", DISPATCH_LEVEL);
    Dereference(body, "ObDereferenceObjectDeferDelete");
}

NTSTATUS ObOpenObjectByPointer(PVOID body, ULONG attributes, PACCESS_STATE state, ACCESS_MASK desired, POBJECT_TYPE type,
                               KPROCESSOR_MODE mode, PHANDLE handle)
{
    UNREFERENCED_PARAMETER(state);
    ModelRequireIrql("ObOpenObjectByPointer", PASSIVE_LEVEL);
    if (mode == UserMode && ModelTarget() == ModelWine) {
        return STATUS_NOT_IMPLEMENTED;
    }
    if (ModelFault("ObOpenObjectByPointer")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    BOOLEAN kernelHandle = (attributes & OBJ_KERNEL_HANDLE) != 0;
    PEPROCESS process =
        kernelHandle || ModelTarget() == ModelWine ? PsInitialSystemProcess : ModelThread()->process;
    ModelLock();
    MODEL_OBJECT *object = RequireObjectLocked(body, "ObOpenObjectByPointer");
    ACCESS_MASK granted = ModelMapAccess(object->type, desired);
    NTSTATUS status = STATUS_SUCCESS;
    if (type != NULL && object->type != type) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (mode == UserMode && !ModelAccessCheck(object->dacl, object->daclPresent, process->user, object->type,
                                                     desired, &granted)) {
        status = STATUS_ACCESS_DENIED;
    } else {
        status = ModelInsertHandleLocked(process, object, granted, kernelHandle, TRUE, handle);
    }
    ModelUnlock();
    return status;
}

NTSTATUS ZwClose(HANDLE handle)
{
    ModelRequireIrql("ZwClose", PASSIVE_LEVEL);
    return ModelCloseHandle(ModelHandleProcess(handle), handle, TRUE, "ZwClose");
}

NTSTATUS ObCloseHandle(HANDLE handle, KPROCESSOR_MODE mode)
{
    UNREFERENCED_PARAMETER(mode);
    ModelRequireIrql("ObCloseHandle", PASSIVE_LEVEL);
    if (ModelTarget() == ModelWine) {
        ModelFail("ObCloseHandle is not there on Wine: the driver host would end");
    }
    return ModelCloseHandle(ModelHandleProcess(handle), handle, TRUE, "ObCloseHandle");
}

static PUNICODE_STRING NameOf(POBJECT_ATTRIBUTES attributes)
{
    if (attributes == NULL) {
        return NULL;
    }
    if (attributes->Length != sizeof *attributes) {
        ModelFail("OBJECT_ATTRIBUTES of %u bytes", attributes->Length);
    }
    if (attributes->RootDirectory != NULL) {
        ModelFail("names relative to a directory are not modelled");
    }
    return attributes->ObjectName;
}

/* A driver's handle that an application could use or close is a hole: made in another process, it must be a kernel one. */
static void RequireKernelHandle(const char *call, POBJECT_ATTRIBUTES attributes)
{
    if (ModelTarget() == ModelWindows && ModelThread()->process != PsInitialSystemProcess &&
        (attributes == NULL || (attributes->Attributes & OBJ_KERNEL_HANDLE) == 0)) {
        ModelFail("%s makes a user handle in %s: OBJ_KERNEL_HANDLE is missing", call, ModelThread()->process->name);
    }
}

NTSTATUS ZwCreateEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, EVENT_TYPE type, BOOLEAN state)
{
    ModelRequireIrql("ZwCreateEvent", PASSIVE_LEVEL);
    RequireKernelHandle("ZwCreateEvent", attributes);
    if (ModelFault("ZwCreateEvent")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PUNICODE_STRING name = NameOf(attributes);
    return ModelCreateEventObject(ModelThread()->process, name, attributes != NULL ? attributes->Attributes : 0,
                                  attributes != NULL ? attributes->SecurityDescriptor : NULL, type, state, access, TRUE,
                                  handle);
}

NTSTATUS ZwOpenEvent(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes)
{
    ModelRequireIrql("ZwOpenEvent", PASSIVE_LEVEL);
    RequireKernelHandle("ZwOpenEvent", attributes);
    if (ModelFault("ZwOpenEvent")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return ModelOpenEventObject(ModelThread()->process, NameOf(attributes), attributes->Attributes, access, TRUE, handle);
}

/* Opens, or creates signaled [doc: IoCreateNotificationEvent]; the reference belongs to the handle. */
static PKEVENT CreateNamedEvent(PUNICODE_STRING name, EVENT_TYPE type, PHANDLE handle, const char *call)
{
    PVOID object = NULL;
    ModelRequireIrql(call, PASSIVE_LEVEL);
    if (ModelTarget() == ModelWine || ModelFault(call)) {
        *handle = NULL;
        return NULL;
    }
    if (!NT_SUCCESS(ModelCreateEventObject(PsInitialSystemProcess, name,
                                           OBJ_OPENIF | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, type, TRUE,
                                           EVENT_ALL_ACCESS, TRUE, handle))) {
        *handle = NULL;
        return NULL;
    }
    ModelLock();
    object = ModelFindHandleLocked(PsInitialSystemProcess, *handle)->object->body;
    ModelUnlock();
    return object;
}

PKEVENT IoCreateNotificationEvent(PUNICODE_STRING name, PHANDLE handle)
{
    return CreateNamedEvent(name, NotificationEvent, handle, "IoCreateNotificationEvent");
}

PKEVENT IoCreateSynchronizationEvent(PUNICODE_STRING name, PHANDLE handle)
{
    return CreateNamedEvent(name, SynchronizationEvent, handle, "IoCreateSynchronizationEvent");
}

static NTSTATUS EventOfHandle(const char *call, HANDLE handle, PKEVENT *event)
{
    MODEL_HANDLE entry;
    ModelRequireIrql(call, PASSIVE_LEVEL);
    ModelLock();
    NTSTATUS status = AccessByHandle(handle, 0, KernelMode, &entry, call);
    if (NT_SUCCESS(status) && entry.object->type != &ModelEventType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    ModelUnlock();
    *event = NT_SUCCESS(status) ? (PKEVENT)entry.object->body : NULL;
    return status;
}

NTSTATUS ZwSetEvent(HANDLE handle, PLONG previous)
{
    PKEVENT event;
    NTSTATUS status = EventOfHandle("ZwSetEvent", handle, &event);
    if (NT_SUCCESS(status)) {
        LONG was = KeSetEvent(event, 0, FALSE);
        if (previous != NULL) {
            *previous = was;
        }
    }
    return status;
}

NTSTATUS ZwResetEvent(HANDLE handle, PLONG previous)
{
    PKEVENT event;
    NTSTATUS status = EventOfHandle("ZwResetEvent", handle, &event);
    if (NT_SUCCESS(status)) {
        LONG was = KeResetEvent(event);
        if (previous != NULL) {
            *previous = was;
        }
    }
    return status;
}

NTSTATUS ZwClearEvent(HANDLE handle)
{
    return ZwResetEvent(handle, NULL);
}

NTSTATUS ZwQueryEvent(HANDLE handle, EVENT_INFORMATION_CLASS class, PVOID information, ULONG length, PULONG returned)
{
    PKEVENT event;
    EVENT_BASIC_INFORMATION *answer = information;
    if (class != EventBasicInformation || length != sizeof *answer) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS status = EventOfHandle("ZwQueryEvent", handle, &event);
    if (NT_SUCCESS(status)) {
        answer->EventType =
            event->Header.Type == KObjectNotificationEvent ? NotificationEvent : SynchronizationEvent;
        answer->EventState = KeReadStateEvent(event);
        if (returned != NULL) {
            *returned = sizeof *answer;
        }
    }
    return status;
}

NTSTATUS ZwQueryObject(HANDLE handle, OBJECT_INFORMATION_CLASS class, PVOID information, ULONG length, PULONG returned)
{
    PUBLIC_OBJECT_BASIC_INFORMATION *answer = information;
    ModelRequireIrql("ZwQueryObject", PASSIVE_LEVEL);
    if (class != ObjectBasicInformation || length != sizeof *answer) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (ModelFault("ZwQueryObject")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelHandleProcess(handle), handle);
    if (entry != NULL) {
        memset(answer, 0, sizeof *answer);
        answer->GrantedAccess = entry->access;
        answer->HandleCount = (ULONG)entry->object->handles;
        answer->PointerCount = (ULONG)entry->object->pointers;
    }
    ModelUnlock();
    if (returned != NULL) {
        *returned = sizeof *answer;
    }
    return entry != NULL ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

NTSTATUS ZwWaitForSingleObject(HANDLE handle, BOOLEAN alertable, PLARGE_INTEGER timeout)
{
    MODEL_HANDLE entry;
    ModelRequireIrql("ZwWaitForSingleObject", PASSIVE_LEVEL);
    ModelLock();
    NTSTATUS status = AccessByHandle(handle, SYNCHRONIZE, KernelMode, &entry, "ZwWaitForSingleObject");
    if (NT_SUCCESS(status)) {
        ModelReferenceLocked(entry.object);
    }
    ModelUnlock();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = KeWaitForSingleObject(entry.object->body, Executive, KernelMode, alertable, timeout);
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(entry.object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return status;
}

static NTSTATUS ProcessOfHandleLocked(HANDLE handle, PEPROCESS *process)
{
    MODEL_HANDLE entry;
    NTSTATUS status = AccessByHandle(handle, PROCESS_DUP_HANDLE, KernelMode, &entry, "ZwDuplicateObject");
    if (NT_SUCCESS(status) && entry.object->type != &ModelProcessType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (NT_SUCCESS(status)) {
        *process = (PEPROCESS)entry.object->body;
        if ((entry.access & PROCESS_DUP_HANDLE) == 0) {
            ModelFail("ZwDuplicateObject with a process handle that lacks PROCESS_DUP_HANDLE");
        }
        if ((*process)->dead) {
            status = STATUS_PROCESS_IS_TERMINATING;
        }
    }
    return status;
}

NTSTATUS ZwDuplicateObject(HANDLE sourceProcess, HANDLE source, HANDLE targetProcess, PHANDLE target, ACCESS_MASK access,
                           ULONG attributes, ULONG options)
{
    PEPROCESS from, to = NULL;
    ModelRequireIrql("ZwDuplicateObject", PASSIVE_LEVEL);
    ModelLock();
    NTSTATUS status = ProcessOfHandleLocked(sourceProcess, &from);
    if (NT_SUCCESS(status) && targetProcess != NULL) {
        status = ProcessOfHandleLocked(targetProcess, &to);
    }
    if (!NT_SUCCESS(status)) {
        ModelUnlock();
        return status;
    }
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelIsKernelHandle(source) ? PsInitialSystemProcess : from, source);
    if (entry == NULL) {
        ModelUnlock();
        return STATUS_INVALID_HANDLE;
    }
    if (ModelTarget() == ModelWindows && !ModelIsKernelHandle(source) && !entry->byDriver) {
        ModelFail("ZwDuplicateObject of %s's handle %p in KernelMode: its access is not checked", from->name, source);
    }
    if (to != NULL && ModelFault("ZwDuplicateObject")) {
        ModelUnlock();
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (to != NULL) {
        BOOLEAN kernelHandle = (attributes & OBJ_KERNEL_HANDLE) != 0;
        ACCESS_MASK granted =
            options & DUPLICATE_SAME_ACCESS ? entry->access : ModelMapAccess(entry->object->type, access);
        status = ModelInsertHandleLocked(kernelHandle ? PsInitialSystemProcess : to, entry->object, granted,
                                         kernelHandle, TRUE, target);
    }
    BOOLEAN byDriver = entry->byDriver;
    ModelUnlock();
    if (options & DUPLICATE_CLOSE_SOURCE) {
        ModelCloseHandle(from, source, byDriver, "ZwDuplicateObject");
    }
    return status;
}

NTSTATUS ZwOpenProcess(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, PCLIENT_ID client)
{
    ModelRequireIrql("ZwOpenProcess", PASSIVE_LEVEL);
    RequireKernelHandle("ZwOpenProcess", attributes);
    if (ModelFault("ZwOpenProcess")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ModelLock();
    PEPROCESS process = ModelProcessByIdLocked(HandleToULong(client->UniqueProcess));
    NTSTATUS status = process == NULL
                          ? STATUS_INVALID_CID
                          : ModelInsertHandleLocked(PsInitialSystemProcess, MODEL_HEADER(process), access,
                                                    TRUE, TRUE, handle);
    ModelUnlock();
    return status;
}

PEPROCESS PsInitialSystemProcess;
PEPROCESS PsGetCurrentProcess(VOID) { return ModelThread()->process; }
HANDLE PsGetCurrentProcessId(VOID) { return ULongToHandle(ModelThread()->process->id); }
HANDLE PsGetProcessId(PEPROCESS process) { return ULongToHandle(process->id); }

NTSTATUS PsLookupProcessByProcessId(HANDLE id, PEPROCESS *process)
{
    ModelRequireIrql("PsLookupProcessByProcessId", APC_LEVEL);
    ModelLock();
    *process = ModelProcessByIdLocked(HandleToULong(id));
    if (*process != NULL) {
        DriverReferenceLocked(MODEL_HEADER(*process));
    }
    ModelUnlock();
    return *process != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

KPROCESSOR_MODE ExGetPreviousMode(VOID)
{
    return ModelThread()->process == PsInitialSystemProcess ? KernelMode : UserMode;
}
