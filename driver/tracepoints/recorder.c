/*
 * recorder.c - what import tracepoints run in the traced process.
 *
 * Position-independent, without a C runtime, imports, relocations or writable data of its own: the agent copies the linked image
 * into the process. It calls the function that the program wanted to call, and ntdll's own where a thread of the program asks who has a
 * handle, so it cannot meet itself, and takes no lock.
 * A driver host under Wine is a process like any other; nothing here runs in a real kernel.
 *
 * What it reads at the pointers of a call (names, lists of handles, times) it reads after the call has succeeded where that can wait;
 * the list and the timeout of a wait cannot. A program that passes a bad pointer there faults here instead of in the call.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include "tracepoints.h"

#if defined(_WIN32)
#define ES_TP_EXPORT __declspec(dllexport)
#else
#define ES_TP_EXPORT
#endif
/* Of the functions that EsTpCommon calls and that the watcher calls, also when the host compiles this for its tests. */
#define ES_TP_ABI __attribute__((ms_abi))

#define STATUS_OBJECT_NAME_EXISTS 0x40000000
#define STATUS_UNSUCCESSFUL ((int32_t)0xC0000001)
#define STATUS_ACCESS_VIOLATION ((int32_t)0xC0000005)
#define STATUS_WAIT_TIMEOUT 0x102
#define ERROR_ALREADY_EXISTS 183u
#define ERROR_NOACCESS 998u
#define CURRENT_PROCESS (~0ull)
#define OBJ_KERNEL_HANDLE 0x200u
#define OBJECT_NAME_INFORMATION 1u
#define DUPLICATE_SAME_ACCESS 2u
#define MAXIMUM_WAIT_OBJECTS 64u

typedef struct UNICODE_TEXT {
    uint16_t length; /* bytes */
    uint16_t maximumLength;
    const uint16_t *buffer;
} UNICODE_TEXT;

_Static_assert(sizeof(ES_TP_SLOT) == 128, "thunks and the agent count on it");
_Static_assert(offsetof(ES_TP_FRAME, registers) == 0x60, "EsTpCommon");
_Static_assert(offsetof(ES_TP_FRAME, slot) == 0x80, "EsTpCommon");
_Static_assert(offsetof(ES_TP_FRAME, result) == 0x88, "EsTpCommon");
_Static_assert(offsetof(ES_TP_FRAME, xmm) == 0x90, "EsTpCommon");
_Static_assert(offsetof(ES_TP_FRAME, xmmResult) == 0xD0, "EsTpCommon");
_Static_assert(offsetof(ES_TP_FRAME, returnAddress) == 0x118, "EsTpCommon");
_Static_assert(offsetof(ES_TP_CONTROL, writers) % 64 == 0, "a line of its own for each");

/*
 * Where every thunk leads, with its slot in R11. R10 and R11 are the callee's to use in this calling convention; every other register
 * reaches the target as the caller left it. XMM registers are kept although no function of the catalogue takes any.
 */
#if defined(_WIN32)
#define SEH(directive) directive "\n"
#else
#define SEH(directive) ""
#endif
__asm__(".text\n"
        ".globl EsTpCommon\n"
        ".p2align 4\n"
        SEH(".def EsTpCommon; .scl 2; .type 32; .endef")
        SEH(".seh_proc EsTpCommon")
        "EsTpCommon:\n"
        "  subq $0x118, %rsp\n"
        SEH("  .seh_stackalloc 0x118")
        SEH("  .seh_endprologue")
        "  movq %rcx, 0x60(%rsp)\n"
        "  movq %rdx, 0x68(%rsp)\n"
        "  movq %r8, 0x70(%rsp)\n"
        "  movq %r9, 0x78(%rsp)\n"
        "  movq %r11, 0x80(%rsp)\n"
        "  movaps %xmm0, 0x90(%rsp)\n"
        "  movaps %xmm1, 0xA0(%rsp)\n"
        "  movaps %xmm2, 0xB0(%rsp)\n"
        "  movaps %xmm3, 0xC0(%rsp)\n"
        "  movq %rsp, %rcx\n"
        "  call EsTpEnter\n"
        "  movq 0x60(%rsp), %rcx\n"
        "  movq 0x68(%rsp), %rdx\n"
        "  movq 0x70(%rsp), %r8\n"
        "  movq 0x78(%rsp), %r9\n"
        "  movaps 0x90(%rsp), %xmm0\n"
        "  movaps 0xA0(%rsp), %xmm1\n"
        "  movaps 0xB0(%rsp), %xmm2\n"
        "  movaps 0xC0(%rsp), %xmm3\n"
        "  call *%rax\n"
        "  movq %rax, 0x88(%rsp)\n"
        "  movaps %xmm0, 0xD0(%rsp)\n"
        "  movq %rsp, %rcx\n"
        "  call EsTpLeave\n"
        "  movq 0x88(%rsp), %rax\n"
        "  movaps 0xD0(%rsp), %xmm0\n"
        "  addq $0x118, %rsp\n"
        "  ret\n"
        SEH(".seh_endproc"));
#if defined(_WIN32)
__asm__(".section .drectve,\"yn\"\n.ascii \" -export:EsTpCommon\"\n.text\n");
#endif

/* The thread's own block: identifiers and last error. */
#if defined(_WIN32)
static uint32_t ThreadId(void)
{
    uint64_t value;

    __asm__ volatile("movq %%gs:0x48, %0" : "=r"(value));
    return (uint32_t)value;
}

