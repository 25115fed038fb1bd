/*
 * eventscope_trace.h - trace rings for drivers and applications.
 *
 * Include it last, after the system's headers, in each source file of a driver or application, and compile with
 * EVENTSCOPE_TRACE=1: the calls that signal, wait for, reset, create, open, reference and close dispatcher objects then
 * record what they do. Without EVENTSCOPE_TRACE (or with 0) nothing is added to the program. The second part of this file
 * says how, and what a program may tell on its own; eventscope_trace_user.h and eventscope_trace_kernel.h hold the rest and
 * are included from here.
 *
 * First part: the memory layout of the rings. One source for everybody who reads or writes a ring: drivers and
 * applications, the host harness, and protocol/trace-layout.ts, whose offsets a test compares with the compiler's own.
 * Plain C types of fixed width only, no Windows header needed (ES_TRACE_LAYOUT_ONLY stops there). Integers little-endian.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_TRACE_LAYOUT_H
#define EVENTSCOPE_TRACE_LAYOUT_H

#include <stdint.h>

#define ES_TRACE_MAGIC 0x31525345u /* "ESR1" in memory */
#define ES_TRACE_VERSION 1u

/* One record is one cache line; a record with a name or a list takes further slots behind it. */
#define ES_TRACE_SLOT_BYTES 64u
#define ES_TRACE_PAYLOAD_BYTES 60u /* of a continuation slot; its last 4 bytes are the sequence */
#define ES_TRACE_MAX_SLOTS 12u     /* of one record: 11 * 60 bytes of payload, 330 UTF-16 units */

#define ES_TRACE_IRQL_UNKNOWN 0xFFu
#define ES_TRACE_PREVIOUS_UNKNOWN 0xFFu
#define ES_TRACE_PROCESSOR_UNKNOWN 0xFFFFu

/*
 * What a record says. `object` is a KEVENT (or other dispatcher object) address on the kernel side and a handle value on
 * the user side, unless a line says otherwise. "interval" means that `tsc` is the entry of the call and `tsc + duration`
 * its return; all other kinds are points at `tsc`. The end of a wait is such a point, not an interval: a wait may last for
 * hours, and its end must stay exact when the duration no longer fits.
 */
typedef enum ES_TRACE_KIND {
    EsTraceNone = 0,
    /* tsc: the counter at the middle of the reading; object: UTC as FILETIME; caller: QPC frequency in Hz; argument: QPC. */
    EsTraceCalibration = 1,

    EsTraceSet = 10,     /* interval; previous: signal state before, status */
    EsTracePulse = 11,   /* interval; previous, status */
    EsTraceReset = 12,   /* interval; previous (unknown for KeClearEvent), status */
    EsTraceRelease = 13, /* interval; semaphore or mutant; argument: count released; previous: count before, capped at 0xFE */
    /* interval; IoCompleteRequest on a request whose overlapped event waits. object: the IRP; argument: the request id
       that the application chose; status: IoStatus.Status. */
    EsTraceComplete = 14,

    EsTraceTimerSet = 20,    /* interval; argument: due time, 100 ns units, negative = relative; status: period in ms */
    EsTraceTimerCancel = 21, /* interval; previous: 1 when it was queued */
    EsTraceTimerExpire = 22, /* entry of the timer's DPC; object: the timer */

    EsTraceWaitBegin = 30, /* argument: timeout, 100 ns units as NT takes it, ES_TRACE_NO_TIMEOUT = none; flags: wait flags */
    /* tsc: when the wait returned; duration: since it began, saturating (a wait of more than about a second does);
       status: what it returned, as NTSTATUS */
    EsTraceWaitEnd = 31,
    /* user side, DeviceIoControl with an overlapped event. object: the event's handle; argument: request id (see Complete). */
    EsTraceRequest = 32,

    /* interval; payload: name; status; argument: ES_TRACE_OBJECT_TYPE; flags: synchronization or notification, first state */
    EsTraceCreate = 40,
    /* interval; payload: name; status; argument: desired access in its lower, ES_TRACE_OBJECT_TYPE in its upper 32 bits */
    EsTraceOpen = 41,
    /* interval; kernel: ObReferenceObjectByHandle. object: the address; argument: the handle; process: the process whose
       handle it is. This is the join between a handle and an address. Not an interval, with ES_TRACE_FLAG_EXISTED: the
       address has meant that object since before the recording. */
    EsTraceReference = 42,
    EsTraceDereference = 43, /* object: the address */
    /* interval; a handle was made for another process. object: the address (kernel) or the source handle (user);
       argument: the new handle; process: the process that owns the new handle. */
    EsTraceDuplicate = 44,
    EsTraceClose = 45, /* interval; object: the handle; kernel: flags ES_TRACE_FLAG_OBJECT_IS_HANDLE */
    /* interval; kernel: an object that lives in the driver's own memory came to life (KeInitializeEvent,
       KeInitializeTimer). argument: ES_TRACE_OBJECT_TYPE; flags as of Create. */
    EsTraceInitialize = 46,

    /* payload: a name that became known for object, or none; argument: ES_TRACE_OBJECT_TYPE, when that is known, with
       ES_TRACE_FLAG_SYNCHRONIZATION as of Create */
    EsTraceName = 60,
    EsTraceThreadName = 61, /* payload: the name of this record's thread */
    EsTraceModule = 62,     /* payload: file name; object: image base; argument: image size in bytes */
    EsTraceNote = 63,       /* payload: a line of text from the program */
} ES_TRACE_KIND;

