/*
 * model_internal.h - what the model's files share. One lock guards all of the model's state; a name that ends in Locked is
 * called with it held. The lock is made of a futex and is not seen by ThreadSanitizer (the model is compiled without it):
 * so the only order that ThreadSanitizer knows between two driver threads is the one that the kernel promises, and the
 * model states it with MODEL_ACQUIRE and MODEL_RELEASE.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_MODEL_INTERNAL_H
#define HARNESS_MODEL_INTERNAL_H

#include "model.h"

#if defined(HARNESS_TSAN)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void __tsan_mutex_pre_lock(void *address, unsigned flags);
void __tsan_mutex_post_lock(void *address, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void *address, unsigned flags);
void __tsan_mutex_post_unlock(void *address, unsigned flags);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define MODEL_ACQUIRE(p) __tsan_acquire((void *)(p))
#define MODEL_RELEASE(p) __tsan_release((void *)(p))
#else
#define MODEL_ACQUIRE(p) ((void)0)
#define MODEL_RELEASE(p) ((void)0)
#endif

enum { /* DISPATCHER_HEADER.Type: NT's KOBJECTS numbers */
    KObjectNotificationEvent = 0,
    KObjectSynchronizationEvent = 1,
    KObjectMutant = 2,
    KObjectProcess = 3,
    KObjectSemaphore = 5,
    KObjectThread = 6,
    KObjectNotificationTimer = 8,
    KObjectSynchronizationTimer = 9,
    KObjectDpc = 19,
    HEADER_INITIALIZED = 0x5A /* in Signalling: KeInitialize* has run on this memory */
};

/* ---- lock.c, irql.c ---- */
void ModelLock(void);
void ModelUnlock(void);
PETHREAD ModelThread(void);
/* Fails when the calling thread's IRQL is above `maximum`. `call` is the kernel call's name. */
void ModelRequireIrql(const char *call, KIRQL maximum);
void ModelRequireNoSpinLock(const char *call);
const char *ModelIrqlName(KIRQL irql);
/* A place where others may go first. */
void ModelPreempt(void);

#define MODEL_HELD_LOCKS 8

/* ---- threads ---- */
typedef struct MODEL_WAIT {
    ULONG count;
    PVOID objects[MAXIMUM_WAIT_OBJECTS];
    WAIT_TYPE type;
    BOOLEAN endedByKill;
    LONGLONG deadline; /* absolute; INT64_MAX = none */
    LONGLONG began;
    const char *reason;
    NTSTATUS status;
    BOOLEAN blocked;
    struct _KTHREAD *next; /* FIFO of blocked threads */
} MODEL_WAIT;

struct _KTHREAD {
    DISPATCHER_HEADER Header;
    PEPROCESS process; /* whose handle table and identity apply now */
    PEPROCESS owner;   /* where it was created; holds a reference */
    ULONG id;
    KIRQL irql;
    UCHAR apcsDisabled;
    BOOLEAN ofDriver; /* made by PsCreateSystemThread */
    BOOLEAN service;  /* the model's own: DPC, worker */
    BOOLEAN terminated;
    ULONG processor;
    ULONG heldCount;
    PKSPIN_LOCK held[MODEL_HELD_LOCKS];
    KIRQL heldIrql[MODEL_HELD_LOCKS];
    MODEL_WAIT wait;
    int wake; /* futex */
    unsigned long pthread;
    struct _KTHREAD *nextThread;
    MODEL_THREAD_ROUTINE *routine;
    PKSTART_ROUTINE start;
    PVOID context;
};

/* ---- objects ---- */
struct _OBJECT_TYPE {
    const char *name;
    GENERIC_MAPPING mapping;
    ACCESS_MASK allAccess;
    void (*deleteBody)(PVOID body); /* last reference gone; not locked */
    BOOLEAN named;
};
extern struct _OBJECT_TYPE ModelEventType, ModelSemaphoreType, ModelProcessType, ModelThreadType, ModelFileType,
    ModelDeviceType, ModelDirectoryType, ModelLinkType, ModelKeyType, ModelSectionType;

typedef struct MODEL_OBJECT {
    struct MODEL_OBJECT *next, **link;
    POBJECT_TYPE type;
    LONG pointers;         /* handles included */
    LONG handles;
    LONG driverReferences; /* of `pointers`, those that the driver must give back */
    BOOLEAN permanent; /* the model's own */
    BOOLEAN keepsName; /* without a handle too: OBJ_PERMANENT, as the I/O manager makes devices and links */
    struct MODEL_OBJECT *directory;
    WCHAR *name;
    PACL dacl;             /* own copy; NULL with daclPresent = all access */
    BOOLEAN daclPresent;
    _Alignas(16) UCHAR body[];
} MODEL_OBJECT;
#define MODEL_HEADER(address) CONTAINING_RECORD(address, MODEL_OBJECT, body)