static uint32_t LastError(void)
{
    uint32_t value;

    __asm__ volatile("movl %%gs:0x68, %0" : "=r"(value));
    return value;
}
#else
uint32_t ThreadId(void);
uint32_t LastError(void);
#endif

ES_TRACE_INLINE int Has(const ES_TP_SLOT *slot, ES_TP_PARAMETER parameter)
{
    return slot->at[parameter] != ES_TP_NONE;
}

ES_TRACE_INLINE uint64_t *Place(ES_TP_FRAME *frame, const ES_TP_SLOT *slot, ES_TP_PARAMETER parameter)
{
    const uint8_t at = slot->at[parameter];

    return at < 4 ? &frame->registers[at] : &frame->stack[at - 4];
}

/* 0 when the function has no such argument. */
ES_TRACE_INLINE uint64_t Argument(ES_TP_FRAME *frame, const ES_TP_SLOT *slot, ES_TP_PARAMETER parameter)
{
    return Has(slot, parameter) ? *Place(frame, slot, parameter) : 0;
}

/* A BOOLEAN is a byte, a BOOL four. */
ES_TRACE_INLINE int IsTrue(ES_TP_FRAME *frame, const ES_TP_SLOT *slot, ES_TP_PARAMETER parameter)
{
    const uint64_t value = Argument(frame, slot, parameter);

    return (slot->flags & ES_TP_SLOT_WIN32) != 0 ? (uint32_t)value != 0 : (uint8_t)value != 0;
}

static uint64_t Now(const ES_TP_CONTROL *control, uint16_t *processor)
{
    if (control->useRdtscp) {
        return EsTraceReadTscAndProcessor(processor);
    }
    *processor = (uint16_t)(ThreadId() >> 2);
    return ES_TRACE_READ_TSC();
}

/* As the kernel's rings of eventscope_trace.h: any thread writes to any ring, reserved by compare and swap of head. */
static void Put(ES_TRACE_RING *ring, ES_TRACE_RECORD *slots, ES_TRACE_RECORD *record, const void *payload, uint32_t bytes)
{
    const uint32_t count = EsTraceSlotsFor(bytes);
    const int64_t capacity = ring->capacity;
    uint64_t head;

    for (;;) {
        head = ES_TRACE_LOAD_ACQUIRE64(&ring->head);
        if ((int64_t)(head + count - *(volatile uint64_t *)&ring->cachedTail) > capacity) {
            const uint64_t tail = ES_TRACE_LOAD_ACQUIRE64(&ring->tail);

            *(volatile uint64_t *)&ring->cachedTail = tail;
            if ((int64_t)(head + count - tail) > capacity) {
                (void)ES_TRACE_ADD64(&ring->lost, 1);
                return;
            }
        }
        if (ES_TRACE_CAS64(&ring->head, head, head + count)) {
            break;
        }
    }
    if (bytes != 0) {
        EsTraceStoreContinuation(slots, (uint64_t)capacity - 1u, head, (const uint8_t *)payload, bytes);
    }
    record->lost = (uint32_t)ES_TRACE_LOAD_ACQUIRE64(&ring->lost);
    record->slots = (uint8_t)count;
    EsTraceStoreRecord(&slots[head & ((uint64_t)capacity - 1u)], head, record);
}

/* What all records of one call have in common. */
typedef struct CALL {
    ES_TP_CONTROL *control;
    uint64_t from;
    uint64_t caller;
    uint8_t flags;
} CALL;

/* process 0: this one. */
static void Record(const CALL *call, uint16_t kind, uint8_t flags, uint64_t object, uint64_t argument, int32_t status,
                   uint8_t previous, int interval, uint32_t process, const void *payload, uint32_t bytes)
{
    ES_TP_CONTROL *control = call->control;
    ES_TRACE_RECORD record;
    uint16_t processor;
    const uint64_t now = Now(control, &processor);
    uint64_t *writers = &control->writers[processor % ES_TP_MAX_RINGS].count;

    (void)__atomic_fetch_add(writers, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&control->enabled, __ATOMIC_SEQ_CST) != 0) {
        uint8_t *area = (uint8_t *)(uintptr_t)control->area;
        ES_TRACE_RING *ring = (ES_TRACE_RING *)(area + sizeof(ES_TRACE_AREA)) + processor % ((ES_TRACE_AREA *)area)->ringCount;

        record.tsc = interval || kind == EsTraceWaitBegin ? EsTraceMoment(kind, call->from, now) : now;
        record.object = object;
        record.caller = call->caller;
        record.argument = argument;
        record.process = process != 0 ? process : control->process;
        record.thread = ThreadId();
        record.status = status;
        record.duration = interval ? EsTraceDuration(call->from, now) : 0;
        record.kind = kind;
        record.processor = control->processorKnown ? processor : ES_TRACE_PROCESSOR_UNKNOWN;
        record.irql = (call->flags & ES_TRACE_FLAG_KERNEL) != 0 ? ES_TRACE_IRQL_UNKNOWN : 0;
        record.previous = previous;
        record.flags = (uint8_t)(call->flags | flags);
        Put(ring, (ES_TRACE_RECORD *)(area + ring->slotsOffset), &record, payload,
            bytes > ES_TRACE_MAX_PAYLOAD_BYTES ? ES_TRACE_MAX_PAYLOAD_BYTES : bytes);
    }
    (void)__atomic_fetch_sub(writers, 1, __ATOMIC_SEQ_CST);
}