/* What kind of object a Create, an Open or an Initialize made or opened, where the call tells. */
typedef enum ES_TRACE_OBJECT_TYPE {
    EsTraceObjectUnknown = 0,
    EsTraceObjectEvent = 1,
    EsTraceObjectSemaphore = 2,
    EsTraceObjectMutant = 3,
    EsTraceObjectTimer = 4,
} ES_TRACE_OBJECT_TYPE;

#define ES_TRACE_NO_TIMEOUT INT64_MIN

/* flags */
#define ES_TRACE_FLAG_KERNEL 0x01u           /* written by a driver */
#define ES_TRACE_FLAG_SYNCHRONIZATION 0x02u  /* Create, Open, Initialize: auto-reset (else notification, when an event) */
#define ES_TRACE_FLAG_INITIALLY_SET 0x04u    /* Create, Initialize */
#define ES_TRACE_FLAG_EXISTED 0x08u          /* Create: opened an object that was there already; Reference: see there */
#define ES_TRACE_FLAG_WAIT_ALL 0x10u         /* WaitBegin: all of the list (payload: handles or addresses, 8 bytes each) */
#define ES_TRACE_FLAG_ALERTABLE 0x20u        /* WaitBegin */
#define ES_TRACE_FLAG_OBJECT_IS_HANDLE 0x40u /* kernel side: object is a handle value, not an address */
#define ES_TRACE_FLAG_DPC 0x80u              /* recorded in a deferred procedure call */

/*
 * A record's payload is what its continuation slots hold, one after the other, padded with zeros: a name or text is UTF-16
 * and ends at the first zero unit, cut when it is longer than the payload may be; the objects of a wait are 8 bytes each and
 * end at the first zero. Waits for several objects: `object` of WaitBegin is the first one; of WaitEnd the one that
 * satisfied the wait (its index is in the status), the first one when all or none did.
 */

/*
 * One slot. A record's first slot has this shape; each continuation slot is payload[60] + sequence.
 * `sequence` is written last, with release order: slot index + 1, low 32 bits. A reader that sees another value there
 * stops: the slot is reserved and not yet written.
 */
typedef struct ES_TRACE_RECORD {
    uint64_t tsc; /* entry of the call (intervals), or the moment (points) */
    uint64_t object;
    uint64_t caller; /* return address of the recorded call */
    uint64_t argument;
    uint32_t process;
    uint32_t thread;
    int32_t status;
    uint32_t duration; /* TSC ticks, saturating at 0xFFFFFFFF */
    uint32_t lost;     /* the ring's count of lost records when this one was reserved, low 32 bits: a rise is a gap here */
    uint16_t kind;
    uint16_t processor;
    uint8_t irql;
    uint8_t previous;
    uint8_t slots; /* this slot and its continuation, 1 to ES_TRACE_MAX_SLOTS */
    uint8_t flags;
    uint32_t sequence;
} ES_TRACE_RECORD;

typedef struct ES_TRACE_CONTINUATION {
    uint8_t payload[ES_TRACE_PAYLOAD_BYTES];
    uint32_t sequence;
} ES_TRACE_CONTINUATION;

