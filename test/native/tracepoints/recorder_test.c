/*
 * recorder_test.c - the recorder of import tracepoints on this machine: the same C, called through thunks as a program calls
 * through an import slot (with x64's Windows calling convention), against functions of our own.
 *
 * Prints what went wrong and returns 1; "ok" and the cost of a recorded call otherwise.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../../../driver/tracepoints/recorder.c"

#define RINGS 4u
#define SLOTS_PER_RING 65536u
#define THREADS 16
#define CALLS 20000
#define ABI __attribute__((ms_abi))

static __thread uint32_t lastError;

uint32_t ThreadId(void)
{
    static __thread uint32_t id;

    if (id == 0) {
        id = (uint32_t)syscall(SYS_gettid);
    }
    return id;
}

uint32_t LastError(void)
{
    return lastError;
}

void EsTpCommon(void);

static ES_TP_CONTROL *control;
static uint8_t *area;
static int failures;

#define EXPECT(condition)                                              \
    do {                                                               \
        if (!(condition)) {                                            \
            fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #condition); \
            __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);        \
        }                                                              \
    } while (0)

static ES_TRACE_RING *RingAt(uint32_t index)
{
    return (ES_TRACE_RING *)(area + sizeof(ES_TRACE_AREA)) + index;
}

static void MakeArea(void)
{
    const size_t bytes = sizeof(ES_TRACE_AREA) + RINGS * (sizeof(ES_TRACE_RING) + SLOTS_PER_RING * 64u);
    uint32_t index;

    area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ((ES_TRACE_AREA *)area)->ringCount = RINGS;
    for (index = 0; index < RINGS; index++) {
        RingAt(index)->capacity = SLOTS_PER_RING;
        RingAt(index)->slotsOffset = sizeof(ES_TRACE_AREA) + RINGS * sizeof(ES_TRACE_RING) + (uint64_t)index * SLOTS_PER_RING * 64u;
    }
    control = aligned_alloc(64, sizeof(ES_TP_CONTROL));
    memset(control, 0, sizeof(*control));
    control->useRdtscp = 1;
    control->processorKnown = 1;
    control->process = 77;
    control->area = (uint64_t)(uintptr_t)area;
    control->enabled = 1;
}

static void Empty(void)
{
    uint32_t index;

    for (index = 0; index < RINGS; index++) {
        RingAt(index)->tail = RingAt(index)->head;
        RingAt(index)->cachedTail = RingAt(index)->head;
    }
}

/* The next record of any ring, and its continuation; NULL when there is none. */
static ES_TRACE_RECORD *Next(void)
{
    uint32_t index;

    for (index = 0; index < RINGS; index++) {
        ES_TRACE_RING *ring = RingAt(index);

        if (ring->tail != ring->head) {
            ES_TRACE_RECORD *record = (ES_TRACE_RECORD *)(area + ring->slotsOffset) + ring->tail % SLOTS_PER_RING;

            EXPECT(record->sequence == (uint32_t)(ring->tail + 1));
            ring->tail += record->slots;
            return record;
        }
    }
    return NULL;
}

static ES_TP_SLOT *NewSlot(uint16_t kind, uint8_t returns, void *target, uint8_t stackArguments)
{
    ES_TP_SLOT *slot = aligned_alloc(64, sizeof(ES_TP_SLOT));

    memset(slot, 0, sizeof(*slot));
    memset(slot->at, ES_TP_NONE, sizeof(slot->at));
    slot->kind = kind;
    slot->returns = returns;
    slot->target = (uint64_t)(uintptr_t)target;
    slot->control = (uint64_t)(uintptr_t)control;
    slot->stackArguments = stackArguments;
    return slot;
}

/* As agent/tracepoint-slots.ts writes it. */
static void *Thunk(const ES_TP_SLOT *slot)
{
    static uint8_t *next;
    uint8_t *code;

    if (next == NULL) {
        /* Near the code, which is linked without -pie. */
        next = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    }
    code = next;
    next += 16;
    code[0] = 0x49;
    code[1] = 0xBB;
    memcpy(code + 2, &slot, 8);
    {
        const int32_t distance = (int32_t)((intptr_t)EsTpCommon - (intptr_t)(code + 15));

        code[10] = 0xE9;
        memcpy(code + 11, &distance, 4);
    }
    return code;
}

