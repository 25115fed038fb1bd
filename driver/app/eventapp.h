/*
 * eventapp.h - the sample application: every way of sharing an event with the driver eventsys, one subcommand each, and
 * the classic mistakes, shown on purpose.
 *
 * main.c holds the command table; log.c the application's own account of what it did; device.c the way to the driver;
 * the other files one group of methods each.
 *
 * Exit codes: see APP_EXIT. Standard output carries the log (JSON lines) unless --log names a file; standard error is for
 * people.
 *
 * Built as C11 for x64 by clang for x86_64-w64-mingw32 and by MSVC. Define EVENTSCOPE_TRACE=1 to compile trace rings in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTAPP_H
#define EVENTAPP_H

#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winioctl.h>
#include <winternl.h>
#include <ntstatus.h>
#include <sal.h>
#include <stddef.h>
#include <stdint.h>

#include "eventsys_public.h"

#ifndef EVENT_QUERY_STATE
#define EVENT_QUERY_STATE 0x0001 /* in the driver kits' headers, not in every winnt.h */
#endif

#ifndef C_ASSERT
#define C_ASSERT(expression) _Static_assert(expression, #expression)
#endif

#if defined(__clang__) || defined(__GNUC__)
#define APP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define APP_PRINTF(text, first)
#endif

/* ---- exit codes ------------------------------------------------------------------------------------------------- */

typedef enum APP_EXIT {
    AppExitOk = 0,         /* the method did what it promises; of a pitfall: the mistake showed */
    AppExitUsage = 2,      /* unknown command or option, or a value out of its range */
    AppExitNoDriver = 3,   /* the device is not there or refuses this user */
    AppExitCallFailed = 4, /* a call of Windows or the driver failed that must not */
    AppExitTimeout = 5,    /* a signal that was due did not come within --timeout */
    AppExitUnexpected = 6, /* everything answered, but not as the method promises; of a pitfall: the mistake did not show */
    AppExitVersion = 7,    /* driver and application were built from different eventsys_public.h */
    AppExitLogFailed = 8,  /* all went well but the log has a hole */
} APP_EXIT;

/* ---- options ---------------------------------------------------------------------------------------------------- */

typedef enum APP_FROM { AppFromAll, AppFromDpc, AppFromWorker, AppFromIrp, AppFromHand } APP_FROM;

typedef struct APP_OPTIONS {
    PCWSTR LogPath;
    PCWSTR Name; /* leaf name of a named event; NULL = the command's default, made unique with the process id */
    ULONG TimeoutMs;
    ULONG Count;
    ULONG PeriodMs;
    ULONG Events;
    ULONG Threads;
    ULONG Signals;
    ULONG Seed;
    BOOL Classic;
    BOOL Strict;
    BOOL Synchronization; /* --type */
    BOOL TypeGiven;
    APP_FROM From;
} APP_OPTIONS;

typedef APP_EXIT APP_RUN(_In_ const APP_OPTIONS *Options);

APP_RUN AppRunAppHandle, AppRunDriverHandle;   /* by_handle.c */
APP_RUN AppRunAppName, AppRunDriverName;       /* by_name.c */
APP_RUN AppRunInvertedCall;                    /* inverted_call.c */
APP_RUN AppRunSharedBuffer;                    /* shared_buffer.c */
APP_RUN AppRunSignals;                         /* signals.c */
APP_RUN AppRunStress;                          /* stress.c */
APP_RUN AppRunWrongName, AppRunWrongNamespace; /* pitfall_names.c */
APP_RUN AppRunLeak;                            /* pitfall_leak.c */
APP_RUN AppRunSlowReset;                       /* pitfall_slow_reset.c */
APP_RUN AppRunState;                           /* state.c */
APP_RUN AppRunBadIoctls;                       /* bad_ioctls.c, bad_requests.c */

/* ---- log.c ------------------------------------------------------------------------------------------------------ */

/*
 * One line of the log is
 *   {"n","qpc","until","thread","what","object","handle","status","detail"}
 * n: 0, 1, 2 ... without a hole. qpc, until: QueryPerformanceCounter at entry and return of the call (equal for a point);
 * its frequency is in the first line's detail. object: label or name of the object. handle: as a number. status: NTSTATUS
 * as an unsigned number (of a wait: 0 satisfied, 258 timed out). detail: key=value pairs or a sentence.
 */