/*
 * A ring: `capacity` slots (a power of two) at `slotsOffset` from the area's start. head and tail count slots and never
 * wrap (64 bits). The writer owns head and lost, the reader owns tail; each has a cache line of its own.
 * A record that does not fit (head + slots - tail > capacity) is not written: `lost` counts it. Nothing ever blocks.
 */
typedef struct ES_TRACE_RING {
    uint64_t head;
    uint64_t lost;
    uint32_t owner; /* user: thread id that writes, 0 = free for another thread; kernel: processor number + 1 */
    uint32_t generation; /* user: how many threads have owned it */
    uint64_t cachedTail; /* user: the writer's last look at tail, so that it seldom touches the reader's cache line */
    uint8_t pad0[32];
    uint64_t tail;
    uint8_t pad1[56];
    uint64_t slotsOffset;
    uint32_t capacity;
    uint32_t reserved;
    uint8_t pad2[48];
} ES_TRACE_RING; /* 192 bytes */

/*
 * An area: header, then ringCount rings (ES_TRACE_RING), then the slots. In user mode the agent makes it, as a named
 * section whose name the application finds in the environment (ES_TRACE_SECTION_VARIABLE), so that a killed application
 * loses nothing that it has written. In the kernel the driver allocates it and hands records out by IOCTL.
 */
typedef struct ES_TRACE_AREA {
    uint32_t magic;
    uint32_t version;
    uint32_t areaBytesHigh; /* size of the area in bytes, upper 32 bits */
    uint32_t areaBytes;     /* lower 32 bits */
    uint32_t ringCount;
    uint32_t slotBytes;
    uint32_t enabled;      /* writers record only while this is not 0; the reader switches it */
    uint32_t process;      /* user: the process that attached, 0 until then */
    uint64_t unringedLost; /* records of threads that found no free ring */
    uint32_t sessionId;    /* user: the process's terminal services session */
    uint32_t reserved0;
    uint8_t pad[16];
} ES_TRACE_AREA; /* 64 bytes */

#define ES_TRACE_SECTION_VARIABLE "EVENTSCOPE_TRACE_SECTION"

/*
 * Draining a driver's rings. Any driver that includes eventscope_trace.h passes device-control requests that it does not
 * know to EsTraceDeviceControl, which answers these. METHOD_BUFFERED, FILE_DEVICE_UNKNOWN; start, stop and drain ask for
 * FILE_READ_DATA | FILE_WRITE_DATA.
 */
#define ES_TRACE_IOCTL(function, access) ((0x22u << 16) | ((access) << 14) | ((function) << 2) | 0u)
#define ES_TRACE_IOCTL_QUERY ES_TRACE_IOCTL(0xEA0u, 1u) /* out: ES_TRACE_STATE */
#define ES_TRACE_IOCTL_START ES_TRACE_IOCTL(0xEA1u, 3u) /* in: ES_TRACE_START_INPUT */
#define ES_TRACE_IOCTL_STOP ES_TRACE_IOCTL(0xEA2u, 3u)  /* rings stay readable until the next start or the unload */
/* out: ES_TRACE_DRAIN_HEADER, then whole records. One ring a call: rings with records are taken in turn. */
#define ES_TRACE_IOCTL_DRAIN ES_TRACE_IOCTL(0xEA3u, 3u)

typedef struct ES_TRACE_START_INPUT {
    uint32_t version;       /* ES_TRACE_VERSION */
    uint32_t slotsPerRing;  /* power of two, 64 to 1,048,576; 0 = the driver's default */
} ES_TRACE_START_INPUT;

typedef struct ES_TRACE_STATE {
    uint32_t version;
    uint32_t enabled;
    uint32_t ringCount;
    uint32_t slotsPerRing;
    uint64_t written; /* slots, all rings */
    uint64_t drained; /* slots, all rings */
    uint64_t lost;    /* records, all rings */
} ES_TRACE_STATE;

typedef struct ES_TRACE_DRAIN_HEADER {
    uint32_t version;
    uint32_t ring;       /* whose records follow */
    uint32_t slotCount;  /* slots that follow; 0 = no ring has a record now */
    uint32_t more;       /* 1: this or another ring has more */
    uint64_t firstSlot;  /* absolute index of the first slot that follows */
    uint64_t lost;       /* this ring's count of lost records by now */
} ES_TRACE_DRAIN_HEADER;

#endif /* EVENTSCOPE_TRACE_LAYOUT_H */

