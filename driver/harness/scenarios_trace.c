/*
 * scenarios_trace.c - the kernel's trace rings: whole records, exact counts of what was written, drained and lost, also while
 * writers at DISPATCH_LEVEL race with the reader.
 *
 * SPDX-License-Identifier: MIT
 */
#include "app.h"

#include <stdlib.h>

#define MAX_RINGS 16

/* What a reader has drained so far. */
typedef struct READER {
    ULONG64 next[MAX_RINGS]; /* absolute slot that must come next */
    ULONG64 lost[MAX_RINGS];
    ULONG64 slots, records;
    ULONG64 kinds[64];
    ULONG64 object;      /* count Set records of this object alone, 0 = all */
    ULONG64 objectSets;
    ULONG64 setsAtDispatch, setsAtPassive, irqlUnknown;
} READER;

static NTSTATUS Start(APP *app, ULONG slots)
{
    ES_TRACE_START_INPUT input = {ES_TRACE_VERSION, slots};
    return AppControl(app, ES_TRACE_IOCTL_START, &input, sizeof input, NULL, 0);
}

static NTSTATUS Stop(APP *app)
{
    return AppControl(app, ES_TRACE_IOCTL_STOP, NULL, 0, NULL, 0);
}

static void Query(APP *app, ES_TRACE_STATE *state)
{
    CHECK_STATUS(AppControl(app, ES_TRACE_IOCTL_QUERY, NULL, 0, state, sizeof *state), STATUS_SUCCESS);
}

static void CheckRecord(READER *reader, const ES_TRACE_RECORD *record)
{
    CHECK(record->kind != EsTraceNone && record->kind < 64, "kind %u", record->kind);
    CHECK(record->flags & ES_TRACE_FLAG_KERNEL);
    CHECK(record->tsc != 0 && record->thread != 0 && record->process != 0);
    reader->records++;
    reader->kinds[record->kind]++;
    if (record->kind == EsTraceSet && (reader->object == 0 || record->object == reader->object)) {
        reader->objectSets++;
        CHECK(record->previous <= 1, "previous state %u", record->previous);
        CHECK(record->caller != 0);
        reader->setsAtDispatch += record->irql == DISPATCH_LEVEL ? 1 : 0;
        reader->setsAtPassive += record->irql == PASSIVE_LEVEL ? 1 : 0;
        reader->irqlUnknown += record->irql == ES_TRACE_IRQL_UNKNOWN ? 1 : 0;
    }
}

/* One drain call; FALSE when there was nothing. Checks that slots follow each other and that records are whole. */
static BOOLEAN DrainOnce(APP *app, READER *reader, ULONG bytes)
{
    UCHAR *output = malloc(bytes);
    ES_TRACE_DRAIN_HEADER header;
    ULONG got;
    CHECK_STATUS(UserControl(app->process, app->device, ES_TRACE_IOCTL_DRAIN, NULL, 0, output, bytes, &got),
                 STATUS_SUCCESS);
    memcpy(&header, output, sizeof header);
    CHECK_EQUAL(header.version, ES_TRACE_VERSION);
    CHECK_EQUAL(got, sizeof header + header.slotCount * ES_TRACE_SLOT_BYTES);
    if (header.slotCount != 0) {
        CHECK(header.ring < MAX_RINGS);
        CHECK_EQUAL(header.firstSlot, reader->next[header.ring]);
        CHECK(header.lost >= reader->lost[header.ring]);
        reader->lost[header.ring] = header.lost;
        reader->next[header.ring] += header.slotCount;
        reader->slots += header.slotCount;
        for (ULONG at = 0; at < header.slotCount;) {
            ES_TRACE_RECORD record;
            memcpy(&record, output + sizeof header + at * ES_TRACE_SLOT_BYTES, sizeof record);
            CHECK_EQUAL(record.sequence, (ULONG)(header.firstSlot + at + 1));
            CHECK(record.slots >= 1 && record.slots <= ES_TRACE_MAX_SLOTS && at + record.slots <= header.slotCount,
                  "a record of %u slots", record.slots);
            for (ULONG i = 1; i < record.slots; i++) {
                ES_TRACE_CONTINUATION continuation;
                memcpy(&continuation, output + sizeof header + (at + i) * ES_TRACE_SLOT_BYTES, sizeof continuation);
                CHECK_EQUAL(continuation.sequence, (ULONG)(header.firstSlot + at + i + 1));
            }
            CheckRecord(reader, &record);
            at += record.slots;
        }
    }
    free(output);
    return header.slotCount != 0;
}

