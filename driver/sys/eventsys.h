/*
 * eventsys.h - the one header that each source file of eventsys.sys includes.
 *
 * Building: all of driver/sys/ (every .c), with driver/include/ on the include path.
 *   clang/lld for mingw-w64: -DEVENTSCOPE_TRACE=1, mingw's ddk folder as a system include, libraries ntoskrnl and hal, entry
 *   point DriverEntry, no C runtime.
 *   WDK: eventsys.vcxproj, which also defines EVENTSYS_WDMSEC and links wdmsec.lib.
 * Names a build may define:
 *   EVENTSCOPE_TRACE=1     compile the trace rings in
 *   EVENTSYS_TEST_FAULTS   answer IOCTL_EVENTSYS_FAULT and read the fault parameters; never in a driver that is given away
 *   EVENTSYS_WDMSEC        IoCreateDeviceSecure comes from wdmsec.lib. Without it the routine is looked up in the kernel
 *                          (Wine has it there), and where it is missing the device's DACL is set after its creation
 *
 * Locks, in the order in which they are taken:
 *   EsDriver.Mutex (fast mutex, raises to APC_LEVEL): the lists of files, events, schedules, buffers, and the ids. Nothing
 *     that needs PASSIVE_LEVEL (Zw..., closing, freeing objects) happens under it, and nothing waits under it.
 *   EsDriver.RequestLock (spin lock): pended requests. Nothing is completed under it.
 *   ES_SCHEDULE.Lock (spin lock): one schedule's state.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSYS_H
#define EVENTSYS_H

#if defined(__MINGW32__)
#if !defined(_CLANG_DISABLE_CRT_DEPRECATION_WARNINGS)
#define _CLANG_DISABLE_CRT_DEPRECATION_WARNINGS /* a header of clang's own, included by mingw's, warns otherwise */
#endif
/* Defined in headers, and with external linkage by clang because of an earlier declaration: one copy is enough. */
#pragma weak __cpuidex
#pragma weak InterlockedBitTestAndSet
#pragma weak InterlockedBitTestAndReset
#endif

#include <ntifs.h>

#include "eventsys_public.h"

#include "sal_missing.h"

#include "eventscope_trace.h"

/* Variables that the kernel exports need the import table's indirection, which mingw's headers do not ask for. */
#if defined(__MINGW32__)
extern POBJECT_TYPE *__imp_ExEventObjectType;
#define ES_EVENT_TYPE_OBJECT (*__imp_ExEventObjectType)
#if defined(__x86_64__)
#define KeMemoryBarrier() __sync_synchronize() /* mingw has it for x86 only */
#endif
#else
#define ES_EVENT_TYPE_OBJECT (*ExEventObjectType)
#endif

/* Pool tags: one per kind of memory, read backwards by the debugger's !poolused. */
#define ES_TAG_FILE 'FvsE'
#define ES_TAG_EVENT 'EvsE'
#define ES_TAG_SCHEDULE 'SvsE'
#define ES_TAG_REQUEST 'RvsE'
#define ES_TAG_BUFFER 'BvsE'
#define ES_TAG_BUFFER_DATA 'DvsE'
#define ES_TAG_REGISTRY 'KvsE'
#define ES_TAG_LEAK 'LvsE' /* EVENTSYS_FAULT_LEAK_ALLOCATION */
/* 'rTsE' is the trace rings'. */

#define ES_RELATIVE_MS(ms) (-(LONGLONG)(ms) * 10000)

/* An open of the device. */
typedef struct ES_FILE {
    LIST_ENTRY Link;    /* EsDriver.Files; under the mutex */
    volatile LONG References; /* the file object's, and each pended request's */
    ULONG Number;
    HANDLE Process;     /* that opened it */
    BOOLEAN SeesAddresses; /* opened by a holder of SeDebugPrivilege */
    BOOLEAN Closed;     /* nothing may be added any more; under the mutex */
    ULONG EventCount;   /* under the mutex */
    ULONG BufferCount;  /* under the mutex */
    ULONG RequestCount; /* under the request lock */
} ES_FILE;

/* An event that the driver shares with an application. */
typedef struct ES_EVENT {
    LIST_ENTRY Link;    /* EsDriver.Events; under the mutex; empty when out of the table */
    volatile LONG References; /* the table's, each schedule's, each buffer's, each call's that uses it */
    ULONG Id;
    ULONG Method; /* EVENTSYS_METHOD */
    ULONG Type;   /* EVENTSYS_TYPE_* */
    ULONG Existed;
    const ES_FILE *File; /* owner, to compare with, never followed */
    HANDLE Process;
    PKEVENT Object;      /* referenced */
    HANDLE KernelHandle; /* NULL when none is held */
    ULONG64 AppHandle;
    volatile LONG64 Signals;
    volatile LONG64 Coalesced;
    volatile LONG64 Resets;
    volatile LONG64 BySource[EVENTSYS_SOURCE_COUNT];
    USHORT NameBytes;
    WCHAR Name[EVENTSYS_MAX_NAME_CHARS];
} ES_EVENT;

