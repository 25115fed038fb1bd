/*
 * eventsys_public.h - what an application sees of eventsys.sys: names, IOCTL codes, their buffers, the debug log.
 *
 * For the kernel, for user mode and for the host harness alike: plain C types of fixed width, natural alignment, every
 * gap a named field that must be 0. Handles and addresses travel as uint64_t, so a 32-bit (WOW64) caller uses the same
 * layout as a 64-bit one. protocol/eventsys-ioctl.ts is the mirror; a test compares the two with the compiler's offsets.
 *
 * Rules common to all codes:
 * - METHOD_BUFFERED. The input starts with EVENTSYS_HEAD: `version` is EVENTSYS_ABI_VERSION, `bytes` the size of the
 *   whole input structure. An input of another size is STATUS_INFO_LENGTH_MISMATCH, of another version
 *   STATUS_REVISION_MISMATCH, a reserved field that is not 0 or a value out of range STATUS_INVALID_PARAMETER, an output
 *   buffer too small STATUS_BUFFER_TOO_SMALL. Nothing has happened then.
 * - The output starts with EVENTSYS_HEAD too.
 * - Ids are minted by the driver, never 0, never used twice while it is loaded, and belong to the open file that made
 *   them: another file's id is STATUS_NOT_FOUND. Closing the file (or its process ending) releases all of them.
 * - Kernel addresses (`object`, `irp`, `timer`) are 0 unless the file was opened by a holder of SeDebugPrivilege
 *   (enabled), because they would help an attacker around address space randomisation. Trace IOCTLs ask for it too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSYS_PUBLIC_H
#define EVENTSYS_PUBLIC_H

#include <stddef.h>
#include <stdint.h>

#define EVENTSYS_ABI_VERSION 1u
#define EVENTSYS_DRIVER_VERSION_MAJOR 0u
#define EVENTSYS_DRIVER_VERSION_MINOR 1u
#define EVENTSYS_DRIVER_VERSION_PATCH 0u

/* Ordinary strings; the driver makes wide ones of them with EVENTSYS_WIDE. */
#define EVENTSYS_WIDE_(text) L##text
#define EVENTSYS_WIDE(text) EVENTSYS_WIDE_(text)
#define EVENTSYS_SERVICE_NAME "eventsys"
#define EVENTSYS_NT_DEVICE_NAME "\\Device\\EventSys"
#define EVENTSYS_DOS_DEVICE_NAME "\\DosDevices\\EventSys"
#define EVENTSYS_WIN32_DEVICE_NAME "\\\\.\\EventSys"
/* SYSTEM and administrators: all. Authenticated users: read and write, so that an ordinary application can share events. */
#define EVENTSYS_DEVICE_SDDL "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;AU)"
/* The same for events that the driver creates by name (EVENTSYS_METHOD_NAME_CREATED): SYSTEM and administrators all;
   authenticated users EVENT_QUERY_STATE | EVENT_MODIFY_STATE | READ_CONTROL | SYNCHRONIZE (0x00120003). */
#define EVENTSYS_EVENT_SDDL "D:P(A;;0x1f0003;;;SY)(A;;0x1f0003;;;BA)(A;;0x120003;;;AU)"
#define EVENTSYS_EVENT_USER_ACCESS 0x00120003u

/* Limits. Beyond them: STATUS_QUOTA_EXCEEDED (per file), STATUS_INSUFFICIENT_RESOURCES (whole driver). */
#define EVENTSYS_MAX_NAME_CHARS 128u       /* UTF-16 units of an event's full object manager path */
#define EVENTSYS_MAX_FILES 256u            /* open files */
#define EVENTSYS_MAX_EVENTS_PER_FILE 1024u /* registered events */
#define EVENTSYS_MAX_EVENTS 4096u
#define EVENTSYS_MAX_SCHEDULES 256u        /* whole driver */
#define EVENTSYS_MAX_REQUESTS_PER_FILE 256u /* pended inverted calls */
#define EVENTSYS_MAX_REQUESTS 1024u
#define EVENTSYS_MAX_BUFFERS_PER_FILE 4u   /* one system thread each */
#define EVENTSYS_MAX_BUFFERS 16u
#define EVENTSYS_MAX_BUFFER_BYTES (1024u * 1024u)
#define EVENTSYS_MAX_PERIOD_MS 60000u
#define EVENTSYS_MAX_DUE_US 60000000u
#define EVENTSYS_MAX_COUNT 1000000u

