/*
 * handle.c - handle tables, and events made or opened by name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#define KERNEL_HANDLE_FLAG 0xFFFFFFFF80000000ull

/* Wine has no kernel handles: a driver's handles are ordinary ones of the driver host. */
BOOLEAN ModelIsKernelHandle(HANDLE handle)
{
    return ModelTarget() == ModelWindows && ((ULONG_PTR)handle & KERNEL_HANDLE_FLAG) == KERNEL_HANDLE_FLAG &&
           (LONG_PTR)handle < -16;
}

PEPROCESS ModelHandleProcess(HANDLE handle)
{
    if (ModelTarget() == ModelWine || ModelIsKernelHandle(handle)) {
        return PsInitialSystemProcess;
    }
    return ModelThread()->process;
}

NTSTATUS ModelInsertHandleLocked(PEPROCESS process, MODEL_OBJECT *object, ACCESS_MASK access, BOOLEAN kernelHandle,
                                 BOOLEAN byDriver, HANDLE *handle)
{
    for (ULONG tried = 0; tried < MODEL_HANDLES; tried++) {
        ULONG index = process->nextHandle++ % MODEL_HANDLES;
        if (process->handles[index].object == NULL) {
            process->handles[index] = (MODEL_HANDLE){object, access, byDriver};
            process->handleCount++;
            object->handles++;
            ModelReferenceLocked(object);
            ULONG_PTR value = ((ULONG_PTR)index + 1) * 4;
            *handle = (HANDLE)(kernelHandle && ModelTarget() == ModelWindows ? value | KERNEL_HANDLE_FLAG : value);
            return STATUS_SUCCESS;
        }
    }
    return STATUS_INSUFFICIENT_RESOURCES;
}

MODEL_HANDLE *ModelFindHandleLocked(PEPROCESS process, HANDLE handle)
{
    ULONG_PTR value = (ULONG_PTR)handle;
    if (ModelIsKernelHandle(handle)) {
        if (process != PsInitialSystemProcess) {
            return NULL;
        }
        value &= ~KERNEL_HANDLE_FLAG;
    }
    value &= ~(ULONG_PTR)3; /* the low two bits are the owner's to use, as in NT */
    if (value < 4 || value > MODEL_HANDLES * 4) {
        return NULL;
    }
    MODEL_HANDLE *entry = &process->handles[value / 4 - 1];
    return entry->object == NULL ? NULL : entry;
}

/* `call` NULL: the process's own end closes it. */
NTSTATUS ModelCloseHandle(PEPROCESS process, HANDLE handle, BOOLEAN byDriver, const char *call)
{
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    if (entry == NULL) {
        ModelUnlock();
        if (byDriver) {
            ModelFail("%s on handle %p, which is not open in %s", call, handle, process->name);
        }
        return STATUS_INVALID_HANDLE;
    }
    if (byDriver && !entry->byDriver) {
        ModelFail("%s on handle %p, which the driver did not open but %s did", call, handle, process->name);
    }
    MODEL_OBJECT *object = entry->object;
    entry->object = NULL;
    process->handleCount--;
    BOOLEAN last = --object->handles == 0;
    BOOLEAN file = object->type == &ModelFileType;
    if (last && !object->permanent && !object->keepsName) {
        ModelRemoveNameLocked(object);
    }
    if (file) {
        /* The handle's reference is given back only after CLEANUP. */
        ModelUnlock();
        ModelFileHandleClosed(object, last);
        ModelLock();
    }
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return STATUS_SUCCESS;
}

ACCESS_MASK ModelMapAccess(POBJECT_TYPE type, ACCESS_MASK access)
{
    ACCESS_MASK mapped = access & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
    mapped |= access & GENERIC_READ ? type->mapping.GenericRead : 0;
    mapped |= access & GENERIC_WRITE ? type->mapping.GenericWrite : 0;
    mapped |= access & GENERIC_EXECUTE ? type->mapping.GenericExecute : 0;
    mapped |= access & GENERIC_ALL ? type->mapping.GenericAll : 0;
    return mapped & (type->allAccess | MAXIMUM_ALLOWED);
}

static MODEL_OBJECT *NewEventLocked(EVENT_TYPE type, BOOLEAN state)
{
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelEventType, sizeof(KEVENT));
    KeInitializeEvent((PKEVENT)object->body, type, state);
    return object;
}