/* Waits. */

static uint32_t WaitCount(ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    const uint32_t count = (uint32_t)Argument(frame, slot, EsTpCount);

    return count > MAXIMUM_WAIT_OBJECTS ? 0 : count; /* more is refused by the call */
}

static uint8_t WaitFlags(ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    const int all = Has(slot, EsTpWaitType) ? (uint32_t)Argument(frame, slot, EsTpWaitType) == 0
                                            : (uint32_t)Argument(frame, slot, EsTpWaitAll) != 0;

    return (uint8_t)((IsTrue(frame, slot, EsTpAlertable) ? ES_TRACE_FLAG_ALERTABLE : 0) |
                     (all ? ES_TRACE_FLAG_WAIT_ALL : 0));
}

static uint64_t WaitTimeout(ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    if (Has(slot, EsTpMilliseconds)) {
        const uint32_t milliseconds = (uint32_t)Argument(frame, slot, EsTpMilliseconds);

        return milliseconds == 0xFFFFFFFFu ? (uint64_t)ES_TRACE_NO_TIMEOUT : (uint64_t)(-(int64_t)milliseconds * 10000);
    }
    const int64_t *timeout = (const int64_t *)(uintptr_t)Argument(frame, slot, EsTpTimeout);

    return (uint64_t)(timeout == NULL ? ES_TRACE_NO_TIMEOUT : *timeout);
}