/* FILE_DEVICE_UNKNOWN, METHOD_BUFFERED; access: 1 = FILE_READ_DATA, 2 = FILE_WRITE_DATA. */
#define EVENTSYS_READ 1u
#define EVENTSYS_READ_WRITE 3u
#define EVENTSYS_IOCTL(function, access) ((0x22u << 16) | ((access) << 14) | ((function) << 2) | 0u)

#define IOCTL_EVENTSYS_QUERY_VERSION EVENTSYS_IOCTL(0x800u, EVENTSYS_READ)
#define IOCTL_EVENTSYS_QUERY_STATE EVENTSYS_IOCTL(0x801u, EVENTSYS_READ)
#define IOCTL_EVENTSYS_REGISTER_EVENT EVENTSYS_IOCTL(0x802u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_UNREGISTER_EVENT EVENTSYS_IOCTL(0x803u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_GET_EVENT EVENTSYS_IOCTL(0x804u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_OPEN_NAMED_EVENT EVENTSYS_IOCTL(0x805u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_CREATE_NAMED_EVENT EVENTSYS_IOCTL(0x806u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_SIGNAL_EVENT EVENTSYS_IOCTL(0x807u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_SCHEDULE EVENTSYS_IOCTL(0x808u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_CANCEL_SCHEDULE EVENTSYS_IOCTL(0x809u, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_WAIT_NOTIFICATION EVENTSYS_IOCTL(0x80Au, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_NOTIFY EVENTSYS_IOCTL(0x80Bu, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_REGISTER_BUFFER EVENTSYS_IOCTL(0x80Cu, EVENTSYS_READ_WRITE)
#define IOCTL_EVENTSYS_UNREGISTER_BUFFER EVENTSYS_IOCTL(0x80Du, EVENTSYS_READ_WRITE)
/* Only in a driver built with EVENTSYS_TEST_FAULTS; else STATUS_INVALID_DEVICE_REQUEST. */
#define IOCTL_EVENTSYS_FAULT EVENTSYS_IOCTL(0x80Eu, EVENTSYS_READ_WRITE)

typedef struct EVENTSYS_HEAD {
    uint32_t version; /* EVENTSYS_ABI_VERSION */
    uint32_t bytes;   /* of the whole structure that starts here */
} EVENTSYS_HEAD;

/* How an event came to be shared; the numbers are the sample's items. */
typedef enum EVENTSYS_METHOD {
    EVENTSYS_METHOD_HANDLE_FROM_APP = 1,    /* REGISTER_EVENT */
    EVENTSYS_METHOD_HANDLE_FROM_DRIVER = 2, /* GET_EVENT */
    EVENTSYS_METHOD_NAME_CLASSIC = 3,       /* OPEN_NAMED_EVENT: IoCreateNotificationEvent, IoCreateSynchronizationEvent */
    EVENTSYS_METHOD_NAME_STRICT = 4,        /* OPEN_NAMED_EVENT: ZwOpenEvent */
    EVENTSYS_METHOD_NAME_CREATED = 5,       /* CREATE_NAMED_EVENT */
    EVENTSYS_METHOD_BUFFER_WORK = 6,        /* REGISTER_BUFFER: the driver's thread waits for it */
    EVENTSYS_METHOD_BUFFER_DONE = 7,        /* REGISTER_BUFFER: the driver's thread signals it */
} EVENTSYS_METHOD;

/* NT's EVENT_TYPE. */
#define EVENTSYS_TYPE_NOTIFICATION 0u
#define EVENTSYS_TYPE_SYNCHRONIZATION 1u
#define EVENTSYS_TYPE_UNKNOWN 0xFFu