#if !defined(ES_TRACE_LAYOUT_ONLY) && !defined(EVENTSCOPE_TRACE_H)
#define EVENTSCOPE_TRACE_H

#ifndef EVENTSCOPE_TRACE
#define EVENTSCOPE_TRACE 0
#endif

/* Which side: a driver's headers have been included, or windows.h. EVENTSCOPE_TRACE_KERNEL may be defined by hand. */
#ifndef EVENTSCOPE_TRACE_KERNEL
#if defined(_KERNEL_MODE) || defined(_NTDDK_) || defined(_WDMDDK_) || defined(_NTIFS_)
#define EVENTSCOPE_TRACE_KERNEL 1
#else
#define EVENTSCOPE_TRACE_KERNEL 0
#endif
#endif

/*
 * Second part: recording.
 *
 * How it works: each traced call becomes a macro that calls a recording function of the same shape, which makes the real
 * call between two readings of the time stamp counter. The recorder is never inlined, so its return address is the call's
 * own place in the program. A call written with its name in parentheses, (SetEvent)(handle), is not recorded.
 *
 * What a program may tell on its own, as the calls do not know it. Without EVENTSCOPE_TRACE these are nothing.
 *
 * Both sides:
 *   EsTraceName(object, name)         a name of an object became known (kernel: PCUNICODE_STRING; user: PCWSTR)
 *   EsTraceThreadName(name)           a name for the calling thread (same types)
 *   EsTraceNote(text)                 a line of text (same types)
 * Application:
 *   EsTraceRequest(event, requestId)  an overlapped request with this event and this id is about to be sent
 * Driver:
 *   EsTraceStartKernel(fileName)      in DriverEntry, at PASSIVE_LEVEL: L"driver.sys". Records nothing until a reader
 *                                     starts recording with ES_TRACE_IOCTL_START. NTSTATUS
 *   EsTraceStopKernel()               in unload, at PASSIVE_LEVEL, after all threads, timers and work items have ended
 *   EsTraceDeviceControl(code, buffer, inputBytes, outputBytes, information)
 *                                     answers ES_TRACE_IOCTL_*, at PASSIVE_LEVEL; STATUS_INVALID_DEVICE_REQUEST for others
 *   EsTraceQueryState(state)          fills in an ES_TRACE_STATE
 *   EsTraceReferenceHandle(process, handle, object, status)
 *                                     process's handle was found to be object, whichever calls it took
 *   EsTraceDuplicateHandle(object, process, handle, status)
 *                                     process was given handle for object
 *   EsTraceTimerExpire(timer)         first thing in a timer's DPC
 *   EsTraceComplete(irp, boost, requestId)
 *                                     IoCompleteRequest, recorded with the id that the application chose
 */
#if EVENTSCOPE_TRACE

/*
 * Functions of this header lie in a section of their own, nonpaged in a driver: whoever records the program's calls by other means looks
 * through them to the place that the program calls from.
 */
#define ES_TRACE_CODE_SECTION ".estrace"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#pragma warning(disable : 4505) /* recorders of calls that a source file does not make are removed, as they should be */
#define ES_TRACE_NOINLINE static __declspec(code_seg(ES_TRACE_CODE_SECTION)) __declspec(noinline)
#define ES_TRACE_INLINE static __forceinline
#define ES_TRACE_COLD static __declspec(code_seg(ES_TRACE_CODE_SECTION)) __declspec(noinline)
#define ES_TRACE_RETURN_ADDRESS() ((uint64_t)(uintptr_t)_ReturnAddress())
#define ES_TRACE_GLOBAL extern __declspec(selectany)
#define ES_TRACE_LIKELY(condition) (condition)
#define ES_TRACE_CALL(call) (call)
#define ES_TRACE_CALL_VOID(call) (call)
#define ES_TRACE_STORE_RELEASE32(address, value) (_ReadWriteBarrier(), *(volatile uint32_t *)(address) = (value))
#define ES_TRACE_STORE_RELEASE64(address, value) (_ReadWriteBarrier(), *(volatile uint64_t *)(address) = (value))
#define ES_TRACE_LOAD_ACQUIRE64(address) (*(volatile const uint64_t *)(address))
#define ES_TRACE_LOAD_ACQUIRE32(address) (*(volatile const uint32_t *)(address))
#define ES_TRACE_ADD64(address, value) _InterlockedExchangeAdd64((volatile __int64 *)(address), (value))
#define ES_TRACE_CAS64(address, expected, desired) \
    (_InterlockedCompareExchange64((volatile __int64 *)(address), (__int64)(desired), (__int64)(expected)) == (__int64)(expected))
