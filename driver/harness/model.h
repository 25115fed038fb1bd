/*
 * model.h - a small model of the NT kernel in one host process, for running the driver's own C where Wine and Windows are
 * not at hand. This header is what scenarios and the fuzzer use; model_internal.h is what the model's own files share.
 *
 * What is real: IRQL per thread and the documented limit of each call; dispatcher objects and waits; DPCs, timers and work
 * items on threads of their own; objects with reference and handle counts, handle tables, access masks and modes, a
 * namespace, security descriptors; the I/O manager's life of a file object and of an IRP. What is not: memory protection
 * (the sanitizers stand in), scheduling by priority, time. Time is virtual: it moves by 10 us with each user-mode call, and
 * jumps to the next due timer or time-out when every thread is blocked. So nothing here sleeps, and a wait that nothing can
 * end is found at once and reported as a deadlock.
 *
 * A broken rule ends the scenario: ModelFail prints one line that begins with "MODEL: " and leaves the process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_MODEL_H
#define HARNESS_MODEL_H

#include "wdm.h"

#define MS(n) ((LONGLONG)(n) * 10000) /* milliseconds in NT's unit of 100 ns */

/* Which kernel is modelled: Windows by its documentation, or Wine 8 with its known gaps. */
typedef enum MODEL_TARGET { ModelWindows, ModelWine } MODEL_TARGET;

/* Who a process runs as; decides what a security descriptor grants to it. */
typedef enum MODEL_USER { ModelUserSystem, ModelUserAdministrator, ModelUserOrdinary, ModelUserAnonymous } MODEL_USER;

typedef struct MODEL_OPTIONS {
    MODEL_TARGET target;
    ULONG processors;        /* 1 to 8; also the number of DPC threads. 0 = 2 */
    ULONG workers;           /* threads that run work items. 0 = 2 */
    BOOLEAN secureDevice;    /* Windows: IoCreateDeviceSecure is found, standing for wdmsec.lib */
    const char *faultValue;  /* name of a REG_DWORD value under the service's Parameters key, NULL = none */
    ULONG faultData;         /* its data */
} MODEL_OPTIONS;

/* A fresh kernel. One at a time in a process. */
void ModelStart(const MODEL_OPTIONS *options);
/* Ends the model's threads and checks that nothing is left: objects, handles, pool, timers, DPCs, IRPs, devices, links. */
void ModelEnd(void);
MODEL_TARGET ModelTarget(void);

/* Ends the scenario with "MODEL: " and the text. Takes NT's own formats too: %wZ, %ws, %I64x. */
DECLSPEC_NORETURN void ModelFail(const char *format, ...);
/* How the process is left after a failure. The default leaves with code 3; the fuzzer aborts, to keep the input. */
extern void (*ModelFailureExit)(void);

/* Driver life. Load runs DriverEntry in the system process; Unload asks for an unload, as the service manager does. */
NTSTATUS ModelLoadDriver(PDRIVER_INITIALIZE driverEntry);
/*
 * STATUS_SUCCESS: DriverUnload has run. STATUS_PENDING (Windows only): handles are open, it runs with the last close.
 * Under Wine the routine runs at once, whatever is open.
 */
NTSTATUS ModelUnloadDriver(void);
BOOLEAN ModelDriverLoaded(void);
/* Waits until an unload that was pending has run. */
void ModelAwaitUnload(void);

/* Faults: from now on, the `nth` call (1 = the next) of the driver that can fail for want of resources does. */
void ModelArmFault(ULONG nth);
/* The name of the call that failed since ModelArmFault, NULL when there were fewer calls. Disarms. */
const char *ModelDisarmFault(void);

/* Time. */
LONGLONG ModelNow(void);
/* Lets `ticks` (100 ns) pass; timers expire and DPCs and work items run meanwhile. */
void ModelSleep(LONGLONG ticks);

/* Threads of the test. The function runs in the given process (NULL = system). Join waits in model time. */
typedef void MODEL_THREAD_ROUTINE(void *context);
PETHREAD ModelCreateThread(PEPROCESS process, MODEL_THREAD_ROUTINE *routine, void *context);
void ModelJoinThread(PETHREAD thread);

/* User mode. Every function stands for the system call of that name, made by a thread of `process`. */
PEPROCESS UserCreateProcess(const char *name, MODEL_USER user, BOOLEAN wow64);
/* TerminateProcess: its waits end, its requests are cancelled, its handles are closed. The pointer stays valid. */
void UserKillProcess(PEPROCESS process);
/* The process ends by itself, after which the pointer may not be used. Kills first when that was not done. */
void UserReleaseProcess(PEPROCESS process);
ULONG UserProcessId(PEPROCESS process);
ULONG UserHandleCount(PEPROCESS process);

