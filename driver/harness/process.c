/*
 * process.c - processes, and the user-mode calls that need no device.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

static PEPROCESS processes;
static ULONG nextProcessId;
static const char callsOf[] = "the end of a process's calls";

PEPROCESS ModelProcessByIdLocked(ULONG id)
{
    for (PEPROCESS p = processes; p != NULL; p = p->nextProcess) {
        if (p->id == id && !p->dead) {
            return p;
        }
    }
    return NULL;
}

static void RemoveProcessLocked(PEPROCESS process)
{
    for (PEPROCESS *link = &processes; *link != NULL; link = &(*link)->nextProcess) {
        if (*link == process) {
            *link = process->nextProcess;
            break;
        }
    }
}

PEPROCESS ModelNewProcess(const char *name, MODEL_USER user, BOOLEAN wow64)
{
    ModelLock();
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelProcessType, sizeof(struct _KPROCESS));
    PEPROCESS process = (PEPROCESS)object->body;
    process->Header.Type = KObjectProcess;
    process->Header.Signalling = HEADER_INITIALIZED;
    process->name = name;
    process->user = user;
    process->wow64 = wow64;
    process->id = nextProcessId;
    nextProcessId += 4;
    process->nextProcess = processes;
    processes = process;
    ModelUnlock();
    return process;
}

void ModelProcessesStart(void)
{
    processes = NULL;
    nextProcessId = 4;
    PsInitialSystemProcess = ModelNewProcess("System", ModelUserSystem, FALSE);
    nextProcessId = 1000;
}

void ModelProcessesEnd(void)
{
    ModelLock();
    if (PsInitialSystemProcess->handleCount != 0) {
        ModelFail("%u kernel handles are left", PsInitialSystemProcess->handleCount);
    }
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(PsInitialSystemProcess));
    ModelUnlock();
    if (gone == NULL) {
        ModelFail("the system process has %d references left", MODEL_HEADER(PsInitialSystemProcess)->pointers);
    }
    ModelDeleteObject(gone);
    PsInitialSystemProcess = NULL;
}

PEPROCESS UserCreateProcess(const char *name, MODEL_USER user, BOOLEAN wow64)
{
    return ModelNewProcess(name, user, wow64);
}

ULONG UserProcessId(PEPROCESS process) { return process->id; }
ULONG UserHandleCount(PEPROCESS process) { return process->handleCount; }

BOOLEAN ModelEnterCall(PEPROCESS process)
{
    ModelLock();
    BOOLEAN may = !process->dead;
    process->calls += may ? 1 : 0;
    ModelUnlock();
    return may;
}

void ModelLeaveCall(PEPROCESS process)
{
    ModelLock();
    if (--process->calls == 0 && process->dead) {
        for (PETHREAD t = ModelThreads(); t != NULL; t = t->nextThread) {
            if (t->wait.blocked && t->wait.reason == callsOf) {
                ModelWakeLocked(t, STATUS_SUCCESS);
            }
        }
    }
    ModelUnlock();
}

/*
 * As NT ends a process: its threads' waits end, their requests are cancelled and waited for, then the last thread closes
 * the handles, in the process.
 */
void UserKillProcess(PEPROCESS process)
{
    PETHREAD self = ModelThread();
    ModelLock();
    if (process->dead) {
        ModelUnlock();
        return;
    }
    process->dead = TRUE;
    ModelEndWaitsOfLocked(process);
    ModelUnlock();
    ModelCancelRequestsOf(process);
    ModelLock();
    while (process->calls != 0) {
        ModelBlockLocked(INT64_MAX, callsOf);
    }
    ModelUnlock();
    ModelCancelRequestsOf(process);
    if (ModelTarget() == ModelWindows) {
        ModelWaitForRequests(process);
    }
    PEPROCESS before = self->process;
    self->process = process;
    for (ULONG i = 0; i < MODEL_HANDLES; i++) {
        if (process->handles[i].object != NULL) {
            ModelCloseHandle(process, (HANDLE)((ULONG_PTR)(i + 1) * 4), FALSE, NULL);
        }
    }
    ModelUnmapAllOf(process);
    self->process = before;
    ModelLock();
    ModelSignalLocked(&process->Header, 1);
    ModelUnlock();
}

void UserReleaseProcess(PEPROCESS process)
{
    UserKillProcess(process);
    ModelLock();
    RemoveProcessLocked(process);
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(process));
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

NTSTATUS UserClose(PEPROCESS process, HANDLE handle)
{
    PETHREAD self = ModelThread();
    if (!ModelEnterCall(process)) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    PEPROCESS before = self->process;
    self->process = process;
    ModelLock();
    ModelTickLocked(100);
    ModelUnlock();
    NTSTATUS status = ModelCloseHandle(process, handle, FALSE, "CloseHandle");
    self->process = before;
    ModelLeaveCall(process);
    return status;
}

NTSTATUS UserDuplicate(PEPROCESS from, HANDLE handle, PEPROCESS to, HANDLE *copy)
{
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(from, handle);
    NTSTATUS status = entry == NULL || to->dead
                          ? STATUS_INVALID_HANDLE
                          : ModelInsertHandleLocked(to, entry->object, entry->access, FALSE, FALSE, copy);
    ModelUnlock();
    return status;
}

