/*
 * work_item.c - work items, at PASSIVE_LEVEL on the system's worker threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

#define MAX_WORKERS 8

struct _IO_WORKITEM {
    PDEVICE_OBJECT device;
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routineEx;
    PVOID context;
    BOOLEAN queued;
    struct _IO_WORKITEM *next;
};

static PETHREAD workers[MAX_WORKERS];
static PIO_WORKITEM workHead;
static MODEL_OBJECT *deferredDeletes;
static ULONG workAllocated, workRunning;
static BOOLEAN stopping;
static const char drain[] = "the end of all work items";

static void WakeDrainersLocked(void)
{
    for (PETHREAD t = ModelThreads(); t != NULL; t = t->nextThread) {
        if (t->wait.blocked && t->wait.reason == drain) {
            ModelWakeLocked(t, STATUS_SUCCESS);
        }
    }
}

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT device)
{
    ModelRequireIrql("IoAllocateWorkItem", DISPATCH_LEVEL);
    if (ModelFault("IoAllocateWorkItem")) {
        return NULL;
    }
    PIO_WORKITEM item = calloc(1, sizeof *item);
    item->device = device;
    ModelLock();
    workAllocated++;
    ModelUnlock();
    return item;
}

VOID IoFreeWorkItem(PIO_WORKITEM item)
{
    ModelRequireIrql("IoFreeWorkItem", DISPATCH_LEVEL);
    ModelLock();
    if (item->queued) {
        ModelFail("IoFreeWorkItem on a queued work item");
    }
    workAllocated--;
    ModelUnlock();
    free(item);
}

static void QueueWork(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, PIO_WORKITEM_ROUTINE_EX routineEx, PVOID context)
{
    ModelRequireIrql("IoQueueWorkItem", DISPATCH_LEVEL);
    ModelLock();
    if (item->queued) {
        ModelFail("IoQueueWorkItem on a work item that is queued already");
    }
    item->queued = TRUE;
    item->routine = routine;
    item->routineEx = routineEx;
    item->context = context;
    item->next = NULL;
    PIO_WORKITEM *link = &workHead;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = item;
    /* A queued work item keeps its device, and so the driver's image, until the routine has returned. */
    ModelReferenceLocked(MODEL_HEADER(item->device));
    MODEL_RELEASE(item);
    ModelWakeIdleLocked(workers, ModelOptions.workers);
    ModelUnlock();
}

VOID IoQueueWorkItem(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, WORK_QUEUE_TYPE queue, PVOID context)
{
    UNREFERENCED_PARAMETER(queue);
    QueueWork(item, routine, NULL, context);
}

VOID IoQueueWorkItemEx(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE_EX routine, WORK_QUEUE_TYPE queue, PVOID context)
{
    UNREFERENCED_PARAMETER(queue);
    QueueWork(item, NULL, routine, context);
}

void ModelDeferDelete(MODEL_OBJECT *object)
{
    ModelLock();
    object->next = deferredDeletes;
    deferredDeletes = object;
    ModelWakeIdleLocked(workers, ModelOptions.workers);
    ModelUnlock();
}

static void WorkerThread(void *context)
{
    PETHREAD self = ModelThread();
    UNREFERENCED_PARAMETER(context);
    ModelLock();
    for (;;) {
        PIO_WORKITEM item = workHead;
        if (deferredDeletes != NULL) {
            MODEL_OBJECT *object = deferredDeletes;
            deferredDeletes = object->next;
            ModelUnlock();
            ModelDeleteObject(object);
            ModelLock();
            continue;
        }
        if (item == NULL) {
            if (stopping) {
                break;
            }
            ModelBlockLocked(INT64_MAX, ModelIdle);
            continue;
        }
        PDEVICE_OBJECT device = item->device;
        PVOID routineContext = item->context;
        workHead = item->next;
        workRunning++;
        item->queued = FALSE; /* the routine may free the item, or queue it again */
        MODEL_ACQUIRE(item);
        ModelUnlock();
        if (item->routine != NULL) {
            item->routine(device, routineContext);
        } else {
            item->routineEx(device, routineContext, item);
        }
        if (self->irql != PASSIVE_LEVEL || self->heldCount != 0 || self->apcsDisabled != 0) {
            ModelFail("a work item returned at %s with %u spin locks held", ModelIrqlName(self->irql), self->heldCount);
        }
        ModelLock();
        workRunning--;
        MODEL_OBJECT *gone = ModelDereferenceLocked(MODEL_HEADER(device));
        WakeDrainersLocked();
        if (gone != NULL) {
            ModelUnlock();
            ModelDeleteObject(gone);
            ModelLock();
        }
    }
    ModelUnlock();
}

void ModelDrainWorkItems(void)
{
    ModelLock();
    while (workHead != NULL || workRunning != 0) {
        ModelBlockLocked(INT64_MAX, drain);
    }
    ModelUnlock();
}

ULONG ModelWorkItemsLocked(void) { return workAllocated; }

void ModelWorkersStart(void)
{
    workHead = NULL;
    deferredDeletes = NULL;
    workAllocated = workRunning = 0;
    stopping = FALSE;
    for (ULONG i = 0; i < ModelOptions.workers; i++) {
        workers[i] = ModelStartThread(PsInitialSystemProcess, NULL, WorkerThread, NULL, TRUE);
    }
}

void ModelWorkersEnd(void)
{
    ModelLock();
    if (workAllocated != 0) {
        ModelFail("%u work items are left", workAllocated);
    }
    stopping = TRUE;
    for (ULONG i = 0; i < ModelOptions.workers; i++) {
        ModelWakeLocked(workers[i], STATUS_SUCCESS);
    }
    ModelUnlock();
    for (ULONG i = 0; i < ModelOptions.workers; i++) {
        ModelJoinService(workers[i]);
        workers[i] = NULL;
    }
}