#define ES_TRACE_CAS32(address, expected, desired) \
    (_InterlockedCompareExchange((volatile long *)(address), (long)(desired), (long)(expected)) == (long)(expected))
#define ES_TRACE_CPUID(regs, leaf) __cpuid((int *)(regs), (int)(leaf))
#else
#include <x86intrin.h>
#define ES_TRACE_NOINLINE __attribute__((noinline, unused, section(ES_TRACE_CODE_SECTION))) static
#define ES_TRACE_INLINE __attribute__((always_inline, unused)) static inline
#define ES_TRACE_COLD __attribute__((noinline, cold, unused, section(ES_TRACE_CODE_SECTION))) static
#define ES_TRACE_RETURN_ADDRESS() ((uint64_t)(uintptr_t)__builtin_return_address(0))
#if defined(_WIN32)
#define ES_TRACE_GLOBAL __attribute__((selectany))
#else
#define ES_TRACE_GLOBAL __attribute__((weak))
#endif
#define ES_TRACE_LIKELY(condition) __builtin_expect(!!(condition), 1)
/* The empty asm keeps the call from becoming a jump at a function's end, which would lose its return address. */
#if defined(__cplusplus)
#define ES_TRACE_CALL(call) __extension__({ auto esTraceResult_ = (call); __asm__ volatile(""); esTraceResult_; })
#else
#define ES_TRACE_CALL(call) __extension__({ __auto_type esTraceResult_ = (call); __asm__ volatile(""); esTraceResult_; })
#endif
#define ES_TRACE_CALL_VOID(call) __extension__({ (call); __asm__ volatile(""); })
#define ES_TRACE_STORE_RELEASE32(address, value) __atomic_store_n((address), (value), __ATOMIC_RELEASE)
#define ES_TRACE_STORE_RELEASE64(address, value) __atomic_store_n((address), (value), __ATOMIC_RELEASE)
#define ES_TRACE_LOAD_ACQUIRE64(address) __atomic_load_n((address), __ATOMIC_ACQUIRE)
#define ES_TRACE_LOAD_ACQUIRE32(address) __atomic_load_n((address), __ATOMIC_ACQUIRE)
#define ES_TRACE_ADD64(address, value) __atomic_fetch_add((address), (value), __ATOMIC_RELAXED)
#define ES_TRACE_CAS64(address, expected, desired) __sync_bool_compare_and_swap((address), (expected), (desired))
#define ES_TRACE_CAS32(address, expected, desired) __sync_bool_compare_and_swap((address), (expected), (desired))
#define ES_TRACE_CPUID(regs, leaf)                                                                               \
    __asm__ volatile("cpuid" : "=a"((regs)[0]), "=b"((regs)[1]), "=c"((regs)[2]), "=d"((regs)[3]) : "0"(leaf), "2"(0))
#endif

/* x64 and x86. Not serialising: a call takes longer than the processor's window of reordering. */
#define ES_TRACE_READ_TSC() ((uint64_t)__rdtsc())

/* The counter and the processor's number in one instruction, where IA32_TSC_AUX holds it as Linux sets it (so on Wine). */
ES_TRACE_INLINE uint64_t EsTraceReadTscAndProcessor(uint16_t *processor)
{
    unsigned int aux;
    const uint64_t tsc = (uint64_t)__rdtscp(&aux);

    *processor = (uint16_t)(aux & 0xFFFu);
    return tsc;
}

ES_TRACE_COLD int EsTraceHasRdtscp(void)
{
    uint32_t registers[4] = {0, 0, 0, 0};

    ES_TRACE_CPUID(registers, 0x80000000u);
    if (registers[0] < 0x80000001u) {
        return 0;
    }
    ES_TRACE_CPUID(registers, 0x80000001u);
    return (registers[3] >> 27) & 1u;
}

ES_TRACE_INLINE uint32_t EsTraceDuration(uint64_t from, uint64_t to)
{
    const uint64_t ticks = to > from ? to - from : 0;

    return ticks > 0xFFFFFFFFu ? 0xFFFFFFFFu : (uint32_t)ticks;
}