NTSTATUS ModelOpenNamedLocked(PEPROCESS process, const MODEL_NAME *name, POBJECT_TYPE type, ACCESS_MASK access,
                              BOOLEAN check, BOOLEAN kernelHandle, BOOLEAN byDriver, HANDLE *handle)
{
    ACCESS_MASK granted = ModelMapAccess(type, access);
    if (name->object->type != type) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    /* Who asks is the caller, also when the handle goes to the kernel's table (OBJ_FORCE_ACCESS_CHECK). */
    MODEL_USER user = ModelTarget() == ModelWine ? process->user : ModelThread()->process->user;
    if (check && !ModelAccessCheck(name->object->dacl, name->object->daclPresent, user, type, access, &granted)) {
        return STATUS_ACCESS_DENIED;
    }
    return ModelInsertHandleLocked(process, name->object, granted, kernelHandle, byDriver, handle);
}

NTSTATUS ModelCreateEventObject(PEPROCESS process, const UNICODE_STRING *path, ULONG attributes, PVOID descriptor,
                                EVENT_TYPE type, BOOLEAN state, ACCESS_MASK access, BOOLEAN byDriver, HANDLE *handle)
{
    MODEL_NAME name = {0};
    NTSTATUS status;
    BOOLEAN kernelHandle = byDriver && (attributes & OBJ_KERNEL_HANDLE) != 0;
    if (kernelHandle || (byDriver && ModelTarget() == ModelWine)) {
        process = PsInitialSystemProcess;
    }
    ModelLock();
    if (path != NULL && path->Length != 0) {
        status = ModelLookupLocked(path->Buffer, path->Length / sizeof(WCHAR),
                                   (attributes & OBJ_CASE_INSENSITIVE) != 0, FALSE, &name);
        if (NT_SUCCESS(status)) {
            status = (attributes & OBJ_OPENIF) == 0
                         ? (name.object->type == &ModelEventType ? STATUS_OBJECT_NAME_COLLISION
                                                                 : STATUS_OBJECT_TYPE_MISMATCH)
                         : ModelOpenNamedLocked(process, &name, &ModelEventType, access,
                                                !byDriver || (attributes & OBJ_FORCE_ACCESS_CHECK), kernelHandle,
                                                byDriver, handle);
            ModelUnlock();
            return status == STATUS_SUCCESS ? STATUS_OBJECT_NAME_EXISTS : status;
        }
        if (status != STATUS_OBJECT_NAME_NOT_FOUND) {
            ModelUnlock();
            return status;
        }
    }
    MODEL_OBJECT *object = NewEventLocked(type, state);
    status = ModelCopyDescriptor(descriptor, &object->dacl, &object->daclPresent);
    if (NT_SUCCESS(status)) {
        if (descriptor == NULL && path != NULL && byDriver) {
            /* The system process's default: itself and administrators (doctor rule 17). */
            DECLARE_CONST_UNICODE_STRING(systemDefault, L"D:(A;;GA;;;SY)(A;;0x120001;;;BA)");
            ModelParseSddl(&systemDefault, &object->dacl, &object->daclPresent);
        }
        if (name.parent != NULL) {
            ModelInsertNameLocked(object, name.parent, name.leaf, name.leafUnits);
        }
        status = ModelInsertHandleLocked(process, object, ModelMapAccess(&ModelEventType, access), kernelHandle,
                                         byDriver, handle);
    }
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return status;
}

NTSTATUS ModelOpenEventObject(PEPROCESS process, const UNICODE_STRING *path, ULONG attributes, ACCESS_MASK access,
                              BOOLEAN byDriver, HANDLE *handle)
{
    MODEL_NAME name;
    BOOLEAN kernelHandle = byDriver && (attributes & OBJ_KERNEL_HANDLE) != 0;
    if (kernelHandle || (byDriver && ModelTarget() == ModelWine)) {
        process = PsInitialSystemProcess;
    }
    ModelLock();
    NTSTATUS status = ModelLookupLocked(path->Buffer, path->Length / sizeof(WCHAR),
                                        (attributes & OBJ_CASE_INSENSITIVE) != 0, FALSE, &name);
    if (NT_SUCCESS(status)) {
        status = ModelOpenNamedLocked(process, &name, &ModelEventType, access,
                                      !byDriver || (attributes & OBJ_FORCE_ACCESS_CHECK), kernelHandle, byDriver,
                                      handle);
    }
    ModelUnlock();
    return status;
}