typedef enum APP_FACT {
    AppFactCreate,
    AppFactOpen,
    AppFactPass, /* the object was handed to the driver, or taken from it */
    AppFactSignal,
    AppFactWaitBegin,
    AppFactWaitEnd,
    AppFactReset,
    AppFactClose,
    AppFactIoctl,
    AppFactNote,
    AppFactCount
} APP_FACT;

/* Path NULL: standard output. */
APP_EXIT AppLogOpen(_In_opt_ PCWSTR Path);
/* Exit, or AppExitLogFailed when a line could not be written. */
APP_EXIT AppLogClose(APP_EXIT Exit);
/* Remembers the time for this thread's next fact. */
VOID AppMark(VOID);
VOID AppMarkAt(ULONGLONG Qpc);
ULONGLONG AppQpc(VOID);
/* Keeps GetLastError. */
VOID AppLog(APP_FACT Fact, _In_z_ PCSTR Object, _In_opt_ HANDLE Handle, NTSTATUS Status, _In_opt_z_ PCSTR Format, ...)
    APP_PRINTF(5, 6);
/* A line for a person. */
VOID AppSay(_In_z_ PCSTR Format, ...) APP_PRINTF(1, 2);
/* Says what failed, why and what to do next (a sentence), logs it, and returns Exit. */
APP_EXIT AppFail(APP_EXIT Exit, NTSTATUS Status, _In_z_ PCSTR Next, _In_z_ PCSTR Format, ...) APP_PRINTF(4, 5);

/* ---- status.c --------------------------------------------------------------------------------------------------- */

/* The failure that GetLastError names, as the NTSTATUS that it came from; 0xC007xxxx when there was none. */
NTSTATUS AppLastStatus(VOID);
PCSTR AppStatusName(NTSTATUS Status);
/* "STATUS_X (0xC0000001): meaning". Returns Text. */
PCSTR AppStatusText(NTSTATUS Status, _Out_writes_z_(Size) PSTR Text, size_t Size);

/* ---- objects.c: what the logging macros below stand on ------------------------------------------------------------ */

/* Each takes the result of the Win32 call that was just made, logs it, and hands it on. */
HANDLE AppLogCreate(_In_z_ PCSTR Object, _In_opt_ PCWSTR Name, BOOL ManualReset, BOOL InitialState, _In_opt_ HANDLE Handle);
HANDLE AppLogOpened(_In_z_ PCSTR Object, _In_z_ PCWSTR Name, ULONG Access, _In_opt_ HANDLE Handle);
BOOL AppLogDone(APP_FACT Fact, _In_z_ PCSTR Object, _In_opt_ HANDLE Handle, BOOL Done);
DWORD AppLogWait(_In_z_ PCSTR Object, _In_opt_ HANDLE Handle, DWORD Result);
VOID AppLogWaitBegin(_In_z_ PCSTR Object, _In_opt_ HANDLE Handle, DWORD TimeoutMs);

/*
 * The Win32 call stands in the macro, not in a function of ours: so its call site is the line of the method that uses it,
 * which is where a breakpoint or a trace record must point. Arguments are evaluated more than once.
 */
#define APP_CREATE_EVENT(object, name, manualReset, initialState)                                                       \
    (AppMark(), AppLogCreate((object), (name), (manualReset), (initialState),                                           \
                             CreateEventW(NULL, (manualReset), (initialState), (name))))
#define APP_OPEN_EVENT(object, name, access)                                                                            \
    (AppMark(), AppLogOpened((object), (name), (access), OpenEventW((access), FALSE, (name))))
#define APP_SIGNAL(object, handle) (AppMark(), AppLogDone(AppFactSignal, (object), (handle), SetEvent(handle)))
#define APP_RESET(object, handle) (AppMark(), AppLogDone(AppFactReset, (object), (handle), ResetEvent(handle)))
#define APP_CLOSE(object, handle) (AppMark(), AppLogDone(AppFactClose, (object), (handle), CloseHandle(handle)))
/* The WaitForSingleObject result; failures are logged with their NTSTATUS. */
#define APP_WAIT(object, handle, timeoutMs)                                                                             \
    (AppLogWaitBegin((object), (handle), (timeoutMs)), AppMark(),                                                       \
     AppLogWait((object), (handle), WaitForSingleObject((handle), (timeoutMs))))