static ULONG64 LostOf(const READER *reader)
{
    ULONG64 lost = 0;
    for (ULONG i = 0; i < MAX_RINGS; i++) {
        lost += reader->lost[i];
    }
    return lost;
}

static ULONG RegisterOne(APP *app, HANDLE *event)
{
    EVENTSYS_EVENT_OUTPUT shared;
    CHECK_STATUS(UserCreateEvent(app->process, NULL, NotificationEvent, FALSE, 0, event), STATUS_SUCCESS);
    CHECK_STATUS(AppRegister(app, *event, &shared), STATUS_SUCCESS);
    return shared.eventId;
}

/* Off until started; each signal by hand and by DPC is one record, with its IRQL where the target can tell. */
static void Records(void)
{
    APP app;
    HANDLE event;
    ES_TRACE_STATE state;
    READER reader = {.object = 0};
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    ULONG id = RegisterOne(&app, &event);
    CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    Query(&app, &state);
    CHECK_EQUAL(state.written, 0);
    CHECK_EQUAL(state.enabled, 0);
    CHECK_STATUS(Start(&app, 1024), STATUS_SUCCESS);
    Query(&app, &state);
    CHECK_EQUAL(state.enabled, 1);
    CHECK_EQUAL(state.ringCount, 2);
    CHECK_EQUAL(state.slotsPerRing, 1024);
    for (ULONG i = 0; i < 10; i++) {
        CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
        CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_RESET, NULL), STATUS_SUCCESS);
    }
    CHECK_STATUS(AppSchedule(&app, EVENTSYS_SOURCE_TIMER_DPC, id, 0, 1000, 1, 7, NULL), STATUS_SUCCESS);
    ModelSleep(MS(100));
    CHECK_STATUS(Stop(&app), STATUS_SUCCESS);
    CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS); /* not recorded */
    reader.object = (ULONG_PTR)UserObjectAddress(app.process, event);
    while (DrainOnce(&app, &reader, 4096)) {
    }
    CHECK_EQUAL(reader.objectSets, 17);
    CHECK_EQUAL(reader.kinds[EsTraceReset], 10);
    CHECK_EQUAL(reader.kinds[EsTraceTimerExpire], 7);
    CHECK(reader.kinds[EsTraceCalibration] >= 2);
    CHECK_EQUAL(reader.kinds[EsTraceModule], 1);
    if (ScenarioTarget == ModelWindows) {
        CHECK_EQUAL(reader.setsAtPassive, 10);
        CHECK_EQUAL(reader.setsAtDispatch, 7);
    } else {
        CHECK_EQUAL(reader.irqlUnknown, 17);
    }
    CHECK_EQUAL(LostOf(&reader), 0);
    Query(&app, &state);
    CHECK_EQUAL(state.written, reader.slots);
    CHECK_EQUAL(state.drained, reader.slots);
    CHECK_EQUAL(state.lost, 0);
    AppEnd(&app);
    DriverStop();
}

/* The join between an application's handle and the object's address, whichever way the target takes. */
static void ReferenceJoins(void)
{
    APP app;
    HANDLE event;
    BOOLEAN joined = FALSE;
    UCHAR output[8192];
    ULONG got;
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(Start(&app, 1024), STATUS_SUCCESS);
    RegisterOne(&app, &event);
    for (ULONG round = 0; round < 8; round++) {
        CHECK_STATUS(UserControl(app.process, app.device, ES_TRACE_IOCTL_DRAIN, NULL, 0, output, sizeof output, &got),
                     STATUS_SUCCESS);
        for (ULONG at = sizeof(ES_TRACE_DRAIN_HEADER); at < got; at += ES_TRACE_SLOT_BYTES) {
            ES_TRACE_RECORD record;
            memcpy(&record, output + at, sizeof record);
            joined |= record.kind == EsTraceReference && record.argument == (ULONG_PTR)event &&
                      record.object == (ULONG_PTR)UserObjectAddress(app.process, event) &&
                      record.process == UserProcessId(app.process) && record.status == STATUS_SUCCESS;
        }
    }
    CHECK(joined);
    AppEnd(&app);
    DriverStop();
}

