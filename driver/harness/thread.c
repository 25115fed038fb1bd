/*
 * thread.c - threads of the model: the driver's system threads, the applications', the model's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <pthread.h>
#include <stdlib.h>

PETHREAD ModelNewThread(PEPROCESS process)
{
    ModelLock();
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelThreadType, sizeof(struct _KTHREAD));
    PETHREAD thread = (PETHREAD)object->body;
    ModelInitializeHeader(&thread->Header, KObjectThread, 0);
    thread->process = thread->owner = process;
    ModelReferenceLocked(MODEL_HEADER(process));
    ModelThreadBeginsLocked(thread);
    ModelUnlock();
    return thread;
}

/* The thread has run to its end, on itself. */
static void EndThread(PETHREAD thread)
{
    if (thread->irql != PASSIVE_LEVEL || thread->heldCount != 0 || thread->apcsDisabled != 0) {
        ModelFail("a thread ended at %s with %u spin locks held", ModelIrqlName(thread->irql), thread->heldCount);
    }
    ModelLock();
    ModelThreadEndsLocked(thread);
    MODEL_OBJECT *process = ModelDereferenceLocked(MODEL_HEADER(thread->owner));
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    if (process != NULL) {
        ModelDeleteObject(process);
    }
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

static void *ThreadMain(void *argument)
{
    PETHREAD thread = argument;
    ModelBecome(thread);
    if (thread->start != NULL) {
        thread->start(thread->context);
    } else {
        thread->routine(thread->context);
    }
    EndThread(thread);
    return NULL;
}

PETHREAD ModelStartThread(PEPROCESS process, PKSTART_ROUTINE start, MODEL_THREAD_ROUTINE *routine, PVOID context,
                          BOOLEAN service)
{
    pthread_attr_t attributes;
    pthread_t id;
    PETHREAD thread = ModelNewThread(process);
    thread->start = start;
    thread->routine = routine;
    thread->context = context;
    thread->service = service;
    thread->ofDriver = start != NULL;
    ModelLock();
    /* One reference is the running thread's own, one the starter's. */
    ModelReferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, service ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    if (pthread_create(&id, &attributes, ThreadMain, thread) != 0) {
        ModelFail("the host has no more threads");
    }
    pthread_attr_destroy(&attributes);
    thread->pthread = service ? id : 0;
    return thread;
}

PETHREAD ModelCreateThread(PEPROCESS process, MODEL_THREAD_ROUTINE *routine, void *context)
{
    return ModelStartThread(process == NULL ? PsInitialSystemProcess : process, NULL, routine, context, FALSE);
}

static void DropThread(PETHREAD thread)
{
    ModelLock();
    MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(thread));
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
}

void ModelJoinThread(PETHREAD thread)
{
    PVOID object = thread;
    ModelLock();
    ModelWaitLocked(1, &object, WaitAny, FALSE, INT64_MAX, "ModelJoinThread");
    ModelUnlock();
    DropThread(thread);
}

void ModelJoinService(PETHREAD thread)
{
    pthread_t id = thread->pthread;
    /* The joiner does not count as running meanwhile, but neither may time jump: the service ends without blocking. */
    pthread_join(id, NULL);
    DropThread(thread);
}

NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access, POBJECT_ATTRIBUTES attributes, HANDLE process,
                              PCLIENT_ID client, PKSTART_ROUTINE start, PVOID context)
{
    ModelRequireIrql("PsCreateSystemThread", PASSIVE_LEVEL);
    UNREFERENCED_PARAMETER(process);
    if (ModelFault("PsCreateSystemThread")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (ModelTarget() == ModelWindows && (attributes == NULL || (attributes->Attributes & OBJ_KERNEL_HANDLE) == 0) &&
        PsGetCurrentProcess() != PsInitialSystemProcess) {
        ModelFail("PsCreateSystemThread makes a user handle in %s: OBJ_KERNEL_HANDLE is missing",
                  PsGetCurrentProcess()->name);
    }
    PETHREAD thread = ModelStartThread(PsInitialSystemProcess, start, NULL, context, FALSE);
    if (client != NULL) {
        client->UniqueProcess = ULongToHandle(PsInitialSystemProcess->id);
        client->UniqueThread = ULongToHandle(thread->id);
    }
    ModelLock();
    NTSTATUS status = ModelInsertHandleLocked(PsInitialSystemProcess, MODEL_HEADER(thread), access, TRUE, TRUE, handle);
    ModelUnlock();
    if (!NT_SUCCESS(status)) {
        ModelFail("the system process is out of handles");
    }
    DropThread(thread);
    return STATUS_SUCCESS;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS exitStatus)
{
    PETHREAD thread = ModelThread();
    UNREFERENCED_PARAMETER(exitStatus);
    ModelRequireIrql("PsTerminateSystemThread", PASSIVE_LEVEL);
    if (!thread->ofDriver) {
        ModelFail("PsTerminateSystemThread on a thread that PsCreateSystemThread did not make");
    }
    EndThread(thread);
    pthread_exit(NULL);
}

ULONG ModelDriverThreadsLocked(void)
{
    ULONG count = 0;
    for (PETHREAD t = ModelThreads(); t != NULL; t = t->nextThread) {
        count += t->ofDriver ? 1 : 0;
    }
    return count;
}

PKTHREAD KeGetCurrentThread(VOID) { return ModelThread(); }
PETHREAD PsGetCurrentThread(VOID) { return ModelThread(); }
HANDLE PsGetCurrentThreadId(VOID) { return ULongToHandle(ModelThread()->id); }
HANDLE PsGetThreadId(PETHREAD thread) { return ULongToHandle(thread->id); }
HANDLE PsGetThreadProcessId(PETHREAD thread) { return ULongToHandle(thread->owner->id); }
BOOLEAN PsIsSystemThread(PETHREAD thread) { return thread->owner == PsInitialSystemProcess; }

KPRIORITY KeSetPriorityThread(PKTHREAD thread, KPRIORITY priority)
{
    ModelRequireIrql("KeSetPriorityThread", APC_LEVEL);
    UNREFERENCED_PARAMETER(thread);
    UNREFERENCED_PARAMETER(priority);
    return 8;
}

ULONG ModelProcessors(void) { return ModelOptions.processors; }
ULONG KeQueryActiveProcessorCount(KAFFINITY *active)
{
    if (active != NULL) {
        *active = (1ull << ModelProcessors()) - 1;
    }
    return ModelProcessors();
}
ULONG KeQueryActiveProcessorCountEx(USHORT group) { UNREFERENCED_PARAMETER(group); return ModelProcessors(); }
ULONG KeQueryMaximumProcessorCount(VOID) { return ModelProcessors(); }
ULONG KeQueryMaximumProcessorCountEx(USHORT group) { UNREFERENCED_PARAMETER(group); return ModelProcessors(); }

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number)
{
    ULONG processor = ModelThread()->processor;
    if (number != NULL) {
        number->Group = 0;
        number->Number = (UCHAR)processor;
        number->Reserved = 0;
    }
    return processor;
}
ULONG KeGetCurrentProcessorNumber(VOID) { return ModelThread()->processor; }

VOID KeBugCheckEx(ULONG code, ULONG_PTR p1, ULONG_PTR p2, ULONG_PTR p3, ULONG_PTR p4)
{
    ModelFail("KeBugCheckEx %x (%llx, %llx, %llx, %llx)", code, p1, p2, p3, p4);
}