/* Twelve arguments, four in registers; a result in RAX. */
typedef ABI uint64_t TWELVE(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t);

static ABI uint64_t Twelve(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
                           uint64_t i, uint64_t j, uint64_t k, uint64_t l)
{
    EXPECT(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9 && j == 10 && k == 11 && l == 12);
    return 0xFEDCBA9876543210ull;
}

static void ArgumentsAndResult(void)
{
    ES_TP_SLOT *slot = NewSlot(EsTraceSet, EsTpReturnNone, (void *)Twelve, 8);
    TWELVE *call;

    slot->at[EsTpObject] = 0;
    call = (TWELVE *)Thunk(slot);
    EXPECT(call(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) == 0xFEDCBA9876543210ull);
    EXPECT(Next()->object == 1);
    EXPECT(Next() == NULL);
}

/* Floating point in XMM0 to XMM3, and back in XMM0. */
typedef ABI double FLOATS(double, double, double, double);

static ABI double Floats(double a, double b, double c, double d)
{
    return a * 1000 + b * 100 + c * 10 + d;
}

static void FloatingPoint(void)
{
    FLOATS *call = (FLOATS *)Thunk(NewSlot(EsTraceSet, EsTpReturnNone, (void *)Floats, 0));

    EXPECT(call(1, 2, 3, 4) == 1234.0);
    EXPECT(Next() != NULL);
}

typedef ABI int32_t SET(uint64_t handle, int32_t *previous);

static ABI int32_t SetWithPrevious(uint64_t handle, int32_t *previous)
{
    EXPECT(handle == 0x44);
    if (previous == NULL) {
        return 1;
    }
    *previous = 1;
    return 0;
}

/* A caller that does not want the state before: the recorder does. */
static void StateBefore(void)
{
    ES_TP_SLOT *slot = NewSlot(EsTraceSet, EsTpReturnStatus, (void *)SetWithPrevious, 0);
    ES_TRACE_RECORD *record;
    int32_t previous = -5;
    SET *call;

    slot->at[EsTpObject] = 0;
    slot->at[EsTpPrevious] = 1;
    call = (SET *)Thunk(slot);
    EXPECT(call(0x44, NULL) == 0);
    record = Next();
    EXPECT(record->kind == EsTraceSet && record->object == 0x44 && record->previous == 1 && record->status == 0);
    EXPECT(record->process == 77 && record->thread == ThreadId());
    EXPECT(call(0x44, &previous) == 0 && previous == 1);
    EXPECT(Next()->previous == 1);
    control->enabled = 0;
    EXPECT(call(0x44, NULL) == 1); /* not recorded: the call is as the caller made it */
    control->enabled = 1;
    EXPECT(Next() == NULL);
}

typedef ABI uint32_t WAIT_MANY(uint32_t count, const uint64_t *handles, int32_t all, uint32_t milliseconds, int32_t alertable);

static ABI uint32_t WaitMany(uint32_t count, const uint64_t *handles, int32_t all, uint32_t milliseconds, int32_t alertable)
{
    (void)all;
    (void)milliseconds;
    EXPECT(alertable == 1);
    lastError = 6;
    return handles[0] == 0 ? 0xFFFFFFFFu : count - 1;
}

static void Wait(void)
{
    static const uint64_t handles[3] = {0x10, 0x14, 0x18};
    static const uint64_t none[1] = {0};
    ES_TP_SLOT *slot = NewSlot(EsTraceWaitBegin, EsTpReturnWin32Wait, (void *)WaitMany, 1);
    ES_TRACE_RECORD *record;
    const uint64_t *list;
    WAIT_MANY *call;

    slot->flags = ES_TP_SLOT_WIN32;
    slot->at[EsTpCount] = 0;
    slot->at[EsTpList] = 1;
    slot->at[EsTpWaitAll] = 2;
    slot->at[EsTpMilliseconds] = 3;
    slot->at[EsTpAlertable] = 4;
    call = (WAIT_MANY *)Thunk(slot);
    EXPECT(call(3, handles, 0, 250, 1) == 2);
    record = Next();
    list = (const uint64_t *)(record + 1);
    EXPECT(record->kind == EsTraceWaitBegin && record->slots == 2 && record->flags == ES_TRACE_FLAG_ALERTABLE);
    EXPECT((int64_t)record->argument == -2500000 && list[0] == 0x10 && list[2] == 0x18);
    record = Next();
    EXPECT(record->kind == EsTraceWaitEnd && record->object == 0x18 && record->status == 2);
    EXPECT(call(1, none, 0, 0xFFFFFFFFu, 1) == 0xFFFFFFFFu);
    EXPECT((int64_t)Next()->argument == ES_TRACE_NO_TIMEOUT);
    EXPECT(Next()->status == (int32_t)0xC0070006);
}