/* What the object says of itself, without consuming a signal as a wait would. */
typedef struct APP_EVENT_STATE {
    BOOL Synchronization;
    BOOL Signaled;
} APP_EVENT_STATE;
NTSTATUS AppQueryEvent(_In_ HANDLE Event, _Out_ APP_EVENT_STATE *State);
/* AppExitOk when the event is of that type and in that state. */
APP_EXIT AppExpectEvent(_In_z_ PCSTR Object, _In_ HANDLE Event, BOOL Synchronization, BOOL Signaled);
/* Whether two handles of this process mean one object. */
BOOL AppSameObject(_In_ HANDLE First, _In_ HANDLE Second);
/* The object's full path; empty when it has none or it cannot be told. */
VOID AppObjectPath(_In_ HANDLE Object, _Out_writes_z_(Size) PWSTR Path, size_t Size);
/* Turns a wait's result into an exit code: satisfied is AppExitOk; else it says what did not come and why. */
APP_EXIT AppExpectSignal(DWORD Result, _In_z_ PCSTR Object, ULONG TimeoutMs);
/* Prefix and leaf; the leaf is Options->Name, or DefaultLeaf made unique with this process's id. */
VOID AppEventName(_In_ const APP_OPTIONS *Options, _In_z_ PCWSTR Prefix, _In_z_ PCWSTR DefaultLeaf,
                  _Out_writes_z_(Size) PWSTR Name, size_t Size);

/* ---- threads.c -------------------------------------------------------------------------------------------------- */

typedef APP_EXIT APP_THREAD_ROUTINE(_In_ PVOID Context);

typedef struct APP_THREAD {
    PCWSTR Name;
    APP_THREAD_ROUTINE *Routine;
    PVOID Context;
    HANDLE Handle;
} APP_THREAD;

/* Names the current thread for debuggers and for the trace. */
VOID AppNameThread(_In_z_ PCWSTR Name);
/* Thread holds Name, Routine and Context, and must live until AppThreadJoin. */
APP_EXIT AppThreadStart(_Inout_ APP_THREAD *Thread);
/* The thread's exit code; ends the process when it did not end in time. A thread that was never started: AppExitOk. */
APP_EXIT AppThreadJoin(_Inout_ APP_THREAD *Thread, ULONG TimeoutMs);

/* ---- device.c: the way to the driver ----------------------------------------------------------------------------- */

/* Opens the driver's device, overlapped. */
APP_EXIT AppDeviceOpen(_Out_ HANDLE *Device);
VOID AppDeviceClose(_In_opt_ HANDLE Device);
/*
 * One request, bounded by Options->TimeoutMs (STATUS_IO_TIMEOUT, the request is cancelled). Name is for log and messages.
 * Returned: bytes that the driver wrote, may be NULL.
 */
NTSTATUS AppIoctl(_In_ const APP_OPTIONS *Options, _In_opt_ HANDLE Device, _In_z_ PCSTR Name, ULONG Code,
                  _In_reads_bytes_opt_(InputBytes) PVOID Input, ULONG InputBytes,
                  _Out_writes_bytes_opt_(OutputBytes) PVOID Output, ULONG OutputBytes, _Out_opt_ ULONG *Returned);

/* ---- driver.c: the driver's requests, typed ------------------------------------------------------------------------ */

/* A driver that was opened: what every request needs. */
typedef struct APP_DRIVER {
    const APP_OPTIONS *Options;
    HANDLE Device;
    uint32_t Features; /* EVENTSYS_FEATURE_* */
} APP_DRIVER;

/* Opens the device and checks that the driver speaks our version. */
APP_EXIT AppDriverOpen(_In_ const APP_OPTIONS *Options, _Out_ APP_DRIVER *Driver);
/* The driver releases then all that this open file shared. */
VOID AppDriverClose(_Inout_ APP_DRIVER *Driver);

/* Says that a request that must succeed did not; AppExitOk when it did. */
APP_EXIT AppExpectSuccess(NTSTATUS Status, _In_z_ PCSTR What);
/* Says what was found instead of what the method promises; AppExitOk when Held. */
APP_EXIT AppExpect(BOOL Held, _In_z_ PCSTR Format, ...) APP_PRINTF(2, 3);

NTSTATUS AppDriverRegister(_In_ const APP_DRIVER *Driver, _In_z_ PCSTR Object, HANDLE Event, _Out_ uint32_t *EventId);
NTSTATUS AppDriverUnregister(_In_ const APP_DRIVER *Driver, uint32_t EventId);
/* The driver makes an event; *Event is ours to close. */
NTSTATUS AppDriverGetEvent(_In_ const APP_DRIVER *Driver, _In_z_ PCSTR Object, BOOL Synchronization, uint32_t Access,
                           _Out_ HANDLE *Event, _Out_ uint32_t *EventId);
