/*
 * tracepoints.h - the memory of import tracepoints: what the agent writes into a process, and the recorder there reads.
 *
 * A call through an import slot that is pointed at a thunk comes to the recorder with the thunk's ES_TP_SLOT, which says what the
 * function's arguments mean. The recorder makes the real call and writes records of eventscope_trace.h into a shared area.
 * Mirrored by protocol/tracepoint-layout.ts; a test compares both with the compiler.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACEPOINTS_H
#define EVENTSCOPE_TRACEPOINTS_H

#define ES_TRACE_WRITER_ONLY
#define EVENTSCOPE_TRACE 1
#include "eventscope_trace.h"

#define ES_TP_NONE 0xFFu      /* the function has no such argument */
#define ES_TP_MAX_RINGS 64u
#define ES_TP_MAX_STACK_ARGUMENTS 8u
#define ES_TP_LINKS 64u
#define ES_TP_SEEN 128u         /* a power of two */
#define ES_TP_SEEN_TRIES 8u

/* Meanings of arguments that the recorder asks for; `at` of a slot has the position of each. */
typedef enum ES_TP_PARAMETER {
    EsTpObject = 0,      /* object or handle that the call is about */
    EsTpList = 1,        /* array of them */
    EsTpCount = 2,
    EsTpTimeout = 3,     /* LARGE_INTEGER * */
    EsTpMilliseconds = 4,
    EsTpDueTime = 5,     /* LARGE_INTEGER by value */
    EsTpDueTimePointer = 6,
    EsTpPeriod = 7,
    EsTpPrevious = 8,
    EsTpAdjustment = 9,
    EsTpWaitFollows = 10,
    EsTpAlertable = 11,
    EsTpWaitType = 12,
    EsTpWaitAll = 13,
    EsTpAttributes = 14,
    EsTpUnicodeName = 15,
    EsTpWideName = 16,
    EsTpNarrowName = 17,
    EsTpNewHandle = 18,
    EsTpNewObject = 19,
    EsTpAccess = 20,
    EsTpManualReset = 21,
    EsTpInitialState = 22,
    EsTpEventType = 23,
    EsTpInitialCount = 24,
    EsTpInitialOwner = 25,
    EsTpEventFlags = 26,
    EsTpMutexFlags = 27,
    EsTpTimerFlags = 28,
    EsTpSourceProcess = 29,
    EsTpTargetProcess = 30,
    EsTpSignal = 31,     /* handle that is signaled before the wait */
    EsTpClientId = 32,   /* CLIENT_ID *: the process that a driver opens */
    EsTpParameterCount = 33,
} ES_TP_PARAMETER;

typedef enum ES_TP_RETURN {
    EsTpReturnNone = 0,
    EsTpReturnStatus = 1,        /* NTSTATUS */
    EsTpReturnWin32Wait = 2,
    EsTpReturnBool = 3,
    EsTpReturnHandle = 4,
    EsTpReturnObject = 5,
    EsTpReturnPrevious = 6,      /* LONG: state before */
    EsTpReturnQueued = 7,        /* BOOLEAN: queued before */
} ES_TP_RETURN;

#define ES_TP_SLOT_WIN32 0x01u  /* BOOL instead of BOOLEAN, the last error instead of a status */

typedef struct ES_TP_CONTROL ES_TP_CONTROL;

typedef struct ES_TP_SLOT {
    uint64_t target;          /* what the import slot held */
    uint64_t control;         /* ES_TP_CONTROL */
    uint64_t importSlot;      /* address of the import slot */
    uint64_t thunk;           /* what it holds while recording */
    uint16_t kind;            /* ES_TRACE_KIND: WaitBegin for waits */
    uint8_t recordFlags;      /* of each record */
    uint8_t flags;            /* ES_TP_SLOT_* */
    uint8_t returns;          /* ES_TP_RETURN */
    uint8_t objectType;       /* ES_TRACE_OBJECT_TYPE that is made */
    uint8_t stackArguments;   /* arguments beyond the four in registers */
    uint8_t pad0;
    uint8_t at[40];           /* position of each ES_TP_PARAMETER; ES_TP_NONE */
    uint8_t pad1[48];
} ES_TP_SLOT; /* 128 bytes */

/* What the recorder has seen of a handle of this process: where it led or came from, or which process it is of. */
typedef struct ES_TP_LINK {
    uint64_t handle;          /* 0: free. Written last */
    uint64_t object;          /* its address, or 0 */
    uint64_t source;          /* handle that it was duplicated from, or 0 */
    uint64_t process;         /* whose that is; without a source: the process that the handle opens */
} ES_TP_LINK;