/* Who signals. */
typedef enum EVENTSYS_SOURCE {
    EVENTSYS_SOURCE_HAND = 0,       /* IOCTL_EVENTSYS_SIGNAL_EVENT, in the caller's context at PASSIVE_LEVEL */
    EVENTSYS_SOURCE_TIMER_DPC = 1,  /* a timer's DPC at DISPATCH_LEVEL */
    EVENTSYS_SOURCE_WORKER = 2,     /* a work item (system worker thread) at PASSIVE_LEVEL, queued by a timer's DPC */
    EVENTSYS_SOURCE_COMPLETION = 3, /* a timer's DPC completes a pended request: IoCompleteRequest sets its event */
    EVENTSYS_SOURCE_BUFFER = 4,     /* the shared buffer's thread */
    EVENTSYS_SOURCE_COUNT = 5
} EVENTSYS_SOURCE;

#define EVENTSYS_STATE_UNKNOWN 0xFFFFFFFFu /* of a previous signal state that the call does not tell */

/* QUERY_VERSION: no input. */
typedef struct EVENTSYS_VERSION_OUTPUT {
    EVENTSYS_HEAD head;
    uint32_t abiVersion;
    uint32_t driverMajor;
    uint32_t driverMinor;
    uint32_t driverPatch;
    uint32_t features;   /* EVENTSYS_FEATURE_* */
    uint32_t processors; /* active logical processors */
} EVENTSYS_VERSION_OUTPUT;

#define EVENTSYS_FEATURE_TRACE 0x1u       /* records into trace rings */
#define EVENTSYS_FEATURE_TEST_FAULTS 0x2u /* answers IOCTL_EVENTSYS_FAULT */
#define EVENTSYS_FEATURE_WINE 0x4u        /* runs in Wine's kernel: IRQL unknown, no CLEANUP, fallbacks in use */
#define EVENTSYS_FEATURE_ADDRESSES 0x8u   /* this file is told kernel addresses and may trace */

/* REGISTER_EVENT: an event of the caller. The handle must grant EVENT_MODIFY_STATE. */
typedef struct EVENTSYS_REGISTER_EVENT_INPUT {
    EVENTSYS_HEAD head;
    uint64_t handle;
} EVENTSYS_REGISTER_EVENT_INPUT;

/* Answer of REGISTER_EVENT, GET_EVENT, OPEN_NAMED_EVENT, CREATE_NAMED_EVENT. */
typedef struct EVENTSYS_EVENT_OUTPUT {
    EVENTSYS_HEAD head;
    uint32_t eventId;
    uint32_t type;   /* EVENTSYS_TYPE_* */
    uint64_t object; /* the KEVENT's address, see top */
    uint64_t handle; /* GET_EVENT: valid in the caller's process, the caller closes it. Else 0 */
    uint32_t existed; /* OPEN_NAMED (classic), CREATE_NAMED: 1 opened, 0 made now, EVENTSYS_STATE_UNKNOWN cannot tell */
    uint32_t reserved;
} EVENTSYS_EVENT_OUTPUT;

/* UNREGISTER_EVENT, UNREGISTER_BUFFER, CANCEL_SCHEDULE; no output. Unregistering an event ends its schedules. */
typedef struct EVENTSYS_ID_INPUT {
    EVENTSYS_HEAD head;
    uint32_t id;
    uint32_t reserved;
} EVENTSYS_ID_INPUT;

/* GET_EVENT: the driver makes an unnamed event and gives the caller a handle to it. */
typedef struct EVENTSYS_GET_EVENT_INPUT {
    EVENTSYS_HEAD head;
    uint32_t type;         /* EVENTSYS_TYPE_NOTIFICATION or _SYNCHRONIZATION */
    uint32_t initialState; /* 0 or 1 */
    uint32_t access;       /* of the handle: bits of EVENTSYS_EVENT_USER_ACCESS, not 0 */
    uint32_t reserved;
} EVENTSYS_GET_EVENT_INPUT;

#define EVENTSYS_OPEN_CLASSIC 1u /* makes the event when there is none, initially signaled: the article's pitfall */
#define EVENTSYS_OPEN_STRICT 2u  /* STATUS_OBJECT_NAME_NOT_FOUND when there is none */