static void WaitBegins(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    const uint64_t timeout = WaitTimeout(frame, slot);
    const uint8_t flags = WaitFlags(frame, slot);

    if (Has(slot, EsTpList)) {
        const uint32_t count = WaitCount(frame, slot);
        const uint64_t *list = (const uint64_t *)(uintptr_t)Argument(frame, slot, EsTpList);

        Record(call, EsTraceWaitBegin, flags, count == 0 ? 0 : list[0], timeout, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0, list,
               count <= 1 ? 0 : count * 8);
    } else {
        Record(call, EsTraceWaitBegin, flags, Argument(frame, slot, EsTpObject), timeout, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0,
               NULL, 0);
    }
    if (Has(slot, EsTpSignal)) {
        Record(call, EsTraceSet, 0, Argument(frame, slot, EsTpSignal), 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
    }
}

static void WaitEnds(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const uint8_t flags = WaitFlags(frame, slot);
    uint64_t object = Argument(frame, slot, EsTpObject);

    if (Has(slot, EsTpList)) {
        const uint32_t count = WaitCount(frame, slot);
        const uint64_t *list = (const uint64_t *)(uintptr_t)Argument(frame, slot, EsTpList);
        const uint32_t result = (uint32_t)status;
        uint32_t index = 0;

        if ((flags & ES_TRACE_FLAG_WAIT_ALL) == 0) {
            index = result < count ? result : result >= 0x80 && result < 0x80 + count ? result - 0x80 : 0;
        }
        object = count == 0 ? 0 : list[index];
    }
    Record(call, EsTraceWaitEnd, flags, object, 0, status, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
}

/* Life cycle. */

/* Names of a thread's objects lie in its own memory: read when the call did not fail by their address. */
static uint32_t Name(ES_TP_FRAME *frame, const ES_TP_SLOT *slot, const void **text, uint16_t *wide)
{
    uint64_t at = Argument(frame, slot, EsTpWideName);
    uint32_t length = 0;

    *text = NULL;
    if (at != 0) {
        const uint16_t *name = (const uint16_t *)(uintptr_t)at;

        while (length < ES_TRACE_MAX_PAYLOAD_BYTES / 2 && name[length] != 0) {
            length++;
        }
        *text = name;
        return length * 2;
    }
    at = Argument(frame, slot, EsTpNarrowName);
    if (at != 0) {
        const uint8_t *name = (const uint8_t *)(uintptr_t)at;

        /* The system's code page is not known here: what is not ASCII is told as '?'. */
        while (length < ES_TRACE_MAX_PAYLOAD_BYTES / 2 && name[length] != 0) {
            wide[length] = name[length] < 0x80 ? name[length] : '?';
            length++;
        }
        *text = wide;
        return length * 2;
    }
    at = Argument(frame, slot, EsTpUnicodeName);
    if (at == 0) {
        at = Argument(frame, slot, EsTpAttributes);
        at = at == 0 ? 0 : *(const uint64_t *)(uintptr_t)(at + 16);
    }
    if (at != 0) {
        const UNICODE_TEXT *name = (const UNICODE_TEXT *)(uintptr_t)at;

        *text = name->buffer;
        return name->buffer == NULL ? 0u : name->length;
    }
    return 0;
}

static uint8_t MadeFlags(ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    int synchronization = 0;
    int set = IsTrue(frame, slot, EsTpInitialState);

    if (Has(slot, EsTpEventType)) {
        synchronization = (uint32_t)Argument(frame, slot, EsTpEventType) == 1;
    } else if (Has(slot, EsTpManualReset)) {
        synchronization = (uint32_t)Argument(frame, slot, EsTpManualReset) == 0;
    } else if (Has(slot, EsTpEventFlags)) {
        const uint32_t flags = (uint32_t)Argument(frame, slot, EsTpEventFlags);

        synchronization = (flags & 1u) == 0;
        set = (flags & 2u) != 0;
    } else if (Has(slot, EsTpTimerFlags)) {
        synchronization = ((uint32_t)Argument(frame, slot, EsTpTimerFlags) & 1u) == 0;
    }
    if (Has(slot, EsTpInitialCount)) {
        set = (int32_t)Argument(frame, slot, EsTpInitialCount) > 0;
    } else if (Has(slot, EsTpInitialOwner)) {
        set = !IsTrue(frame, slot, EsTpInitialOwner);
    } else if (Has(slot, EsTpMutexFlags)) {
        set = ((uint32_t)Argument(frame, slot, EsTpMutexFlags) & 1u) == 0;
    }
    return (uint8_t)((synchronization ? ES_TRACE_FLAG_SYNCHRONIZATION : 0) | (set ? ES_TRACE_FLAG_INITIALLY_SET : 0));
}

/* A pointer that the call has written through, as it succeeded. */
static uint64_t Written(ES_TP_FRAME *frame, const ES_TP_SLOT *slot, ES_TP_PARAMETER parameter)
{
    const uint64_t at = Argument(frame, slot, parameter);

    return at == 0 ? 0 : *(const uint64_t *)(uintptr_t)at;
}

static void Made(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const int opens = slot->kind == EsTraceOpen;
    const int win32 = (slot->flags & ES_TP_SLOT_WIN32) != 0;
    const int unreadable = status == STATUS_ACCESS_VIOLATION || status == (int32_t)(0xC0070000u | ERROR_NOACCESS);
    uint16_t wide[ES_TRACE_MAX_PAYLOAD_BYTES / 2];
    uint8_t flags = opens ? 0 : MadeFlags(frame, slot);
    uint64_t handle = 0;
    const void *text = NULL;
    uint32_t bytes;

    if (slot->returns == EsTpReturnObject) {
        flags |= ES_TRACE_FLAG_INITIALLY_SET; /* IoCreateNotificationEvent and its like */
    }
    if (status >= 0) {
        handle = slot->returns == EsTpReturnHandle ? frame->result : Written(frame, slot, EsTpNewHandle);
        if (win32 ? LastError() == ERROR_ALREADY_EXISTS : status == STATUS_OBJECT_NAME_EXISTS) {
            flags |= opens ? 0 : ES_TRACE_FLAG_EXISTED;
        }
    }
    bytes = unreadable ? 0 : Name(frame, slot, &text, wide);
    Record(call, slot->kind, flags, handle,
           opens ? EsTraceOpenArgument(slot->objectType, (uint32_t)Argument(frame, slot, EsTpAccess)) : slot->objectType, status,
           ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, text, bytes);
}

static int Recall(ES_TP_CONTROL *control, uint64_t handle, ES_TP_LINK *link);

/* Process of a handle to one; 0: not known. A handle that is good for duplication alone does not tell, but its opening did. */
static uint32_t ProcessOf(ES_TP_CONTROL *control, uint64_t process)
{
    typedef int32_t(ES_TP_ABI * QUERY)(uint64_t process, uint32_t what, void *out, uint32_t bytes, uint32_t *returned);
    uint64_t information[6];
    uint32_t returned = 0;
    ES_TP_LINK link;

    if (process == CURRENT_PROCESS) {
        return control->process;
    }
    if (Recall(control, process, &link) && link.process != 0 && link.source == 0) {
        return (uint32_t)link.process;
    }
    return ((QUERY)(uintptr_t)control->NtQueryInformationProcess)(process, 0, information, sizeof(information), &returned) < 0
               ? 0
               : (uint32_t)information[4];
}

static ES_TP_LINK *LinkOf(ES_TP_CONTROL *control, uint64_t handle)
{
    return &control->links[(handle >> 2) % ES_TP_LINKS];
}

/*
 * Where a kernel handle of this process came from, and where it led: the driver's handles of an application's object are closed soon,
 * and only here is it known that one of them was the application's. A lost link loses a join, nothing else.
 */
static void Remember(ES_TP_CONTROL *control, uint64_t handle, uint64_t object, uint64_t source, uint32_t process)
{
    ES_TP_LINK *link = LinkOf(control, handle);

    __atomic_store_n(&link->handle, 0, __ATOMIC_SEQ_CST);
    link->object = object;
    link->source = source;
    link->process = process;
    __atomic_store_n(&link->handle, handle, __ATOMIC_RELEASE);
}

static int Recall(ES_TP_CONTROL *control, uint64_t handle, ES_TP_LINK *link)
{
    const ES_TP_LINK *known = LinkOf(control, handle);

    if (handle == 0 || __atomic_load_n(&known->handle, __ATOMIC_ACQUIRE) != handle) {
        return 0;
    }
    *link = *known;
    return __atomic_load_n(&known->handle, __ATOMIC_ACQUIRE) == handle;
}

/* 1: this address was not seen before, and is now. When there is no room for it nothing is looked for. */
static int SeenFirst(ES_TP_CONTROL *control, uint64_t object)
{
    uint32_t attempt;

    for (attempt = 0; attempt < ES_TP_SEEN_TRIES; attempt++) {
        uint64_t *entry = &control->seen[((object >> 4) + attempt) % ES_TP_SEEN];
        const uint64_t seen = __atomic_load_n(entry, __ATOMIC_RELAXED);

        if (seen == object) {
            return 0;
        }
        if (seen == 0) {
            uint64_t expected = 0;

            if (__atomic_compare_exchange_n(entry, &expected, object, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
                return 1;
            }
            if (expected == object) {
                return 0;
            }
        }
    }
    return 0;
}

/* Whether a handle of another process leads to the object of one of ours. */
static int IsSameObject(const ES_TP_CONTROL *control, const ES_TP_KNOWN *known, uint64_t own)
{
    typedef int32_t(ES_TP_ABI * DUPLICATE)(uint64_t sourceProcess, uint64_t source, uint64_t targetProcess, uint64_t *target,
                                           uint32_t access, uint32_t attributes, uint32_t options);
    typedef int32_t(ES_TP_ABI * COMPARE)(uint64_t first, uint64_t second);
    typedef int32_t(ES_TP_ABI * CLOSE)(uint64_t handle);
    uint64_t copy = 0;
    int same;

    if (((DUPLICATE)(uintptr_t)control->NtDuplicateObject)(known->process, known->handle, CURRENT_PROCESS, &copy, 0, 0,
                                                           DUPLICATE_SAME_ACCESS) < 0) {
        return 0;
    }
    same = ((COMPARE)(uintptr_t)control->NtCompareObjects)(copy, own) == 0;
    (void)((CLOSE)(uintptr_t)control->NtClose)(copy);
    return same;
}

/* The path of a named object; returns its bytes. */
static uint32_t PathOf(const ES_TP_CONTROL *control, uint64_t handle, UNICODE_TEXT *information, uint32_t bytes)
{
    typedef int32_t(ES_TP_ABI * QUERY)(uint64_t handle, uint32_t what, void *out, uint32_t bytes, uint32_t *returned);
    uint32_t returned = 0;

    information->length = 0;
    information->buffer = NULL;
    if (((QUERY)(uintptr_t)control->NtQueryObject)(handle, OBJECT_NAME_INFORMATION, information, bytes, &returned) < 0 ||
        information->buffer == NULL) {
        return 0;
    }
    return information->length;
}

/*
 * A driver comes with the address of an object that it knew before the recording: which of the applications' handles lead there, and what
 * it is called, is asked once. An object in the driver's own memory cannot be opened, and nobody else has a handle to it.
 */
static void Recognize(const CALL *call, uint64_t object)
{
    typedef int32_t(ES_TP_ABI * OPEN)(uint64_t object, uint32_t attributes, void *state, uint32_t access, void *type, uint32_t mode,
                                      uint64_t *handle);
    typedef int32_t(ES_TP_ABI * CLOSE)(uint64_t handle);
    ES_TP_CONTROL *control = call->control;
    const ES_TP_KNOWN *known = (const ES_TP_KNOWN *)(uintptr_t)control->known;
    struct {
        UNICODE_TEXT name;
        uint8_t text[ES_TRACE_MAX_PAYLOAD_BYTES];
    } information;
    uint64_t handle = 0;
    uint32_t index, bytes;

    if (object == 0 || !SeenFirst(control, object) || control->ObOpenObjectByPointer == 0 ||
        ((OPEN)(uintptr_t)control->ObOpenObjectByPointer)(object, OBJ_KERNEL_HANDLE, NULL, 0, NULL, 0, &handle) < 0) {
        return;
    }
    bytes = PathOf(control, handle, &information.name, sizeof(information));
    if (bytes != 0) {
        Record(call, EsTraceName, 0, object, 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, 0, information.name.buffer, bytes);
    }
    for (index = 0; index < control->knownCount && control->NtCompareObjects != 0; index++) {
        if (IsSameObject(control, &known[index], handle)) {
            Record(call, EsTraceReference, ES_TRACE_FLAG_EXISTED, object, known[index].handle, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0,
                   (uint32_t)known[index].processId, NULL, 0);
        }
    }
    (void)((CLOSE)(uintptr_t)control->NtClose)(handle);
}

/* The addresses that a driver's call names. */
static void RecognizeAll(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    if (Has(slot, EsTpList)) {
        const uint32_t count = WaitCount(frame, slot);
        const uint64_t *list = (const uint64_t *)(uintptr_t)Argument(frame, slot, EsTpList);
        uint32_t index;

        for (index = 0; index < count; index++) {
            Recognize(call, list[index]);
        }
    } else {
        Recognize(call, Argument(frame, slot, EsTpObject));
    }
}

/* Calls that operate on a dispatcher object by its address. */
ES_TRACE_INLINE int NamesDriversObject(const ES_TP_SLOT *slot)
{
    return (slot->recordFlags & (ES_TRACE_FLAG_KERNEL | ES_TRACE_FLAG_OBJECT_IS_HANDLE)) == ES_TRACE_FLAG_KERNEL &&
           (slot->kind == EsTraceSet || slot->kind == EsTracePulse || slot->kind == EsTraceReset ||
            slot->kind == EsTraceRelease || slot->kind == EsTraceWaitBegin);
}

static void Referenced(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const uint64_t handle = Argument(frame, slot, EsTpObject);
    const uint64_t object = status >= 0 ? Written(frame, slot, EsTpNewObject) : 0;
    ES_TP_LINK link;

    if (!Has(slot, EsTpNewObject)) { /* a reference by pointer */
        Record(call, EsTraceReference, 0, handle, 0, 0, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
        return;
    }
    Record(call, EsTraceReference, 0, object, handle, status, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
    if (object == 0) {
        return;
    }
    (void)SeenFirst(call->control, object);
    if (Recall(call->control, handle, &link) && link.source != 0) {
        Record(call, EsTraceReference, 0, object, link.source, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, (uint32_t)link.process, NULL, 0);
    }
    Remember(call->control, handle, object, 0, 0);
}

static void Duplicated(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const uint64_t source = Argument(frame, slot, EsTpObject);
    const uint64_t made = status >= 0 ? Written(frame, slot, EsTpNewHandle) : 0;
    ES_TP_LINK link;
    uint32_t from, to;

    if (!Has(slot, EsTpSourceProcess)) { /* ObOpenObjectByPointer */
        Record(call, EsTraceDuplicate, 0, source, made, status, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
        return;
    }
    from = ProcessOf(call->control, Argument(frame, slot, EsTpSourceProcess));
    to = ProcessOf(call->control, Argument(frame, slot, EsTpTargetProcess));
    if (from == to || (call->flags & ES_TRACE_FLAG_KERNEL) == 0) {
        if (from == call->control->process) {
            Record(call, EsTraceDuplicate, (call->flags & ES_TRACE_FLAG_KERNEL) != 0 ? ES_TRACE_FLAG_OBJECT_IS_HANDLE : 0, source,
                   made, status, ES_TRACE_PREVIOUS_UNKNOWN, 1, to, NULL, 0);
        }
    } else if (made != 0 && to == call->control->process) {
        Remember(call->control, made, 0, source, from);
    } else if (made != 0 && from == call->control->process && Recall(call->control, source, &link) && link.object != 0) {
        Record(call, EsTraceDuplicate, 0, link.object, made, 0, ES_TRACE_PREVIOUS_UNKNOWN, 0, to, NULL, 0);
    }
}

static void Closed(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const uint64_t handle = Argument(frame, slot, EsTpObject);
    ES_TP_LINK *link = LinkOf(call->control, handle);

    if (status >= 0 && __atomic_load_n(&link->handle, __ATOMIC_ACQUIRE) == handle) {
        __atomic_store_n(&link->handle, 0, __ATOMIC_RELEASE);
    }
    Record(call, EsTraceClose, 0, handle, 0, status, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
}

/* The others: an object, a state before, an amount. */
static void Changed(const CALL *call, ES_TP_FRAME *frame, const ES_TP_SLOT *slot, int32_t status)
{
    const uint64_t object = Argument(frame, slot, EsTpObject);
    uint8_t previous = ES_TRACE_PREVIOUS_UNKNOWN;
    uint64_t argument = 0;

    if (slot->returns == EsTpReturnPrevious) {
        previous = EsTracePrevious((int32_t)frame->result);
    } else if (slot->returns == EsTpReturnQueued) {
        previous = (uint8_t)frame->result != 0;
    } else if (Has(slot, EsTpPrevious) && status >= 0) {
        const uint64_t at = Argument(frame, slot, EsTpPrevious);

        /* Of timers a BOOLEAN, of all others a LONG. */
        previous = slot->objectType == EsTraceObjectTimer ? (*(const uint8_t *)(uintptr_t)at != 0)
                                                          : EsTracePrevious(*(const int32_t *)(uintptr_t)at);
    }
    if (slot->kind == EsTraceRelease) {
        argument = Has(slot, EsTpAdjustment) ? (uint64_t)(int64_t)(int32_t)Argument(frame, slot, EsTpAdjustment) : 1;
    } else if (slot->kind == EsTraceInitialize) {
        (void)SeenFirst(call->control, object);
        Record(call, EsTraceInitialize, MadeFlags(frame, slot), object, slot->objectType, 0, previous, 1, 0, NULL, 0);
        return;
    } else if (slot->kind == EsTraceTimerSet) {
        if (status >= 0) {
            argument = Has(slot, EsTpDueTime) ? Argument(frame, slot, EsTpDueTime) : Written(frame, slot, EsTpDueTimePointer);
            status = (int32_t)Argument(frame, slot, EsTpPeriod);
        } else {
            status = 0;
        }
    }
    Record(call, slot->kind, 0, object, argument, status, previous, 1, 0, NULL, 0);
}

/* Wrappers that call one another, at most. */
#define MAX_WRAPPERS 4u

/* The return address of the call, or that of the wrapper that made it. stack: where the caller's RSP was at its call. */
static uint64_t Caller(const ES_TP_CONTROL *control, uint64_t address, const uint8_t *stack)
{
    const ES_TP_WRAPPER *wrappers = (const ES_TP_WRAPPER *)(uintptr_t)control->wrappers;
    uint32_t depth;

    for (depth = 0; depth < MAX_WRAPPERS; depth++) {
        uint32_t low = 0, high = control->wrapperCount;

        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;

            if (address > wrappers[middle].to) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == control->wrapperCount || address <= wrappers[low].from) {
            break;
        }
        address = *(const uint64_t *)(stack + wrappers[low].frame);
        stack += wrappers[low].frame + sizeof(uint64_t);
    }
    return address;
}

static uint64_t CallerOf(const ES_TP_CONTROL *control, const ES_TP_FRAME *frame)
{
    return Caller(control, frame->returnAddress, (const uint8_t *)frame->callerHome);
}

/* Returns the call's target. */
ES_TP_ABI uint64_t EsTpEnter(ES_TP_FRAME *frame)
{
    const ES_TP_SLOT *slot = (const ES_TP_SLOT *)(uintptr_t)frame->slot;
    ES_TP_CONTROL *control = (ES_TP_CONTROL *)(uintptr_t)slot->control;
    uint32_t index;

    for (index = 0; index < slot->stackArguments; index++) {
        *(volatile uint64_t *)&frame->stack[index] = frame->callerStack[index]; /* volatile: no call to memcpy */
    }
    frame->from = 0;
    if (*(volatile uint32_t *)&control->enabled != 0) {
        if (NamesDriversObject(slot)) {
            /* What is told of an object then is no call of the program's. */
            const CALL call = {control, 0, 0, slot->recordFlags};

            RecognizeAll(&call, frame, slot);
        }
        frame->from = ES_TRACE_READ_TSC();
        /* With Wait = TRUE the dispatcher is still locked until the wait that follows: nothing may come between. */
        if (Has(slot, EsTpWaitFollows) && (uint8_t)Argument(frame, slot, EsTpWaitFollows) != 0) {
            frame->from = 0;
        } else if (slot->kind == EsTraceWaitBegin) {
            const CALL call = {control, frame->from, CallerOf(control, frame), slot->recordFlags};

            WaitBegins(&call, frame, slot);
        } else if (slot->kind == EsTraceComplete) {
            /* The request is gone when the call returns. IRP of x64: IoStatus at 30h, UserEvent at 50h. */
            const uint64_t irp = Argument(frame, slot, EsTpObject);

            frame->status = *(const int32_t *)(uintptr_t)(irp + 0x30);
            if (*(const uint64_t *)(uintptr_t)(irp + 0x50) == 0) {
                frame->from = 0;
            }
        } else if (Has(slot, EsTpPrevious) && Argument(frame, slot, EsTpPrevious) == 0) {
            frame->previous = -1;
            *Place(frame, slot, EsTpPrevious) = (uint64_t)(uintptr_t)&frame->previous;
        }
    }
    return slot->target;
}

static int32_t StatusOf(const ES_TP_FRAME *frame, const ES_TP_SLOT *slot)
{
    const int32_t win32 = (int32_t)(0xC0070000u | (LastError() & 0xFFFFu));

    switch (slot->returns) {
    case EsTpReturnStatus:
        return (int32_t)frame->result;
    case EsTpReturnWin32Wait:
        return (uint32_t)frame->result == 0xFFFFFFFFu ? win32 : (int32_t)frame->result;
    case EsTpReturnBool:
        return (uint32_t)frame->result != 0 ? 0 : win32;
    case EsTpReturnHandle:
        return frame->result != 0 ? 0 : win32;
    case EsTpReturnObject:
        return frame->result != 0 ? 0 : STATUS_UNSUCCESSFUL;
    default:
        return 0;
    }
}

ES_TP_ABI void EsTpLeave(ES_TP_FRAME *frame)
{
    const ES_TP_SLOT *slot = (const ES_TP_SLOT *)(uintptr_t)frame->slot;
    ES_TP_CONTROL *control = (ES_TP_CONTROL *)(uintptr_t)slot->control;
    CALL call = {control, frame->from, 0, slot->recordFlags};
    int32_t status;

    if (frame->from == 0) {
        return;
    }
    call.caller = CallerOf(control, frame);
    status = StatusOf(frame, slot);
    switch (slot->kind) {
    case EsTraceWaitBegin:
        WaitEnds(&call, frame, slot, status);
        break;
    case EsTraceCreate:
    case EsTraceOpen:
        if (Has(slot, EsTpClientId)) { /* for the joins alone: processes are no objects of a trace */
            if (status >= 0) {
                Remember(call.control, Written(frame, slot, EsTpNewHandle), 0, 0, (uint32_t)Written(frame, slot, EsTpClientId));
            }
            break;
        }
        Made(&call, frame, slot, status);
        if (slot->returns == EsTpReturnObject && status >= 0) {
            const CALL join = {call.control, call.from, call.caller, (uint8_t)(call.flags & ~ES_TRACE_FLAG_OBJECT_IS_HANDLE)};

            (void)SeenFirst(call.control, frame->result);
            Record(&join, EsTraceReference, 0, frame->result, Written(frame, slot, EsTpNewHandle), 0, ES_TRACE_PREVIOUS_UNKNOWN, 1,
                   0, NULL, 0);
        }
        break;
    case EsTraceReference:
        Referenced(&call, frame, slot, status);
        break;
    case EsTraceDuplicate:
        Duplicated(&call, frame, slot, status);
        break;
    case EsTraceClose:
        Closed(&call, frame, slot, status);
        break;
    case EsTraceComplete:
        Record(&call, EsTraceComplete, 0, Argument(frame, slot, EsTpObject), 0, frame->status, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0,
               NULL, 0);
        break;
    default:
        Changed(&call, frame, slot, status);
        break;
    }
}

/*
 * The watcher: a thread of its own, which points the import slots at the thunks, and puts them back when it is told to or when the agent
 * is gone, however it went. Code and thunks stay for as long as the process lives: compilers keep an import's address in a register
 * over a loop, so a thread may call a thunk long after its slot was put back, and a wait inside may last for ever.
 */

static void Calibrate(ES_TP_CONTROL *control)
{
    typedef int32_t(ES_TP_ABI * COUNTER)(int64_t *counter, int64_t *frequency);
    typedef int32_t(ES_TP_ABI * TIME)(int64_t *time);
    int64_t counter = 0, frequency = 0, utc = 0;
    CALL call = {control, 0, 0, 0};
    const uint64_t before = ES_TRACE_READ_TSC();
    uint64_t after;

    (void)((COUNTER)(uintptr_t)control->NtQueryPerformanceCounter)(&counter, &frequency);
    (void)((TIME)(uintptr_t)control->NtQuerySystemTime)(&utc);
    after = ES_TRACE_READ_TSC();
    /* The record's time is now, a few hundred ticks behind the middle of the reading; `from` puts it there. */
    call.from = before + (after - before) / 2;
    call.caller = (uint64_t)frequency;
    Record(&call, EsTraceCalibration, 0, (uint64_t)utc, (uint64_t)counter, 0, ES_TRACE_PREVIOUS_UNKNOWN, 1, 0, NULL, 0);
}

/*
 * Points an import slot from one function to another, in one store that no caller sees half of. 0: it could not be, as a module that
 * was unloaded took its slots along, or it held something else, which is then left alone.
 */
static int Exchange(const ES_TP_CONTROL *control, uint64_t importSlot, uint64_t from, uint64_t to)
{
    typedef int32_t(ES_TP_ABI * PROTECT)(uint64_t process, uint64_t *address, uint64_t *bytes, uint32_t protection, uint32_t *old);
    const PROTECT protect = (PROTECT)(uintptr_t)control->NtProtectVirtualMemory;
    uint64_t address = importSlot;
    uint64_t bytes = 8;
    uint32_t old = 0;
    int done;

    /* PAGE_EXECUTE_READWRITE: some linkers put import slots beside code, where threads run meanwhile. */
    if (protect(CURRENT_PROCESS, &address, &bytes, 0x40, &old) < 0) {
        return 0;
    }
    done = ES_TRACE_CAS64((uint64_t *)(uintptr_t)importSlot, from, to);
    (void)protect(CURRENT_PROCESS, &address, &bytes, old, &old);
    return done;
}

typedef int32_t(ES_TP_ABI * DELAY)(uint32_t alertable, const int64_t *interval);

/* Takes the area out of this process when no thread writes there any more; after a second it stays, as a thread was ended in there. */
static uint32_t Unmap(ES_TP_CONTROL *control)
{
    typedef int32_t(ES_TP_ABI * UNMAP)(uint64_t process, uint64_t address);
    const int64_t interval = -100000; /* 10 ms */
    uint32_t attempt, index;

    for (attempt = 0; attempt < 100; attempt++) {
        uint64_t writers = 0;

        for (index = 0; index < ES_TP_MAX_RINGS; index++) {
            writers += __atomic_load_n(&control->writers[index].count, __ATOMIC_SEQ_CST);
        }
        if (writers == 0) {
            return ((UNMAP)(uintptr_t)control->NtUnmapViewOfSection)(CURRENT_PROCESS, control->area) >= 0;
        }
        (void)((DELAY)(uintptr_t)control->NtDelayExecution)(0, &interval);
    }
    return 0;
}

ES_TP_EXPORT ES_TP_ABI uint32_t EsTpWatch(ES_TP_CONTROL *control)
{
    typedef int32_t(ES_TP_ABI * WAIT)(uint32_t count, const uint64_t *handles, uint32_t type, uint32_t alertable,
                                      const int64_t *timeout);
    typedef uint8_t(ES_TP_ABI * ADD)(uint64_t functions, uint32_t count, uint64_t base);
    typedef int32_t(ES_TP_ABI * CLOSE)(uint64_t handle);
    const ES_TP_SLOT *slots = (const ES_TP_SLOT *)(uintptr_t)control->slots;
    const ES_TP_KNOWN *known = (const ES_TP_KNOWN *)(uintptr_t)control->known;
    const uint64_t handles[2] = {control->stop, control->agent};
    const int64_t second = -10000000;
    const int64_t apart = -200000; /* 20 ms */
    uint32_t index;

    if (control->functionCount != 0) {
        (void)((ADD)(uintptr_t)control->RtlAddFunctionTable)(control->functions, control->functionCount, control->image);
    }
    control->startTicks = ES_TRACE_READ_TSC();
    /* Two readings make a clock, however soon the process ends. */
    Calibrate(control);
    (void)((DELAY)(uintptr_t)control->NtDelayExecution)(0, &apart);
    Calibrate(control);
    for (index = 0; index < control->slotCount; index++) {
        control->installed += (uint32_t)Exchange(control, slots[index].importSlot, slots[index].target, slots[index].thunk);
    }
    __atomic_store_n(&control->state, EsTpReady, __ATOMIC_RELEASE);
    /* The clocks drift: a reading each second, as the rings of a program have. */
    while (((WAIT)(uintptr_t)control->NtWaitForMultipleObjects)(2, handles, 1, 0, &second) == STATUS_WAIT_TIMEOUT) {
        Calibrate(control);
    }
    for (index = 0; index < control->slotCount; index++) {
        control->restored += (uint32_t)Exchange(control, slots[index].importSlot, slots[index].thunk, slots[index].target);
    }
    Calibrate(control);
    __atomic_store_n(&control->enabled, 0, __ATOMIC_SEQ_CST);
    control->unmapped = Unmap(control);
    for (index = 0; index < control->knownCount; index++) {
        if (index == 0 || known[index].process != known[index - 1].process) {
            (void)((CLOSE)(uintptr_t)control->NtClose)(known[index].process);
        }
    }
    (void)((CLOSE)(uintptr_t)control->NtClose)(control->stop);
    (void)((CLOSE)(uintptr_t)control->NtClose)(control->agent);
    __atomic_store_n(&control->state, EsTpRestored, __ATOMIC_RELEASE);
    return 0;
}