/* A request. Lives until `done`; `output` must as well. */
typedef struct USER_REQUEST {
    IO_STATUS_BLOCK iosb;
    HANDLE event;  /* overlapped event or NULL */
    LONG volatile done;
    PVOID internal;
} USER_REQUEST;

NTSTATUS UserOpenDevice(PEPROCESS process, const WCHAR *path, ACCESS_MASK access, HANDLE *handle);
/* Synchronous handle: waits for the end. `bytes` (may be NULL) gets Information. */
NTSTATUS UserControl(PEPROCESS process, HANDLE handle, ULONG code, const void *input, ULONG inputBytes, void *output,
                     ULONG outputBytes, ULONG *bytes);
/* Overlapped: STATUS_PENDING, or the final status. A request that pends is finished when request->done is 1. */
NTSTATUS UserControlOverlapped(PEPROCESS process, HANDLE handle, ULONG code, const void *input, ULONG inputBytes,
                               void *output, ULONG outputBytes, USER_REQUEST *request);
/* Waits until the request is done. FALSE when nothing finished it within `ticks`. */
BOOLEAN UserAwait(USER_REQUEST *request, LONGLONG ticks);
/* CancelIoEx on one request, or on all of the handle's (request NULL). STATUS_NOT_FOUND when there was none. */
NTSTATUS UserCancel(PEPROCESS process, HANDLE handle, USER_REQUEST *request);
/* Any other IRP, with no buffers. */
NTSTATUS UserSendIrp(PEPROCESS process, HANDLE handle, UCHAR major);
NTSTATUS UserClose(PEPROCESS process, HANDLE handle);
NTSTATUS UserDuplicate(PEPROCESS from, HANDLE handle, PEPROCESS to, HANDLE *copy);

/* `path` is an NT path, NULL for no name. `access` 0 = all. */
NTSTATUS UserCreateEvent(PEPROCESS process, const WCHAR *path, EVENT_TYPE type, BOOLEAN state, ACCESS_MASK access,
                         HANDLE *handle);
NTSTATUS UserCreateSemaphore(PEPROCESS process, LONG count, LONG limit, HANDLE *handle);
NTSTATUS UserOpenEvent(PEPROCESS process, const WCHAR *path, ACCESS_MASK access, HANDLE *handle);
NTSTATUS UserSetEvent(PEPROCESS process, HANDLE handle, LONG *previous);
NTSTATUS UserResetEvent(PEPROCESS process, HANDLE handle, LONG *previous);
/* The signal state, or a negative NTSTATUS. */
LONG UserEventState(PEPROCESS process, HANDLE handle);
/* `ticks` < 0 = no time-out. STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC when the process was killed. */
NTSTATUS UserWait(PEPROCESS process, HANDLE handle, LONGLONG ticks);
/* The object's address, as the driver sees it; NULL for a bad handle. */
PVOID UserObjectAddress(PEPROCESS process, HANDLE handle);
ACCESS_MASK UserGrantedAccess(PEPROCESS process, HANDLE handle);

/* A section backed by the page file. */
NTSTATUS UserCreateSection(PEPROCESS process, SIZE_T bytes, ACCESS_MASK access, HANDLE *handle);
NTSTATUS UserMapSection(PEPROCESS process, HANDLE handle, PVOID *base);
NTSTATUS UserUnmapSection(PEPROCESS process, PVOID base);

/* What the driver holds now: for assertions half way through a scenario. */
typedef struct MODEL_COUNTS {
    ULONG driverReferences; /* references taken by the driver and not given back, all objects */
    ULONG kernelHandles;
    ULONG poolBlocks;
    ULONG poolBytes;
    ULONG irps;
    ULONG timers;    /* queued */
    ULONG threads;   /* system threads of the driver */
    ULONG workItems; /* allocated */
    ULONG devices;
    ULONG links;
    ULONG files;     /* file objects */
    ULONG views;     /* of sections, mapped by the driver */
} MODEL_COUNTS;
void ModelCount(MODEL_COUNTS *counts);

/* The driver's debug output. The observer runs on the driver's thread, at its IRQL. */
extern void (*ModelDebugObserver)(const char *line);
/* Every dispatch routine, before it runs: the order of CREATE, CLEANUP and CLOSE. */
extern void (*ModelDispatchObserver)(UCHAR major, PFILE_OBJECT file);

/* Formats as the NT kernel does; returns the length that the whole text has. */
size_t ModelFormat(char *buffer, size_t bytes, const char *format, va_list arguments);

#endif