/* Name: a full object manager path. How: EVENTSYS_OPEN_*. */
NTSTATUS AppDriverOpenNamed(_In_ const APP_DRIVER *Driver, uint32_t How, BOOL Synchronization, _In_z_ PCWSTR Name,
                            _Out_ EVENTSYS_EVENT_OUTPUT *Output);
NTSTATUS AppDriverCreateNamed(_In_ const APP_DRIVER *Driver, BOOL Synchronization, _In_z_ PCWSTR Name,
                              _Out_ EVENTSYS_EVENT_OUTPUT *Output);
/* Operation: EVENTSYS_SIGNAL_*. Previous: the state before, may be NULL. */
NTSTATUS AppDriverSignal(_In_ const APP_DRIVER *Driver, uint32_t EventId, uint32_t Operation, _Out_opt_ uint32_t *Previous);
/* Count signals from Source, the first after DueMs, then one each PeriodMs. EventId 0: completes the oldest request. */
NTSTATUS AppDriverSchedule(_In_ const APP_DRIVER *Driver, uint32_t Source, uint32_t EventId, ULONG DueMs, ULONG PeriodMs,
                           ULONG Count);
NTSTATUS AppDriverNotify(_In_ const APP_DRIVER *Driver, uint64_t RequestId, uint64_t Data);
/* Section: writable, Bytes long, starting with an EVENTSYS_SHARED_BUFFER. */
NTSTATUS AppDriverRegisterBuffer(_In_ const APP_DRIVER *Driver, HANDLE Section, HANDLE Work, HANDLE Done, uint32_t Bytes,
                                 _Out_ EVENTSYS_REGISTER_BUFFER_OUTPUT *Ids);
NTSTATUS AppDriverUnregisterBuffer(_In_ const APP_DRIVER *Driver, uint32_t BufferId);
/* The whole state, *State to be given to free(). */
NTSTATUS AppDriverQueryState(_In_ const APP_DRIVER *Driver, _Outptr_result_maybenull_ EVENTSYS_STATE_OUTPUT **State);
/* Index below State->events.returned. */
const EVENTSYS_EVENT_STATE *AppEventStateAt(_In_ const EVENTSYS_STATE_OUTPUT *State, uint32_t Index);
/* One event of this file's from the state; STATUS_NOT_FOUND when the driver does not know it. */
NTSTATUS AppDriverQueryEvent(_In_ const APP_DRIVER *Driver, uint32_t EventId, _Out_ EVENTSYS_EVENT_STATE *Event);

/* ---- take_signals.c ------------------------------------------------------------------------------------------------ */

/*
 * Waits for Options->Count signals, each asked of the driver just before, so that signal and wake are one to one. The
 * event's state is looked at after each wake: a notification event stays signaled until somebody resets it, a
 * synchronization event was reset by releasing the wait.
 */
APP_EXIT AppTakeSignals(_In_ const APP_DRIVER *Driver, _In_z_ PCSTR Object, HANDLE Event, uint32_t EventId);
/* What the driver counted is what we took: Signals, none of them coalesced, by this EVENTSYS_METHOD. */
APP_EXIT AppExpectSignals(_In_ const APP_DRIVER *Driver, uint32_t EventId, uint32_t Method, ULONG Signals);

/* ---- requests.c: pended requests ------------------------------------------------------------------------------------ */

typedef struct APP_REQUEST {
    const APP_DRIVER *Driver;
    PCSTR Object; /* label of the event */
    HANDLE Event;
    OVERLAPPED Overlapped;
    EVENTSYS_WAIT_INPUT Input;
    EVENTSYS_NOTIFICATION_OUTPUT Output;
    BOOL Pended;
} APP_REQUEST;

/* Pends a request of the inverted call; its completion sets Event. Request must live until AppRequestFinish. */
NTSTATUS AppRequestPend(_In_ const APP_DRIVER *Driver, _In_z_ PCSTR Object, HANDLE Event, uint64_t RequestId,
                        _Out_ APP_REQUEST *Request);
/* The status that the request ended with; call it when its event was seen set. */
NTSTATUS AppRequestResult(_Inout_ APP_REQUEST *Request);
/* Cancels a request that is still pended, and waits for its end. */
NTSTATUS AppRequestFinish(_Inout_ APP_REQUEST *Request);

#include "eventscope_trace.h"

#endif /* EVENTAPP_H */