/* A full ring counts what it does not take. */
static void Overflow(void)
{
    APP app;
    HANDLE event;
    ES_TRACE_STATE state;
    READER reader = {.object = 0};
    DriverStart();
    AppStart(&app, ModelUserAdministrator);
    ULONG id = RegisterOne(&app, &event);
    CHECK_STATUS(Start(&app, 64), STATUS_SUCCESS);
    for (ULONG i = 0; i < 1000; i++) {
        CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    }
    reader.object = (ULONG_PTR)UserObjectAddress(app.process, event);
    while (DrainOnce(&app, &reader, 4096)) {
    }
    Query(&app, &state);
    CHECK(state.lost > 800);
    CHECK_EQUAL(reader.objectSets + state.lost, 1000);
    CHECK_EQUAL(LostOf(&reader), state.lost);
    CHECK_EQUAL(state.written, reader.slots);
    /* Room again: what comes now is recorded, and says how many were lost before it. */
    CHECK_STATUS(AppSignal(&app, id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
    while (DrainOnce(&app, &reader, 4096)) {
    }
    CHECK_EQUAL(reader.objectSets + state.lost, 1001);
    AppEnd(&app);
    DriverStop();
}

/* ---- writers on many threads and at DISPATCH_LEVEL, a reader meanwhile ---- */

typedef struct WRITERS {
    APP app;
    ULONG id;
    LONG volatile stop;
    LONG volatile signals;
} WRITERS;

static void SignalMany(void *context)
{
    WRITERS *writers = context;
    for (ULONG i = 0; i < 400; i++) {
        CHECK_STATUS(AppSignal(&writers->app, writers->id, EVENTSYS_SIGNAL_SET, NULL), STATUS_SUCCESS);
        InterlockedIncrement(&writers->signals);
    }
}

static void RaceWithReader(ULONG slots, BOOLEAN mayLose)
{
    WRITERS writers = {.stop = 0};
    HANDLE event;
    PETHREAD threads[3];
    ES_TRACE_STATE state;
    APP_STATE driver;
    READER reader = {.object = 0};
    DriverStart();
    AppStart(&writers.app, ModelUserAdministrator);
    writers.id = RegisterOne(&writers.app, &event);
    CHECK_STATUS(Start(&writers.app, slots), STATUS_SUCCESS);
    reader.object = (ULONG_PTR)UserObjectAddress(writers.app.process, event);
    for (ULONG source = 1; source <= 2; source++) {
        CHECK_STATUS(AppSchedule(&writers.app, source, writers.id, 0, 0, 1, 200, NULL), STATUS_SUCCESS);
        CHECK_STATUS(AppSchedule(&writers.app, source, writers.id, 0, 300, 1, 200, NULL), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < 3; i++) {
        threads[i] = ModelCreateThread(writers.app.process, SignalMany, &writers);
    }
    while (ReadAcquire(&writers.signals) < 1200) {
        if (!DrainOnce(&writers.app, &reader, 2048)) {
            ModelSleep(MS(1));
        }
    }
    for (ULONG i = 0; i < 3; i++) {
        ModelJoinThread(threads[i]);
    }
    ModelSleep(MS(1000)); /* the schedules' rest */
    CHECK_STATUS(Stop(&writers.app), STATUS_SUCCESS);
    while (DrainOnce(&writers.app, &reader, 65536)) {
    }
    Query(&writers.app, &state);
    AppQueryState(&writers.app, &driver);
    ULONG64 signals = driver.output->totals.signals;
    CHECK_EQUAL(signals, 1200 + 4 * 200);
    CHECK_EQUAL(driver.output->trace.written, state.written);
    CHECK_EQUAL(driver.output->trace.lost, state.lost);
    CHECK_EQUAL(state.written, reader.slots);
    CHECK_EQUAL(state.drained, reader.slots);
    if (mayLose) {
        CHECK(reader.objectSets + state.lost >= signals);
    } else {
        CHECK_EQUAL(state.lost, 0);
        CHECK_EQUAL(reader.objectSets, signals);
    }
    AppFreeState(&driver);
    AppEnd(&writers.app);
    DriverStop();
}

static void LargeRing(void) { RaceWithReader(16384, FALSE); }
static void SmallRing(void) { RaceWithReader(64, TRUE); }

/* Started, stopped and resized while writers write. */
static void RestartUntilStopped(void *context)
{
    WRITERS *writers = context;
    for (ULONG i = 0; !ReadAcquire(&writers->stop); i++) {
        NTSTATUS status = Start(&writers->app, 64u << (i % 3));
        CHECK(NT_SUCCESS(status) || status == STATUS_INSUFFICIENT_RESOURCES, "%08x", status);
        ModelSleep(MS(1));
        CHECK_STATUS(Stop(&writers->app), STATUS_SUCCESS);
    }
}

static void RestartWhileWriting(void)
{
    WRITERS writers = {.stop = 0};
    HANDLE event;
    PETHREAD threads[3];
    DriverStart();
    AppStart(&writers.app, ModelUserAdministrator);
    writers.id = RegisterOne(&writers.app, &event);
    CHECK_STATUS(AppSchedule(&writers.app, EVENTSYS_SOURCE_TIMER_DPC, writers.id, 0, 0, 1, 1000, NULL), STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        threads[i] = ModelCreateThread(writers.app.process, i < 2 ? SignalMany : RestartUntilStopped, &writers);
    }
    ModelJoinThread(threads[0]);
    ModelJoinThread(threads[1]);
    WriteRelease(&writers.stop, 1);
    ModelJoinThread(threads[2]);
    AppEnd(&writers.app);
    DriverStop();
}

static void Refusals(void)
{
    APP app, ordinary;
    ES_TRACE_STATE state;
    UCHAR output[4096];
    DriverStart();
    AppStart(&ordinary, ModelUserOrdinary);
    if (ScenarioTarget == ModelWindows) {
        CHECK_STATUS(Start(&ordinary, 64), STATUS_PRIVILEGE_NOT_HELD);
        CHECK_STATUS(AppControl(&ordinary, ES_TRACE_IOCTL_QUERY, NULL, 0, &state, sizeof state),
                     STATUS_PRIVILEGE_NOT_HELD);
        CHECK_STATUS(AppControl(&ordinary, ES_TRACE_IOCTL_DRAIN, NULL, 0, output, sizeof output),
                     STATUS_PRIVILEGE_NOT_HELD);
    }
    AppStart(&app, ModelUserAdministrator);
    CHECK_STATUS(Start(&app, 63), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(Start(&app, 65), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(Start(&app, 32), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(Start(&app, 0x80000000u), STATUS_INVALID_PARAMETER);
    const ES_TRACE_START_INPUT input[2] = {{ES_TRACE_VERSION + 1, 64}, {0, 0}};
    CHECK_STATUS(AppControl(&app, ES_TRACE_IOCTL_START, input, sizeof input[0], NULL, 0), STATUS_REVISION_MISMATCH);
    for (ULONG bytes = 0; bytes <= sizeof input; bytes++) {
        if (bytes != sizeof input[0]) {
            CHECK_STATUS(AppControl(&app, ES_TRACE_IOCTL_START, input, bytes, NULL, 0), STATUS_INFO_LENGTH_MISMATCH);
        }
    }
    CHECK_STATUS(AppControl(&app, ES_TRACE_IOCTL_QUERY, NULL, 0, &state, sizeof state - 1), STATUS_BUFFER_TOO_SMALL);
    for (ULONG bytes = 0; bytes < sizeof(ES_TRACE_DRAIN_HEADER) + ES_TRACE_MAX_SLOTS * ES_TRACE_SLOT_BYTES; bytes += 7) {
        CHECK_STATUS(AppControl(&app, ES_TRACE_IOCTL_DRAIN, NULL, 0, output, bytes), STATUS_BUFFER_TOO_SMALL);
    }
    /* Nothing was ever started: a drain finds nothing. */
    READER reader = {.object = 0};
    CHECK(!DrainOnce(&app, &reader, 4096));
    CHECK_STATUS(Start(&app, 0), STATUS_SUCCESS); /* the default */
    AppEnd(&app);
    AppEnd(&ordinary);
    DriverStop();
}

const SCENARIO TraceScenarios[] = {
    ON_BOTH("trace: one record a signal, with its IRQL", Records),
    ON_BOTH("trace: the join of handle and address", ReferenceJoins),
    ON_BOTH("trace: a full ring counts what it loses", Overflow),
    RACE_ON_BOTH("trace: drained while written, nothing lost", LargeRing),
    RACE_ON_BOTH("trace: drained while written, overflowing", SmallRing),
    RACE_ON_BOTH("trace: restarted while written", RestartWhileWriting),
    ON_BOTH("trace: requests that are refused", Refusals),
    NO_MORE_SCENARIOS,
};