typedef ABI uint64_t CREATE(void *security, int32_t manual, int32_t initial, const uint16_t *name);

static ABI uint64_t Create(void *security, int32_t manual, int32_t initial, const uint16_t *name)
{
    (void)security;
    (void)manual;
    (void)initial;
    lastError = name == NULL ? 0 : 183;
    return 0x60;
}

static void Names(void)
{
    static const uint16_t name[] = u"Global\\Shared";
    ES_TP_SLOT *slot = NewSlot(EsTraceCreate, EsTpReturnHandle, (void *)Create, 0);
    ES_TRACE_RECORD *record;
    CREATE *call;

    slot->flags = ES_TP_SLOT_WIN32;
    slot->objectType = EsTraceObjectEvent;
    slot->at[EsTpManualReset] = 1;
    slot->at[EsTpInitialState] = 2;
    slot->at[EsTpWideName] = 3;
    call = (CREATE *)Thunk(slot);
    EXPECT(call(NULL, 0, 1, name) == 0x60);
    record = Next();
    EXPECT(record->kind == EsTraceCreate && record->object == 0x60 && record->argument == EsTraceObjectEvent);
    EXPECT(record->flags == (ES_TRACE_FLAG_SYNCHRONIZATION | ES_TRACE_FLAG_INITIALLY_SET | ES_TRACE_FLAG_EXISTED));
    EXPECT(memcmp(record + 1, name, sizeof(name) - 2) == 0);
    EXPECT(call(NULL, 1, 0, NULL) == 0x60);
    record = Next();
    EXPECT(record->slots == 1 && record->flags == 0);
}

/* A call inside a recorded call, of the same thunk: frames are on the stack, nothing is shared. */
static SET *inner;

static ABI int32_t CallsItself(uint64_t handle, int32_t *previous)
{
    *previous = (int32_t)handle;
    return handle == 0 ? 0 : inner(handle - 1, NULL);
}

static void Reentrance(void)
{
    ES_TP_SLOT *slot = NewSlot(EsTraceSet, EsTpReturnStatus, (void *)CallsItself, 0);
    uint64_t handle;

    slot->at[EsTpObject] = 0;
    slot->at[EsTpPrevious] = 1;
    inner = (SET *)Thunk(slot);
    EXPECT(inner(5, NULL) == 0);
    for (handle = 0; handle <= 5; handle++) {
        ES_TRACE_RECORD *record = Next();

        EXPECT(record != NULL && record->object == handle && record->previous == handle);
    }
}

/* A driver's detour: an application's handle is duplicated, referenced by the duplicate, closed. */
typedef ABI int32_t DUPLICATE(uint64_t from, uint64_t handle, uint64_t to, uint64_t *made);
typedef ABI int32_t REFERENCE(uint64_t handle, uint64_t *object);

static ABI int32_t Duplicate(uint64_t from, uint64_t handle, uint64_t to, uint64_t *made)
{
    (void)from;
    (void)handle;
    (void)to;
    *made = 0x30;
    return 0;
}

static ABI int32_t Reference(uint64_t handle, uint64_t *object)
{
    (void)handle;
    *object = 0xFFFF800012345678ull;
    return 0;
}

static ABI int32_t QueryProcess(uint64_t process, uint32_t what, void *out, uint32_t bytes, uint32_t *returned)
{
    (void)what;
    (void)bytes;
    *returned = 48;
    ((uint64_t *)out)[4] = process == 0x90 ? 1234 : 0;
    return 0;
}