/* Signals to come, from a timer. */
typedef struct ES_SCHEDULE {
    LIST_ENTRY Link; /* EsDriver.Schedules; under the mutex; whoever takes it out destroys it */
    ULONG Id;
    ULONG Source; /* EVENTSYS_SOURCE */
    ULONG DueUs;
    ULONG PeriodMs;
    ULONG Count;
    KPRIORITY Increment;
    ULONG64 RequestId;
    ES_FILE *File;   /* referenced */
    ES_EVENT *Event; /* referenced; NULL for EVENTSYS_SOURCE_COMPLETION */
    KTIMER Timer;
    KDPC Dpc;
    PIO_WORKITEM WorkItem;
    KEVENT Idle; /* notification: set while no work item is queued or runs; changed under Lock */
    KSPIN_LOCK Lock;
    /* Under Lock. */
    ULONG State; /* EVENTSYS_SCHEDULE_* */
    BOOLEAN WorkQueued;
    BOOLEAN TimerStopped;
    BOOLEAN CutShort; /* cancelled with ticks to come */
    ULONG WorkToDo; /* signals that the work item owes */
    ULONG Ticks;
    ULONG Signals;
    ULONG Missed;
} ES_SCHEDULE;

/* A pended inverted call. */
typedef struct ES_REQUEST {
    LIST_ENTRY Link; /* EsDriver.Requests; under the request lock */
    PIRP Irp;
    ES_FILE *File; /* referenced */
    ULONG64 RequestId;
    LONGLONG Since; /* performance counter */
} ES_REQUEST;

/* A shared buffer and the system thread that serves it. */
typedef struct ES_BUFFER {
    LIST_ENTRY Link; /* EsDriver.Buffers; under the mutex; whoever takes it out destroys it */
    ULONG Id;
    ULONG Bytes;
    const ES_FILE *File; /* owner, to compare with */
    HANDLE Process;
    ES_EVENT *Work; /* referenced */
    ES_EVENT *Done; /* referenced */
    HANDLE Section; /* kernel handle */
    PVOID Thread;   /* referenced thread object */
    ULONG ThreadId;
    PUCHAR Data;    /* private copy of Bytes bytes */
    KEVENT Started; /* StartStatus is known */
    NTSTATUS StartStatus;
    volatile LONG Stop;
    volatile LONG64 Rounds;
    NTSTATUS LastStatus;
} ES_BUFFER;

/* A security descriptor with its ACL and SIDs in one piece. */
typedef struct ES_SECURITY {
    SECURITY_DESCRIPTOR Descriptor;
    DECLSPEC_ALIGN(8) UCHAR Acl[128];
} ES_SECURITY;

/* Totals; each changed by interlocked operations. */
typedef struct ES_TOTALS {
    volatile LONG Files, Events, Schedules, Requests, Buffers, ObjectReferences, Handles, Allocations;
    volatile LONG64 FilesOpened, FilesClosed, Cleanups, EventsShared, Signals, Coalesced, RequestsPended, RequestsNotified,
        RequestsCancelled, TimerTicks, WorkItems, BufferRounds, IoctlsRefused, LogLines, LogLinesDropped;
} ES_TOTALS;

typedef struct ES_DRIVER {
    PDRIVER_OBJECT DriverObject;
    PDEVICE_OBJECT Device;
    BOOLEAN Wine;
    LONGLONG CounterFrequency; /* of KeQueryPerformanceCounter */
    FAST_MUTEX Mutex;
    LIST_ENTRY Files;
    LIST_ENTRY Events;
    LIST_ENTRY Schedules;
    LIST_ENTRY Buffers;
    KSPIN_LOCK RequestLock;
    LIST_ENTRY Requests;
    volatile LONG NextId;
    volatile LONG64 NextNotification;
    ES_TOTALS Totals;
    ES_SECURITY EventSecurity; /* EVENTSYS_EVENT_SDDL */
    ULONG FaultInEntry;
    volatile LONG HangInUnload; /* ms, -1 = for ever */
} ES_DRIVER;

extern ES_DRIVER EsDriver;

/* A device-control request on its way through the driver. */
typedef struct ES_CALL {
    PIRP Irp;
    ES_FILE *File;
    PVOID Buffer; /* system buffer: input, and output over it */
    ULONG InputBytes;
    ULONG OutputBytes;
    ULONG_PTR Information;
} ES_CALL;

typedef _Function_class_(ES_IOCTL_HANDLER) _IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS ES_IOCTL_HANDLER(_Inout_ ES_CALL *Call);

/* entry.c */
DRIVER_INITIALIZE DriverEntry;

/* device.c */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsDeviceStart(VOID);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsDeviceHide(VOID);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsDeviceStop(VOID);

/* files.c */
_Dispatch_type_(IRP_MJ_CREATE) DRIVER_DISPATCH EsDispatchCreate;
_Dispatch_type_(IRP_MJ_CLEANUP) DRIVER_DISPATCH EsDispatchCleanup;
_Dispatch_type_(IRP_MJ_CLOSE) DRIVER_DISPATCH EsDispatchClose;
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsFileReference(_Inout_ ES_FILE *File);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsFileDereference(_Inout_ ES_FILE *File);
_IRQL_requires_max_(PASSIVE_LEVEL) BOOLEAN EsFileIsClosed(_In_ const ES_FILE *File);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsFilesReleaseAll(VOID);