typedef struct MODEL_HANDLE {
    MODEL_OBJECT *object; /* NULL = free */
    ACCESS_MASK access;
    BOOLEAN byDriver;
} MODEL_HANDLE;
#define MODEL_HANDLES 1024

struct _KPROCESS {
    DISPATCHER_HEADER Header;
    const char *name;
    ULONG id;
    MODEL_USER user;
    BOOLEAN wow64, dead;
    MODEL_HANDLE handles[MODEL_HANDLES];
    ULONG handleCount, nextHandle;
    ULONG calls; /* user-mode calls under way */
    struct _KPROCESS *nextProcess;
};

typedef struct MODEL_DIRECTORY { ULONG unused; } MODEL_DIRECTORY;
typedef struct MODEL_LINK { WCHAR target[128]; } MODEL_LINK;

MODEL_OBJECT *ModelNewObjectLocked(POBJECT_TYPE type, size_t bodyBytes);
void ModelReferenceLocked(MODEL_OBJECT *object);
/* Returns the object when its last reference went: the caller unlocks, then passes it to ModelDeleteObject. */
MODEL_OBJECT *ModelDereferenceLocked(MODEL_OBJECT *object);
void ModelDeleteObject(MODEL_OBJECT *object);
MODEL_OBJECT *ModelFindObjectLocked(PVOID body); /* NULL when it is no live object */
/* What a path leads to. */
typedef struct MODEL_NAME {
    MODEL_OBJECT *object;  /* what was found */
    MODEL_OBJECT *parent;  /* not found: the directory that a new object of this name belongs in, */
    const WCHAR *leaf;     /* and its name there */
    size_t leafUnits;
    const WCHAR *rest;     /* found a device: what follows its name */
    size_t restUnits;
    WCHAR buffer[512];
} MODEL_NAME;
/* Follows links, the last one only when `openLink` is not set. */
NTSTATUS ModelLookupLocked(const WCHAR *path, size_t units, BOOLEAN caseInsensitive, BOOLEAN openLink,
                           MODEL_NAME *found);
/* All objects in turn: NULL gives the first. */
MODEL_OBJECT *ModelNextObjectLocked(MODEL_OBJECT *object);
NTSTATUS ModelOpenNamedLocked(PEPROCESS process, const MODEL_NAME *name, POBJECT_TYPE type, ACCESS_MASK access,
                              BOOLEAN check, BOOLEAN kernelHandle, BOOLEAN byDriver, HANDLE *handle);
NTSTATUS ModelInsertNameLocked(MODEL_OBJECT *object, MODEL_OBJECT *parent, const WCHAR *leaf, size_t units);
void ModelRemoveNameLocked(MODEL_OBJECT *object);
NTSTATUS ModelInsertHandleLocked(PEPROCESS process, MODEL_OBJECT *object, ACCESS_MASK access, BOOLEAN kernelHandle,
                                 BOOLEAN byDriver, HANDLE *handle);
MODEL_HANDLE *ModelFindHandleLocked(PEPROCESS process, HANDLE handle);
BOOLEAN ModelIsKernelHandle(HANDLE handle);
/* Which table a kernel-mode call resolves `handle` in. */
PEPROCESS ModelHandleProcess(HANDLE handle);
NTSTATUS ModelCloseHandle(PEPROCESS process, HANDLE handle, BOOLEAN byDriver, const char *call);
ACCESS_MASK ModelMapAccess(POBJECT_TYPE type, ACCESS_MASK access);
NTSTATUS ModelCreateEventObject(PEPROCESS process, const UNICODE_STRING *path, ULONG attributes, PVOID descriptor,
                                EVENT_TYPE type, BOOLEAN state, ACCESS_MASK access, BOOLEAN byDriver, HANDLE *handle);
NTSTATUS ModelOpenEventObject(PEPROCESS process, const UNICODE_STRING *path, ULONG attributes, ACCESS_MASK access,
                              BOOLEAN byDriver, HANDLE *handle);
void ModelSectionDelete(PVOID body);
void ModelUnmapAllOf(PEPROCESS process);
ULONG ModelDriverViewsLocked(void);
void ModelObjectsStart(void);
void ModelObjectsEnd(void);

/* ---- security ---- */
/* Mask of `desired` that the list grants to the user. */
BOOLEAN ModelAccessCheck(PACL dacl, BOOLEAN present, MODEL_USER user, POBJECT_TYPE type, ACCESS_MASK desired,
                         ACCESS_MASK *granted);
NTSTATUS ModelCopyDescriptor(PSECURITY_DESCRIPTOR descriptor, PACL *dacl, BOOLEAN *present);
NTSTATUS ModelParseSddl(PCUNICODE_STRING sddl, PACL *dacl, BOOLEAN *present);
void ModelSecurityStart(void);