/* OPEN_NAMED_EVENT. `name` is a full object manager path such as \BaseNamedObjects\X, without terminator. */
typedef struct EVENTSYS_OPEN_NAMED_INPUT {
    EVENTSYS_HEAD head;
    uint32_t how;  /* EVENTSYS_OPEN_* */
    uint32_t type; /* classic: which of the two calls. Strict: must be EVENTSYS_TYPE_NOTIFICATION, and says nothing */
    uint32_t nameBytes; /* 2 to 2 * EVENTSYS_MAX_NAME_CHARS, even */
    uint32_t reserved;
    uint16_t name[EVENTSYS_MAX_NAME_CHARS]; /* UTF-16; what follows nameBytes is ignored */
} EVENTSYS_OPEN_NAMED_INPUT;

/* CREATE_NAMED_EVENT: made by the driver with EVENTSYS_EVENT_SDDL; when it exists already, opened as it is. */
typedef struct EVENTSYS_CREATE_NAMED_INPUT {
    EVENTSYS_HEAD head;
    uint32_t type;
    uint32_t initialState;
    uint32_t nameBytes;
    uint32_t reserved;
    uint16_t name[EVENTSYS_MAX_NAME_CHARS];
} EVENTSYS_CREATE_NAMED_INPUT;

#define EVENTSYS_SIGNAL_SET 1u   /* KeSetEvent */
#define EVENTSYS_SIGNAL_RESET 2u /* KeResetEvent: tells the state before */
#define EVENTSYS_SIGNAL_CLEAR 3u /* KeClearEvent: does not */

/* SIGNAL_EVENT: by hand, now. */
typedef struct EVENTSYS_SIGNAL_INPUT {
    EVENTSYS_HEAD head;
    uint32_t eventId;
    uint32_t operation; /* EVENTSYS_SIGNAL_* */
    uint32_t increment; /* priority boost of KeSetEvent, 0 to 15; 0 for the others */
    uint32_t reserved;
} EVENTSYS_SIGNAL_INPUT;

typedef struct EVENTSYS_SIGNAL_OUTPUT {
    EVENTSYS_HEAD head;
    uint32_t previous; /* signal state before, EVENTSYS_STATE_UNKNOWN for clear */
    uint32_t reserved;
    uint64_t sequence; /* number of this signal among all of the driver, as in its log */
} EVENTSYS_SIGNAL_OUTPUT;

/* SCHEDULE: `count` signals, the first after `dueUs`, then one every `periodMs`. */
typedef struct EVENTSYS_SCHEDULE_INPUT {
    EVENTSYS_HEAD head;
    uint32_t source;    /* EVENTSYS_SOURCE_TIMER_DPC, _WORKER or _COMPLETION */
    uint32_t eventId;   /* what to set; 0 for _COMPLETION */
    uint64_t requestId; /* _COMPLETION: which request, 0 = each time the oldest of this file; else 0 */
    uint32_t dueUs;     /* microseconds from now, 0 to EVENTSYS_MAX_DUE_US */
    uint32_t periodMs;  /* 1 to EVENTSYS_MAX_PERIOD_MS; 0 when count is 1 */
    uint32_t count;     /* 1 to EVENTSYS_MAX_COUNT */
    uint32_t increment; /* priority boost, 0 to 15 */
} EVENTSYS_SCHEDULE_INPUT;

typedef struct EVENTSYS_SCHEDULE_OUTPUT {
    EVENTSYS_HEAD head;
    uint32_t scheduleId;
    uint32_t reserved;
} EVENTSYS_SCHEDULE_OUTPUT;

/* WAIT_NOTIFICATION: the inverted call. Stays pended until notified, cancelled or the file closes (STATUS_CANCELLED). */
typedef struct EVENTSYS_WAIT_INPUT {
    EVENTSYS_HEAD head;
    uint64_t requestId; /* chosen by the caller, not 0, not pended already for this file (STATUS_OBJECTID_EXISTS) */
} EVENTSYS_WAIT_INPUT;

#define EVENTSYS_REASON_SCHEDULED 1u /* a schedule with EVENTSYS_SOURCE_COMPLETION came due */
#define EVENTSYS_REASON_NOTIFIED 2u  /* IOCTL_EVENTSYS_NOTIFY */

typedef struct EVENTSYS_NOTIFICATION_OUTPUT {
    EVENTSYS_HEAD head;
    uint64_t requestId;
    uint64_t sequence; /* number of this notification among all of the driver */
    uint64_t data;     /* NOTIFY: its data; scheduled: how many ticks the schedule has had */
    uint32_t reason;   /* EVENTSYS_REASON_* */
    uint32_t scheduleId; /* 0 for NOTIFY */
} EVENTSYS_NOTIFICATION_OUTPUT;