/* ioctl.c */
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) DRIVER_DISPATCH EsDispatchDeviceControl;
VOID EsHead(_Out_ EVENTSYS_HEAD *Head, _In_ SIZE_T Bytes);

/* events.c */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsEventCreate(_In_ ULONG Method, _In_ const ES_CALL *Call,
                                                                               _Outptr_ ES_EVENT **Event);
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsEventInsert(_Inout_ ES_EVENT *Event, _Inout_ ES_FILE *File);
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsEventFind(_In_ const ES_FILE *File, _In_ ULONG Id,
                                                                             _Outptr_ ES_EVENT **Event);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsEventReference(_Inout_ ES_EVENT *Event);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsEventDereference(_Inout_ ES_EVENT *Event);
_IRQL_requires_max_(PASSIVE_LEVEL) BOOLEAN EsEventRemove(_Inout_ ES_EVENT *Event, _Inout_opt_ ES_FILE *File);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsEventsReleaseFile(_Inout_ ES_FILE *File);
_IRQL_requires_max_(DISPATCH_LEVEL) ULONG EsEventSignal(_Inout_ ES_EVENT *Event, _In_ ULONG Source, _In_ KPRIORITY Increment,
                                                       _Out_opt_ ULONG64 *Sequence);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsEventAnswer(_Inout_ ES_CALL *Call, _In_ const ES_EVENT *Event, _In_ ULONG64 Handle);
ULONG EsEventTypeOf(_In_ const KEVENT *Object);
ES_IOCTL_HANDLER EsIoctlUnregisterEvent, EsIoctlSignalEvent;

/* handles.c: by handle */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
EsHandleReference(_In_ ULONG64 Handle, _In_ ACCESS_MASK Access, _In_opt_ POBJECT_TYPE Type, _Outptr_ PVOID *Object);
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsHandleImport(_In_ ULONG64 Handle, _In_ ACCESS_MASK Access,
                                                                                _Out_ HANDLE *KernelHandle);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsHandleClose(_In_ HANDLE KernelHandle);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsObjectDereference(_In_ PVOID Object);
ES_IOCTL_HANDLER EsIoctlRegisterEvent, EsIoctlGetEvent;

/* names.c: by name */
ES_IOCTL_HANDLER EsIoctlOpenNamedEvent, EsIoctlCreateNamedEvent;

/* schedules.c */
ES_IOCTL_HANDLER EsIoctlSchedule, EsIoctlCancelSchedule;
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsSchedulesRelease(_In_opt_ const ES_FILE *File, _In_opt_ const ES_EVENT *Event);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsSchedulesReap(VOID);

/* requests.c: the inverted call */
ES_IOCTL_HANDLER EsIoctlWaitNotification, EsIoctlNotify;
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN EsRequestNotify(_In_ const ES_FILE *File, _In_ ULONG64 RequestId, _In_ ULONG Reason,
                                                           _In_ ULONG64 Data, _In_ ULONG ScheduleId, _In_ ULONG Source,
                                                           _In_ CCHAR Boost);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsRequestsCancelFile(_In_ const ES_FILE *File);

/* buffers.c */
ES_IOCTL_HANDLER EsIoctlRegisterBuffer, EsIoctlUnregisterBuffer;
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsBuffersReleaseFile(_Inout_ ES_FILE *File);

/* guarded_copy.c */
_IRQL_requires_max_(APC_LEVEL) NTSTATUS EsCopyGuarded(_Out_writes_bytes_(Bytes) VOID *To, _In_reads_bytes_(Bytes) const VOID *From,
                                                     _In_ SIZE_T Bytes);

/* state.c */
ES_IOCTL_HANDLER EsIoctlQueryVersion, EsIoctlQueryState;

/* security.c */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsSecurityBuild(_Out_ ES_SECURITY *Security,
                                                                                 _In_ ACCESS_MASK SystemAccess,
                                                                                 _In_ ACCESS_MASK UserAccess);

/* parameters.c */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsParametersRead(_In_ PUNICODE_STRING RegistryPath);

/* faults.c */
#if defined(EVENTSYS_TEST_FAULTS)
ES_IOCTL_HANDLER EsIoctlFault;
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS EsFaultInEntry(VOID);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID EsFaultInUnload(VOID);
#endif

/* pool.c */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ PVOID EsAllocate(_In_ SIZE_T Bytes, _In_ ULONG Tag);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsFree(_In_ PVOID Memory, _In_ ULONG Tag);

/* log.c */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID EsLog(_In_z_ _Printf_format_string_ PCSTR Format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;
_IRQL_requires_max_(DISPATCH_LEVEL) PCSTR EsLogName(_Out_writes_z_(EVENTSYS_MAX_NAME_CHARS + 1) PSTR Text,
                                                   _In_reads_(Units) const WCHAR *Name, _In_ SIZE_T Units);
LONGLONG EsNow(VOID);

#endif /* EVENTSYS_H */