static void Joins(void)
{
    ES_TP_SLOT *duplicate = NewSlot(EsTraceDuplicate, EsTpReturnStatus, (void *)Duplicate, 0);
    ES_TP_SLOT *reference = NewSlot(EsTraceReference, EsTpReturnStatus, (void *)Reference, 0);
    uint64_t made = 0, object = 0;
    ES_TRACE_RECORD *record;

    control->NtQueryInformationProcess = (uint64_t)(uintptr_t)QueryProcess;
    duplicate->recordFlags = reference->recordFlags = ES_TRACE_FLAG_KERNEL;
    duplicate->at[EsTpSourceProcess] = 0;
    duplicate->at[EsTpObject] = 1;
    duplicate->at[EsTpTargetProcess] = 2;
    duplicate->at[EsTpNewHandle] = 3;
    reference->at[EsTpObject] = 0;
    reference->at[EsTpNewObject] = 1;
    EXPECT(((DUPLICATE *)Thunk(duplicate))(0x90, 0x64, ~0ull, &made) == 0 && made == 0x30);
    EXPECT(Next() == NULL);
    EXPECT(((REFERENCE *)Thunk(reference))(0x30, &object) == 0);
    record = Next();
    EXPECT(record->kind == EsTraceReference && record->object == object && record->argument == 0x30 && record->process == 77);
    record = Next();
    EXPECT(record->kind == EsTraceReference && record->object == object && record->argument == 0x64 && record->process == 1234);
    /* And the other way: the application is given a handle of what the driver knows by address. */
    EXPECT(((DUPLICATE *)Thunk(duplicate))(~0ull, 0x30, 0x90, &made) == 0);
    record = Next();
    EXPECT(record->kind == EsTraceDuplicate && record->object == object && record->process == 1234);
}

static SET *hot;

/* The driver knew an object before the recording: who else has a handle to it is asked once, and nothing is left open. */
#define KNOWN_OBJECT 0x348EC0u
static int opened, closed;

static ABI int32_t OpenByPointer(uint64_t object, uint32_t attributes, void *state, uint32_t access, void *type, uint32_t mode,
                                 uint64_t *handle)
{
    EXPECT(attributes == 0x200 && state == NULL && access == 0 && type == NULL && mode == 0);
    if (object != KNOWN_OBJECT) {
        return (int32_t)0xC0000008;
    }
    opened++;
    *handle = 0x90;
    return 0;
}

static ABI int32_t DuplicateKnown(uint64_t process, uint64_t handle, uint64_t to, uint64_t *made, uint32_t access,
                                  uint32_t attributes, uint32_t options)
{
    EXPECT(process == 0x70 && to == ~0ull && access == 0 && attributes == 0 && options == 2);
    opened++;
    *made = handle + 0x100;
    return 0;
}

static ABI int32_t Compare(uint64_t first, uint64_t second)
{
    EXPECT(second == 0x90);
    return first == 0x128 ? 0 : (int32_t)0xC00001AC;
}

static ABI int32_t QueryName(uint64_t handle, uint32_t what, void *out, uint32_t bytes, uint32_t *returned)
{
    static const uint16_t name[] = u"\\BaseNamedObjects\\Late";
    struct {
        uint16_t length, maximumLength;
        const uint16_t *buffer;
    } text = {sizeof(name) - 2, sizeof(name) - 2, name};

    EXPECT(handle == 0x90 && what == 1 && bytes >= 16);
    *returned = 16;
    memcpy(out, &text, sizeof(text));
    return 0;
}

static ABI int32_t CloseKnown(uint64_t handle)
{
    EXPECT(handle == 0x90 || handle == 0x124 || handle == 0x128);
    closed++;
    return 0;
}

static ABI int32_t SetByAddress(uint64_t object)
{
    (void)object;
    return 0;
}