/* When a record is, of a call that began at `from` (0: at no call) and has returned by `now`. */
ES_TRACE_INLINE uint64_t EsTraceMoment(uint16_t kind, uint64_t from, uint64_t now)
{
    return from == 0 || kind == EsTraceWaitEnd ? now : from;
}

/* Argument of an Open. */
ES_TRACE_INLINE uint64_t EsTraceOpenArgument(ES_TRACE_OBJECT_TYPE type, uint32_t access)
{
    return ((uint64_t)type << 32) | access;
}

/* Slots for a record with that much payload; payload that does not fit is cut by the caller. */
ES_TRACE_INLINE uint32_t EsTraceSlotsFor(uint32_t payloadBytes)
{
    return 1u + (payloadBytes + ES_TRACE_PAYLOAD_BYTES - 1u) / ES_TRACE_PAYLOAD_BYTES;
}

#define ES_TRACE_MAX_PAYLOAD_BYTES ((ES_TRACE_MAX_SLOTS - 1u) * ES_TRACE_PAYLOAD_BYTES)

/* Continuation slots first, then the record: whoever sees the record's sequence may read all of it. */
ES_TRACE_COLD void EsTraceStoreContinuation(ES_TRACE_RECORD *slots, uint64_t mask, uint64_t at, const uint8_t *payload,
                                            uint32_t payloadBytes)
{
    while (payloadBytes != 0) {
        ES_TRACE_CONTINUATION *slot = (ES_TRACE_CONTINUATION *)&slots[++at & mask];
        const uint32_t bytes = payloadBytes < ES_TRACE_PAYLOAD_BYTES ? payloadBytes : ES_TRACE_PAYLOAD_BYTES;
        uint32_t index;

        for (index = 0; index < ES_TRACE_PAYLOAD_BYTES; index++) {
            slot->payload[index] = index < bytes ? payload[index] : 0;
        }
        ES_TRACE_STORE_RELEASE32(&slot->sequence, (uint32_t)(at + 1u));
        payload += bytes;
        payloadBytes -= bytes;
    }
}

ES_TRACE_INLINE void EsTraceStoreRecord(ES_TRACE_RECORD *slot, uint64_t at, const ES_TRACE_RECORD *record)
{
    slot->tsc = record->tsc;
    slot->object = record->object;
    slot->caller = record->caller;
    slot->argument = record->argument;
    slot->process = record->process;
    slot->thread = record->thread;
    slot->status = record->status;
    slot->duration = record->duration;
    slot->lost = record->lost;
    slot->kind = record->kind;
    slot->processor = record->processor;
    slot->irql = record->irql;
    slot->previous = record->previous;
    slot->slots = record->slots;
    slot->flags = record->flags;
    ES_TRACE_STORE_RELEASE32(&slot->sequence, (uint32_t)(at + 1u));
}

ES_TRACE_INLINE uint8_t EsTracePrevious(int32_t previous)
{
    return previous < 0 ? 0u : previous > 0xFE ? 0xFEu : (uint8_t)previous;
}

#if defined(ES_TRACE_WRITER_ONLY)
/* A recorder of another kind, which writes rings of its own (driver/tracepoints). */
#elif EVENTSCOPE_TRACE_KERNEL
#include "eventscope_trace_kernel.h"
#else
#include "eventscope_trace_user.h"
#endif

#else /* !EVENTSCOPE_TRACE */

#define EsTraceName(object, name) ((void)0)
#define EsTraceThreadName(name) ((void)0)
#define EsTraceNote(text) ((void)0)
#define EsTraceRequest(event, requestId) ((void)0)
#define EsTraceStartKernel(fileName) ((void)(fileName), 0)
#define EsTraceStopKernel() ((void)0)
#define EsTraceDeviceControl(code, buffer, inputBytes, outputBytes, information) ((int32_t)0xC0000010)
#define EsTraceQueryState(state) ((void)0)
#define EsTraceReferenceHandle(process, handle, object, status) ((void)0)
#define EsTraceDuplicateHandle(object, process, handle, status) ((void)0)
#define EsTraceTimerExpire(timer) ((void)0)
#define EsTraceComplete(irp, boost, requestId) IoCompleteRequest((irp), (boost))

#endif /* EVENTSCOPE_TRACE */
#endif /* EVENTSCOPE_TRACE_H */