/* NOTIFY: completes one pended request of this file, by hand; no output. STATUS_NOT_FOUND when none is pended. */
typedef struct EVENTSYS_NOTIFY_INPUT {
    EVENTSYS_HEAD head;
    uint64_t requestId; /* 0 = the oldest */
    uint64_t data;
} EVENTSYS_NOTIFY_INPUT;

/*
 * REGISTER_BUFFER: a section of the caller, and a pair of its events. The caller fills in the request part of
 * EVENTSYS_SHARED_BUFFER, sets "work" and waits for "done"; a system thread of the driver waits for "work", does it, fills
 * in the answer part and sets "done".
 */
typedef struct EVENTSYS_REGISTER_BUFFER_INPUT {
    EVENTSYS_HEAD head;
    uint64_t section; /* handle: SECTION_MAP_READ | SECTION_MAP_WRITE */
    uint64_t work;    /* event handle: SYNCHRONIZE | EVENT_MODIFY_STATE (the driver sets it to end the thread's wait) */
    uint64_t done;    /* event handle: EVENT_MODIFY_STATE */
    uint32_t bufferBytes; /* sizeof(EVENTSYS_SHARED_BUFFER) + data; at most EVENTSYS_MAX_BUFFER_BYTES */
    uint32_t reserved;
} EVENTSYS_REGISTER_BUFFER_INPUT;

typedef struct EVENTSYS_REGISTER_BUFFER_OUTPUT {
    EVENTSYS_HEAD head;
    uint32_t bufferId;
    uint32_t workEventId; /* in the driver's state; they end with the buffer */
    uint32_t doneEventId;
    uint32_t reserved;
} EVENTSYS_REGISTER_BUFFER_OUTPUT;

#define EVENTSYS_WORK_CHECKSUM 1u /* result = FNV-1a, 64 bits, of the data */
#define EVENTSYS_WORK_REVERSE 2u  /* the data's bytes in reverse order, in place; result = dataBytes */

/* Start of the section. The driver reads each request field once and never trusts it afterwards. */
typedef struct EVENTSYS_SHARED_BUFFER {
    EVENTSYS_HEAD head;   /* request: bytes = sizeof(EVENTSYS_SHARED_BUFFER) */
    uint64_t sequence;    /* request: chosen by the caller */
    uint32_t operation;   /* request: EVENTSYS_WORK_* */
    uint32_t dataBytes;   /* request: bytes behind this structure */
    uint64_t doneSequence; /* answer: sequence of the request that was done; written last */
    uint64_t result;      /* answer */
    int32_t status;       /* answer: NTSTATUS */
    uint32_t reserved;
} EVENTSYS_SHARED_BUFFER;

/* FAULT, for tests. */
#define EVENTSYS_FAULT_ACCESS_VIOLATION 1u /* writes to address 0 in the dispatch routine */
#define EVENTSYS_FAULT_STALL 2u            /* holds the dispatch routine for `argument` ms, at most 60,000 */
#define EVENTSYS_FAULT_HANG_IN_UNLOAD 3u   /* arms: unload waits `argument` ms, 0xFFFFFFFF = for ever */
#define EVENTSYS_FAULT_LEAK_ALLOCATION 4u  /* loses one pool allocation of `argument` bytes, at most 4,096 */
typedef struct EVENTSYS_FAULT_INPUT {
    EVENTSYS_HEAD head;
    uint32_t fault;
    uint32_t argument;
} EVENTSYS_FAULT_INPUT;

/* In a driver built with EVENTSYS_TEST_FAULTS, REG_DWORD values under <service key>\Parameters. */
#define EVENTSYS_PARAMETER_FAULT_IN_ENTRY "FaultInEntry" /* 1: DriverEntry fails with 0xC0000001; 2: writes to address 0 */
#define EVENTSYS_PARAMETER_HANG_IN_UNLOAD "HangInUnload" /* ms, 0xFFFFFFFF = for ever */