/* A handle of a dispatcher object that another recorded process had when the recording began. */
typedef struct ES_TP_KNOWN {
    uint64_t process;         /* handle, of this process, to that process */
    uint64_t handle;
    uint64_t processId;
} ES_TP_KNOWN;

/*
 * A function that makes recorded calls for whoever calls it, as those of eventscope_trace.h do. At its calls RSP lies `frame` bytes below
 * its own return address.
 */
typedef struct ES_TP_WRAPPER {
    uint64_t from;            /* its code */
    uint64_t to;
    uint64_t frame;
} ES_TP_WRAPPER;

typedef struct ES_TP_WRITERS {
    uint64_t count;           /* threads that write into rings at this moment */
    uint8_t pad[56];
} ES_TP_WRITERS;

/*
 * The agent fills it in; all functions are exports of the process's own ntdll.dll. `enabled` is looked at after a writer has counted
 * itself: who has switched it off and then sees no writer may take the area away.
 */
struct ES_TP_CONTROL {
    uint32_t enabled;
    uint32_t useRdtscp;       /* the processor has RDTSCP: it chooses the ring */
    uint32_t processorKnown;  /* and what it tells is the processor's number */
    uint32_t process;         /* this process */
    uint64_t area;            /* ES_TRACE_AREA */
    uint64_t slots;           /* ES_TP_SLOT array */
    uint32_t slotCount;
    uint32_t state;           /* ES_TP_STATE, written by the watcher */
    uint32_t restored;        /* import slots that the watcher has put back */
    uint32_t functionCount;   /* of unwind information */
    uint64_t image;           /* base of the recorder */
    uint64_t functions;       /* RUNTIME_FUNCTION array */
    uint64_t agent;           /* handle, of this process, to the agent's process */
    uint64_t stop;            /* handle of an event: set to end recording */
    uint64_t NtWaitForMultipleObjects;
    uint64_t NtProtectVirtualMemory;
    uint64_t NtQueryPerformanceCounter;
    uint64_t NtQuerySystemTime;
    uint64_t NtQueryInformationProcess;
    uint64_t NtClose;
    uint64_t RtlAddFunctionTable;
    uint64_t NtDelayExecution;
    uint64_t NtUnmapViewOfSection;
    uint64_t startTicks;      /* counter when the watcher began: before every call that it made recorded */
    uint32_t installed;       /* import slots that the watcher has pointed at their thunks */
    uint32_t unmapped;        /* 1: the area is not mapped in this process any more */
    uint64_t NtDuplicateObject;
    uint64_t NtCompareObjects;    /* 0: this target has none */
    uint64_t NtQueryObject;
    uint64_t ObOpenObjectByPointer; /* 0: no driver runs here, or all objects are known */
    uint64_t known;           /* ES_TP_KNOWN array; those of a process follow one another */
    uint32_t knownCount;
    uint32_t wrapperCount;
    uint64_t wrappers;        /* ES_TP_WRAPPER array, by address */
    uint8_t pad[32];
    ES_TP_WRITERS writers[ES_TP_MAX_RINGS];
    ES_TP_LINK links[ES_TP_LINKS];
    uint64_t seen[ES_TP_SEEN]; /* addresses of objects whose origin is recorded, or was looked for; 0: free */
};

typedef enum ES_TP_STATE {
    EsTpStarting = 0,
    EsTpReady = 1,     /* unwind information is known to the system, the clock is in the ring, import slots lead to thunks */
    EsTpRestored = 2,  /* import slots are as they were; recording has ended; the area is not mapped any more, if that could be */
} ES_TP_STATE;

/*
 * The recorder's frame: built by EsTpCommon at RSP, a multiple of 16. The caller's return address is above it, untouched, so that a
 * debugger and exceptions find their way.
 */
typedef struct ES_TP_FRAME {
    uint64_t home[4];          /* for whom the recorder calls */
    uint64_t stack[ES_TP_MAX_STACK_ARGUMENTS]; /* copies of the caller's, where the target looks for them */
    uint64_t registers[4];     /* RCX, RDX, R8, R9 */
    uint64_t slot;
    uint64_t result;
    uint8_t xmm[4][16];
    uint8_t xmmResult[16];
    uint64_t from;             /* counter at entry; 0: not recorded */
    int32_t previous;          /* where the target writes it when the caller does not want it */
    int32_t status;            /* known before the call (requests) */
    uint64_t pad[5];
    uint64_t returnAddress;
    uint64_t callerHome[4];
    uint64_t callerStack[ES_TP_MAX_STACK_ARGUMENTS];
} ES_TP_FRAME;

#endif /* EVENTSCOPE_TRACEPOINTS_H */