/* ---- dispatcher ---- */
extern const char ModelIdle[]; /* why a service thread with nothing to do is blocked */
void ModelDispatcherStart(void);
void ModelDispatcherEnd(void);
PETHREAD ModelNewThread(PEPROCESS process);
PETHREAD ModelStartThread(PEPROCESS process, PKSTART_ROUTINE start, MODEL_THREAD_ROUTINE *routine, PVOID context,
                          BOOLEAN service);
void ModelJoinService(PETHREAD thread);
void ModelTickLocked(LONGLONG ticks);
LONG ModelSignalLocked(DISPATCHER_HEADER *header, LONG state);
/* Blocks the calling thread, lock held on entry and exit, until ModelWakeLocked. */
NTSTATUS ModelBlockLocked(LONGLONG deadline, const char *reason);
void ModelWakeLocked(PETHREAD thread, NTSTATUS status);
NTSTATUS ModelWaitLocked(ULONG count, PVOID objects[], WAIT_TYPE type, BOOLEAN endedByKill, LONGLONG deadline,
                         const char *reason);
void ModelEndWaitsOfLocked(PEPROCESS process);
PETHREAD ModelThreads(void);
/* Gives the thread its number and counts it as running; takes it out again, which may let time jump. */
void ModelThreadBeginsLocked(PETHREAD thread);
void ModelThreadEndsLocked(PETHREAD thread);
/* The host's calling thread is this one from now on. */
void ModelBecome(PETHREAD thread);
void ModelInitializeHeader(DISPATCHER_HEADER *header, UCHAR type, LONG state);
void ModelRequireHeader(const DISPATCHER_HEADER *header, const char *call);
const char *ModelObjectKind(const DISPATCHER_HEADER *header);
void ModelCheckFreedMemoryLocked(PVOID start, size_t bytes, const char *call);
ULONG ModelProcessors(void);
ULONG ModelDriverThreadsLocked(void);
/* Virtual time; the second also when the lock is held. */
LONGLONG ModelNowLocked(void);

/* ---- timers, DPCs, work items ---- */
void ModelDeferredStart(void);
void ModelWorkersStart(void);
void ModelWorkersEnd(void);
/* Wakes one service thread of the pool that has nothing to do. */
void ModelWakeIdleLocked(PETHREAD pool[], ULONG count);
void ModelDeferredEnd(void);
LONGLONG ModelNextTimerLocked(void);
void ModelExpireTimersLocked(LONGLONG now);
ULONG ModelQueuedTimersLocked(void);
BOOLEAN ModelDeferredInRangeLocked(PVOID start, size_t bytes, const char **what);
void ModelDrainWorkItems(void);
/* Deletes the object soon, on a worker at PASSIVE_LEVEL. */
void ModelDeferDelete(MODEL_OBJECT *object);
void ModelCheckDeferredIdle(const char *when);
ULONG ModelWorkItemsLocked(void);

/* ---- pool and faults ---- */
BOOLEAN ModelFault(const char *call);
void ModelPoolStart(void);
void ModelPoolEnd(void);
void ModelPoolCountLocked(MODEL_COUNTS *counts);
#define MODEL_FILL 0xA5 /* what memory holds that nobody has written */

/* ---- I/O ---- */
ULONG ModelRequestsLocked(void);
/* The driver's variables as the loader leaves them. */
void ModelResetDriverImage(void);
void ModelFileHandleClosed(MODEL_OBJECT *file, BOOLEAN lastHandle);
void ModelFileDelete(PVOID body);
void ModelDeviceDelete(PVOID body);
void ModelCancelRequestsOf(PEPROCESS process);
/* One dispatch routine, with the checks that hold for all of them. */
NTSTATUS ModelCallDispatch(PDEVICE_OBJECT device, PIRP irp);
void ModelDeviceOpenedLocked(PDEVICE_OBJECT device);
void ModelDeviceClosed(PDEVICE_OBJECT device);
BOOLEAN ModelUnloadPendingLocked(void);
PDRIVER_OBJECT ModelDriver(void);
extern MODEL_OPTIONS ModelOptions;
void ModelWaitForRequests(PEPROCESS process);

/* ---- processes ---- */
PEPROCESS ModelProcessByIdLocked(ULONG id);
PEPROCESS ModelNewProcess(const char *name, MODEL_USER user, BOOLEAN wow64);
/* A user-mode call begins and ends; none begins in a process that is being ended. */
BOOLEAN ModelEnterCall(PEPROCESS process);
void ModelLeaveCall(PEPROCESS process);
void ModelProcessesStart(void);
void ModelProcessesEnd(void);

#endif