/*
 * QUERY_STATE: input EVENTSYS_HEAD alone; output EVENTSYS_STATE_OUTPUT, then what fits of each list, at the offset that
 * its descriptor names (from the start of the output). A snapshot, taken under the driver's lock. The buffer must hold
 * EVENTSYS_STATE_OUTPUT at least. Lists come in the order of their descriptors; what does not fit is left out from the
 * end, and `truncated` is 1: ask again with `bytesNeeded`.
 */
typedef struct EVENTSYS_LIST {
    uint32_t offset;
    uint32_t entryBytes;
    uint32_t count;    /* that exist */
    uint32_t returned; /* that follow */
} EVENTSYS_LIST;

typedef struct EVENTSYS_EVENT_STATE {
    uint32_t id;
    uint32_t method; /* EVENTSYS_METHOD */
    uint32_t type;   /* EVENTSYS_TYPE_* */
    uint32_t ownerProcess;
    uint64_t object;       /* KEVENT */
    uint64_t kernelHandle; /* the driver's own handle, 0 when it holds none */
    uint64_t appHandle;    /* the handle's value in the application (REGISTER, GET, BUFFER), 0 when there is none */
    uint64_t signals;      /* KeSetEvent by the driver */
    uint64_t coalesced;    /* of these: was set already */
    uint64_t resets;       /* KeResetEvent and KeClearEvent */
    uint64_t bySource[EVENTSYS_SOURCE_COUNT]; /* signals by who did them */
    uint32_t references; /* of the driver's own bookkeeping: the table's, each schedule's, each buffer's */
    uint32_t existed;    /* as in EVENTSYS_EVENT_OUTPUT */
    uint32_t nameBytes;
    uint32_t reserved;
    uint16_t name[EVENTSYS_MAX_NAME_CHARS];
} EVENTSYS_EVENT_STATE;

#define EVENTSYS_SCHEDULE_ACTIVE 1u
#define EVENTSYS_SCHEDULE_FINISHED 2u  /* all ticks done; goes at the driver's next request */
#define EVENTSYS_SCHEDULE_CANCELLED 3u /* a work item of it still runs */

typedef struct EVENTSYS_SCHEDULE_STATE {
    uint32_t id;
    uint32_t source;
    uint32_t eventId;
    uint32_t state;     /* EVENTSYS_SCHEDULE_* */
    uint64_t requestId;
    uint64_t timer;     /* KTIMER */
    uint32_t ownerProcess;
    uint32_t dueUs;
    uint32_t periodMs;
    uint32_t count;
    uint32_t ticks;     /* of the timer so far */
    uint32_t signals;   /* that came of them */
    uint32_t missed;    /* _COMPLETION: no request was pended at the tick */
    uint32_t reserved;
} EVENTSYS_SCHEDULE_STATE;

typedef struct EVENTSYS_REQUEST_STATE {
    uint64_t requestId;
    uint64_t irp;
    uint64_t ageMs;
    uint32_t ownerProcess;
    uint32_t reserved;
} EVENTSYS_REQUEST_STATE;

typedef struct EVENTSYS_BUFFER_STATE {
    uint32_t id;
    uint32_t workEventId;
    uint32_t doneEventId;
    uint32_t ownerProcess;
    uint32_t thread; /* id of the system thread */
    uint32_t bufferBytes;
    int32_t lastStatus;
    uint32_t reserved;
    uint64_t rounds; /* of work done */
} EVENTSYS_BUFFER_STATE;

/* Counts of now, then totals since the driver started. At unload every count of now is 0. */
typedef struct EVENTSYS_TOTALS {
    uint32_t files;
    uint32_t events;
    uint32_t schedules;
    uint32_t requests;
    uint32_t buffers;
    uint32_t objectReferences; /* ObReference... without its dereference */
    uint32_t handles;          /* kernel handles open */
    uint32_t allocations;      /* pool */
    uint64_t filesOpened;
    uint64_t filesClosed;
    uint64_t cleanups;
    uint64_t eventsShared;
    uint64_t signals;
    uint64_t coalesced;
    uint64_t requestsPended;
    uint64_t requestsNotified;
    uint64_t requestsCancelled;
    uint64_t timerTicks;
    uint64_t workItems;
    uint64_t bufferRounds;
    uint64_t ioctlsRefused; /* that failed an input check */
    uint64_t logLines;
    uint64_t logLinesDropped;
} EVENTSYS_TOTALS;