static void KnownBefore(void)
{
    static const ES_TP_KNOWN known[2] = {{0x70, 0x24, 55}, {0x70, 0x28, 55}};
    ES_TP_SLOT *slot = NewSlot(EsTraceSet, EsTpReturnPrevious, (void *)SetByAddress, 0);
    typedef ABI int32_t SET_BY_ADDRESS(uint64_t object);
    const ES_TRACE_RECORD *record;
    SET_BY_ADDRESS *call;

    control->ObOpenObjectByPointer = (uint64_t)(uintptr_t)OpenByPointer;
    control->NtDuplicateObject = (uint64_t)(uintptr_t)DuplicateKnown;
    control->NtCompareObjects = (uint64_t)(uintptr_t)Compare;
    control->NtQueryObject = (uint64_t)(uintptr_t)QueryName;
    control->NtClose = (uint64_t)(uintptr_t)CloseKnown;
    control->known = (uint64_t)(uintptr_t)known;
    control->knownCount = 2;
    slot->recordFlags = ES_TRACE_FLAG_KERNEL;
    slot->at[EsTpObject] = 0;
    call = (SET_BY_ADDRESS *)Thunk(slot);
    (void)call(KNOWN_OBJECT);
    record = Next();
    EXPECT(record->kind == EsTraceName && record->object == KNOWN_OBJECT);
    EXPECT(memcmp(record + 1, u"\\BaseNamedObjects\\Late", 44) == 0);
    record = Next();
    EXPECT(record->kind == EsTraceReference && record->object == KNOWN_OBJECT && record->argument == 0x28);
    EXPECT(record->process == 55 && record->duration == 0);
    EXPECT(record->flags == (ES_TRACE_FLAG_KERNEL | ES_TRACE_FLAG_EXISTED));
    EXPECT(Next()->kind == EsTraceSet);
    EXPECT(opened == 3 && closed == 3);
    (void)call(KNOWN_OBJECT);
    EXPECT(Next()->kind == EsTraceSet && Next() == NULL && opened == 3);
    (void)call(0x1000); /* in the driver's own memory */
    EXPECT(Next()->kind == EsTraceSet && Next() == NULL);
    control->knownCount = 0;
}

static void *Hammer(void *unused)
{
    int32_t previous;
    int call;

    (void)unused;
    for (call = 0; call < CALLS; call++) {
        EXPECT(hot(0x44, call % 2 == 0 ? NULL : &previous) == 0);
    }
    return NULL;
}

/* Every call of 16 threads is a whole record, or is counted as lost. */
static void Threads(void)
{
    pthread_t threads[THREADS];
    ES_TP_SLOT *slot = NewSlot(EsTraceSet, EsTpReturnStatus, (void *)SetWithPrevious, 0);
    uint64_t records = 0, lost = 0;
    uint32_t index;

    slot->at[EsTpObject] = 0;
    slot->at[EsTpPrevious] = 1;
    hot = (SET *)Thunk(slot);
    Empty();
    for (index = 0; index < THREADS; index++) {
        pthread_create(&threads[index], NULL, Hammer, NULL);
    }
    for (index = 0; index < THREADS; index++) {
        pthread_join(threads[index], NULL);
    }
    for (index = 0; index < RINGS; index++) {
        lost += RingAt(index)->lost;
    }
    while (Next() != NULL) {
        records++;
    }
    EXPECT(records + lost == THREADS * CALLS);
    for (index = 0; index < ES_TP_MAX_RINGS; index++) {
        EXPECT(control->writers[index].count == 0);
    }
}

static double Nanoseconds(SET *call, int calls)
{
    struct timespec from, to;
    int32_t previous;
    int index;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (index = 0; index < calls; index++) {
        call(0x44, &previous);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / calls;
}

int main(void)
{
    double recorded = 1e9, plain = 1e9;
    int round;

    MakeArea();
    ArgumentsAndResult();
    FloatingPoint();
    StateBefore();
    Wait();
    Names();
    Reentrance();
    Joins();
    KnownBefore();
    Threads();
    for (round = 0; round < 20; round++) {
        double took;

        Empty();
        took = Nanoseconds(hot, 10000);
        recorded = took < recorded ? took : recorded;
        took = Nanoseconds(SetWithPrevious, 10000);
        plain = took < plain ? took : plain;
    }
    if (failures != 0) {
        printf("%d failures\n", failures);
        return 1;
    }
    printf("ok %.1f\n", recorded - plain);
    return 0;
}
