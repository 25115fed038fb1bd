/*
 * dispatcher_objects.c - events, semaphores, mutexes: initialize, signal, reset, read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

void ModelInitializeHeader(DISPATCHER_HEADER *header, UCHAR type, LONG state)
{
    header->Type = type;
    header->Signalling = HEADER_INITIALIZED;
    header->SignalState = state;
}

VOID KeInitializeEvent(PRKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
    ModelInitializeHeader(&event->Header,
                     type == NotificationEvent ? KObjectNotificationEvent : KObjectSynchronizationEvent, state ? 1 : 0);
}

static DISPATCHER_HEADER *RequireEvent(PRKEVENT event, const char *call)
{
    if (event == NULL) {
        ModelFail("%s on a null event", call);
    }
    ModelRequireHeader(&event->Header, call);
    if (event->Header.Type != KObjectNotificationEvent && event->Header.Type != KObjectSynchronizationEvent) {
        ModelFail("%s on a %s", call, ModelObjectKind(&event->Header));
    }
    return &event->Header;
}

/* IRQL <= DISPATCH_LEVEL; with Wait <= APC_LEVEL, and a wait must follow at once [doc: KeSetEvent]. */
LONG KeSetEvent(PRKEVENT event, KPRIORITY increment, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(increment);
    ModelRequireIrql(wait ? "KeSetEvent with Wait" : "KeSetEvent", wait ? APC_LEVEL : DISPATCH_LEVEL);
    ModelLock();
    LONG previous = ModelSignalLocked(RequireEvent(event, "KeSetEvent"), 1);
    ModelUnlock();
    return previous;
}

LONG KeResetEvent(PRKEVENT event)
{
    ModelRequireIrql("KeResetEvent", DISPATCH_LEVEL);
    ModelLock();
    DISPATCHER_HEADER *header = RequireEvent(event, "KeResetEvent");
    LONG previous = header->SignalState;
    header->SignalState = 0;
    ModelUnlock();
    return previous;
}

VOID KeClearEvent(PRKEVENT event)
{
    ModelRequireIrql("KeClearEvent", DISPATCH_LEVEL);
    ModelLock();
    RequireEvent(event, "KeClearEvent")->SignalState = 0;
    ModelUnlock();
}

LONG KeReadStateEvent(PRKEVENT event)
{
    ModelRequireIrql("KeReadStateEvent", DISPATCH_LEVEL);
    ModelLock();
    LONG state = RequireEvent(event, "KeReadStateEvent")->SignalState;
    ModelUnlock();
    return state;
}

VOID KeInitializeSemaphore(PRKSEMAPHORE semaphore, LONG count, LONG limit)
{
    ModelInitializeHeader(&semaphore->Header, KObjectSemaphore, count);
    semaphore->Limit = limit;
}

LONG KeReleaseSemaphore(PRKSEMAPHORE semaphore, KPRIORITY increment, LONG adjustment, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(increment);
    ModelRequireIrql("KeReleaseSemaphore", wait ? APC_LEVEL : DISPATCH_LEVEL);
    ModelLock();
    ModelRequireHeader(&semaphore->Header, "KeReleaseSemaphore");
    if (semaphore->Header.SignalState + adjustment > semaphore->Limit) {
        ModelFail("KeReleaseSemaphore raises STATUS_SEMAPHORE_LIMIT_EXCEEDED");
    }
    LONG previous = ModelSignalLocked(&semaphore->Header, semaphore->Header.SignalState + adjustment);
    ModelUnlock();
    return previous;
}

VOID KeInitializeMutex(PRKMUTEX mutex, ULONG level)
{
    UNREFERENCED_PARAMETER(level);
    ModelInitializeHeader(&mutex->Header, KObjectMutant, 1);
    mutex->OwnerThread = NULL;
}

LONG KeReleaseMutex(PRKMUTEX mutex, BOOLEAN wait)
{
    UNREFERENCED_PARAMETER(wait);
    ModelRequireIrql("KeReleaseMutex", DISPATCH_LEVEL);
    ModelLock();
    ModelRequireHeader(&mutex->Header, "KeReleaseMutex");
    if (mutex->OwnerThread != ModelThread()) {
        ModelFail("KeReleaseMutex by a thread that does not own it");
    }
    LONG previous = mutex->Header.SignalState;
    if (previous == 0) {
        mutex->OwnerThread = NULL;
    }
    ModelSignalLocked(&mutex->Header, previous + 1);
    ModelUnlock();
    return previous;
}