/* As ES_TRACE_STATE of eventscope_trace.h, here so that one question tells all. */
typedef struct EVENTSYS_TRACE_COUNTERS {
    uint32_t enabled;
    uint32_t ringCount;
    uint32_t slotsPerRing;
    uint32_t reserved;
    uint64_t written;
    uint64_t drained;
    uint64_t lost;
} EVENTSYS_TRACE_COUNTERS;

typedef struct EVENTSYS_STATE_OUTPUT {
    EVENTSYS_HEAD head; /* bytes: sizeof(EVENTSYS_STATE_OUTPUT), without the lists */
    uint32_t bytesNeeded; /* of an output buffer that holds everything now */
    uint32_t truncated;
    EVENTSYS_LIST events;
    EVENTSYS_LIST schedules;
    EVENTSYS_LIST requests;
    EVENTSYS_LIST buffers;
    EVENTSYS_TOTALS totals;
    EVENTSYS_TRACE_COUNTERS trace;
} EVENTSYS_STATE_OUTPUT;

/*
 * The debug log (DbgPrint): the driver's own account of what it did, apart from any trace. One line a fact, ASCII:
 *     eventsys: n=<count> what=<word> key=value ...
 * n counts all lines, also dropped ones, from 1. Numbers are decimal; object and irp are 0x-hex; status is 0x and eight
 * hex digits; name and no other value may hold spaces and stands last. At most EVENTSYS_LOG_LINES_PER_SECOND lines a
 * second; what=dropped lines=<count> tells of the rest. The words and their keys:
 *   start abi processors wine                    DriverEntry succeeded
 *   open file pid / cleanup file pid / close file pid
 *   register id method object handle pid         app's handle referenced (method 1, 6, 7)
 *   give id object handle pid                    handle made for the app (method 2)
 *   named id method object existed type pid name opened or created by name (method 3, 4, 5)
 *   refuse id method status pid [name]           a way of sharing failed
 *   signal id source seq prev object             KeSetEvent; seq is the driver's count of signals
 *   reset id prev object                         KeResetEvent or KeClearEvent (prev 4294967295)
 *   schedule sid id source due period count pid / tick sid tick / finished sid ticks signals missed / unschedule sid
 *   pend request irp pid / complete request irp source seq status / cancel request irp
 *   buffer id work done bytes pid / round id seq status / buffer-end id rounds
 *   release id method signals coalesced          the last reference is gone
 *   stop files events schedules requests buffers references handles allocations     end of unload
 */
#define EVENTSYS_LOG_PREFIX "eventsys: "
#define EVENTSYS_LOG_LINES_PER_SECOND 20000u

#if defined(__cplusplus)
#define EVENTSYS_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define EVENTSYS_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_HEAD) == 8, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_VERSION_OUTPUT) == 32, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_REGISTER_EVENT_INPUT) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_EVENT_OUTPUT) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_ID_INPUT) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_GET_EVENT_INPUT) == 24, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_OPEN_NAMED_INPUT) == 24 + 2 * EVENTSYS_MAX_NAME_CHARS, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_CREATE_NAMED_INPUT) == 24 + 2 * EVENTSYS_MAX_NAME_CHARS, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SIGNAL_INPUT) == 24, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SIGNAL_OUTPUT) == 24, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SCHEDULE_INPUT) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SCHEDULE_OUTPUT) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_WAIT_INPUT) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_NOTIFICATION_OUTPUT) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_NOTIFY_INPUT) == 24, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_REGISTER_BUFFER_INPUT) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_REGISTER_BUFFER_OUTPUT) == 24, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SHARED_BUFFER) == 48, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_FAULT_INPUT) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_LIST) == 16, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_EVENT_STATE) == 120 + 2 * EVENTSYS_MAX_NAME_CHARS, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_SCHEDULE_STATE) == 64, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_REQUEST_STATE) == 32, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_BUFFER_STATE) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_TOTALS) == 152, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_TRACE_COUNTERS) == 40, "layout");
EVENTSYS_STATIC_ASSERT(sizeof(EVENTSYS_STATE_OUTPUT) == 272, "layout");

#endif /* EVENTSYS_PUBLIC_H */