static UNICODE_STRING *PathOf(UNICODE_STRING *buffer, const WCHAR *path)
{
    if (path == NULL) {
        return NULL;
    }
    RtlInitUnicodeString(buffer, path);
    return buffer;
}

NTSTATUS UserCreateEvent(PEPROCESS process, const WCHAR *path, EVENT_TYPE type, BOOLEAN state, ACCESS_MASK access,
                         HANDLE *handle)
{
    UNICODE_STRING name;
    if (!ModelEnterCall(process)) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    PEPROCESS before = ModelThread()->process;
    ModelThread()->process = process;
    NTSTATUS status = ModelCreateEventObject(process, PathOf(&name, path), OBJ_OPENIF, NULL, type, state,
                                             access != 0 ? access : EVENT_ALL_ACCESS, FALSE, handle);
    ModelThread()->process = before;
    ModelLeaveCall(process);
    return status;
}

NTSTATUS UserOpenEvent(PEPROCESS process, const WCHAR *path, ACCESS_MASK access, HANDLE *handle)
{
    UNICODE_STRING name;
    if (!ModelEnterCall(process)) {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    PEPROCESS before = ModelThread()->process;
    ModelThread()->process = process;
    NTSTATUS status = ModelOpenEventObject(process, PathOf(&name, path), 0, access != 0 ? access : EVENT_ALL_ACCESS,
                                           FALSE, handle);
    ModelThread()->process = before;
    ModelLeaveCall(process);
    return status;
}

NTSTATUS UserCreateSemaphore(PEPROCESS process, LONG count, LONG limit, HANDLE *handle)
{
    ModelLock();
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelSemaphoreType, sizeof(KSEMAPHORE));
    KeInitializeSemaphore((PRKSEMAPHORE)object->body, count, limit);
    NTSTATUS status = ModelInsertHandleLocked(process, object, SEMAPHORE_ALL_ACCESS, FALSE, FALSE, handle);
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return status;
}

/* The handle's object, referenced; NULL with `status` set. */
static MODEL_OBJECT *Take(PEPROCESS process, HANDLE handle, ACCESS_MASK access, POBJECT_TYPE type, NTSTATUS *status)
{
    ModelLock();
    ModelTickLocked(100);
    MODEL_HANDLE *entry = process->dead ? NULL : ModelFindHandleLocked(process, handle);
    MODEL_OBJECT *object = entry != NULL ? entry->object : NULL;
    *status = object == NULL                             ? STATUS_INVALID_HANDLE
              : type != NULL && object->type != type     ? STATUS_OBJECT_TYPE_MISMATCH
              : (access & ~entry->access) != 0           ? STATUS_ACCESS_DENIED
                                                         : STATUS_SUCCESS;
    if (!NT_SUCCESS(*status)) {
        object = NULL;
    } else {
        ModelReferenceLocked(object);
    }
    ModelUnlock();
    return object;
}

static void Give(MODEL_OBJECT *object)
{
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

NTSTATUS UserSetEvent(PEPROCESS process, HANDLE handle, LONG *previous)
{
    NTSTATUS status;
    MODEL_OBJECT *object = Take(process, handle, EVENT_MODIFY_STATE, &ModelEventType, &status);
    if (object != NULL) {
        LONG was = KeSetEvent((PKEVENT)object->body, 0, FALSE);
        if (previous != NULL) {
            *previous = was;
        }
        Give(object);
    }
    return status;
}

NTSTATUS UserResetEvent(PEPROCESS process, HANDLE handle, LONG *previous)
{
    NTSTATUS status;
    MODEL_OBJECT *object = Take(process, handle, EVENT_MODIFY_STATE, &ModelEventType, &status);
    if (object != NULL) {
        LONG was = KeResetEvent((PKEVENT)object->body);
        if (previous != NULL) {
            *previous = was;
        }
        Give(object);
    }
    return status;
}

LONG UserEventState(PEPROCESS process, HANDLE handle)
{
    NTSTATUS status;
    MODEL_OBJECT *object = Take(process, handle, EVENT_QUERY_STATE, &ModelEventType, &status);
    if (object == NULL) {
        return status;
    }
    LONG state = KeReadStateEvent((PKEVENT)object->body);
    Give(object);
    return state;
}

NTSTATUS UserWait(PEPROCESS process, HANDLE handle, LONGLONG ticks)
{
    NTSTATUS status;
    MODEL_OBJECT *object = Take(process, handle, SYNCHRONIZE, NULL, &status);
    if (object == NULL) {
        return status;
    }
    PVOID body = object->body;
    ModelLock();
    status = ModelWaitLocked(1, &body, WaitAny, TRUE, ticks < 0 ? INT64_MAX : ModelNowLocked() + ticks,
                             "WaitForSingleObject");
    ModelUnlock();
    Give(object);
    return status;
}

PVOID UserObjectAddress(PEPROCESS process, HANDLE handle)
{
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    PVOID body = entry != NULL ? (PVOID)entry->object->body : NULL;
    ModelUnlock();
    return body;
}

ACCESS_MASK UserGrantedAccess(PEPROCESS process, HANDLE handle)
{
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    ACCESS_MASK access = entry != NULL ? entry->access : 0;
    ModelUnlock();
    return access;
}
