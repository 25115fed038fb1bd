/*
 * shared_buffer.c - method 6: a buffer that application and driver share, with a pair of events around it.
 *
 * We fill in a request and set "work"; a system thread of the driver, which waits for it, does the work, fills in the answer
 * and sets "done". Two events, because one cannot say whose turn it is; synchronization events, because each turn is taken
 * by exactly one waiter. Data and turn are two things: the event says "look", the sequence numbers say at what.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

enum { DataBytes = 4096, SectionBytes = sizeof(EVENTSYS_SHARED_BUFFER) + DataBytes };

typedef struct SHARED_BUFFER {
    APP_DRIVER Driver;
    HANDLE Section;
    HANDLE Work;
    HANDLE Done;
    volatile EVENTSYS_SHARED_BUFFER *Buffer;
    EVENTSYS_REGISTER_BUFFER_OUTPUT Ids;
} SHARED_BUFFER;

static volatile uint8_t *DataOf(_In_ const SHARED_BUFFER *Shared)
{
    return (volatile uint8_t *)(Shared->Buffer + 1);
}

/* FNV-1a, 64 bits, as EVENTSYS_WORK_CHECKSUM names it. */
static uint64_t Checksum(_In_ const SHARED_BUFFER *Shared, uint32_t Bytes)
{
    const volatile uint8_t *data = DataOf(Shared);
    uint64_t hash = 0xCBF29CE484222325ull;

    for (uint32_t index = 0; index < Bytes; index++) {
        hash = (hash ^ data[index]) * 0x100000001B3ull;
    }
    return hash;
}

/* Writes the request, gives the turn away, and waits for it to come back. */
static APP_EXIT OneRound(_In_ SHARED_BUFFER *Shared, uint64_t Sequence, uint32_t Operation, uint32_t Bytes)
{
    const ULONG timeoutMs = Shared->Driver.Options->TimeoutMs;
    APP_EXIT exit;

    Shared->Buffer->head.version = EVENTSYS_ABI_VERSION;
    Shared->Buffer->head.bytes = sizeof(EVENTSYS_SHARED_BUFFER);
    Shared->Buffer->sequence = Sequence;
    Shared->Buffer->operation = Operation;
    Shared->Buffer->dataBytes = Bytes;
    Shared->Buffer->reserved = 0;
    if (!APP_SIGNAL("work", Shared->Work)) {
        return AppExpectSuccess(AppLastStatus(), "Signaling 'work'");
    }
    exit = AppExpectSignal(APP_WAIT("done", Shared->Done, timeoutMs), "done", timeoutMs);
    if (exit == AppExitOk) {
        exit = AppExpect(Shared->Buffer->doneSequence == Sequence, "the answer is of request %llu, not %llu",
                         (unsigned long long)Shared->Buffer->doneSequence, (unsigned long long)Sequence);
    }
    return exit;
}

/* A good round: what the driver computed is what we compute. */
static APP_EXIT GoodRound(_In_ SHARED_BUFFER *Shared, uint64_t Sequence)
{
    const uint32_t operation = Sequence % 2 == 0 ? EVENTSYS_WORK_REVERSE : EVENTSYS_WORK_CHECKSUM;
    const uint32_t bytes = 64 + (uint32_t)(Sequence * 97 % (DataBytes - 64));
    uint64_t expected;
    BOOL right;
    APP_EXIT exit;

    for (uint32_t index = 0; index < bytes; index++) {
        DataOf(Shared)[index] = (uint8_t)(index * 31 + Sequence);
    }
    expected = operation == EVENTSYS_WORK_CHECKSUM ? Checksum(Shared, bytes) : bytes;
    exit = OneRound(Shared, Sequence, operation, bytes);
    if (exit != AppExitOk) {
        return exit;
    }
    right = Shared->Buffer->status == STATUS_SUCCESS && Shared->Buffer->result == expected;
    if (operation == EVENTSYS_WORK_REVERSE) {
        for (uint32_t index = 0; index < bytes && right; index++) {
            right = DataOf(Shared)[index] == (uint8_t)((bytes - 1 - index) * 31 + Sequence);
        }
    }
    return AppExpect(right, "round %llu: status %s, result %llu, expected %llu", (unsigned long long)Sequence,
                     AppStatusName(Shared->Buffer->status), (unsigned long long)Shared->Buffer->result,
                     (unsigned long long)expected);
}

/* A request that reaches beyond the buffer: the driver must answer that it is wrong, and go on serving. */
static APP_EXIT BadRound(_In_ SHARED_BUFFER *Shared, uint64_t Sequence)
{
    APP_EXIT exit = OneRound(Shared, Sequence, EVENTSYS_WORK_CHECKSUM, DataBytes + 1);

    if (exit == AppExitOk) {
        exit = AppExpect(!NT_SUCCESS(Shared->Buffer->status), "the driver took a request that reaches beyond the buffer (%s)",
                         AppStatusName(Shared->Buffer->status));
    }
    return exit;
}

static APP_EXIT MakeBuffer(_Inout_ SHARED_BUFFER *Shared)
{
    Shared->Section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, SectionBytes, NULL);
    if (Shared->Section != NULL) {
        Shared->Buffer = MapViewOfFile(Shared->Section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, SectionBytes);
    }
    if (Shared->Buffer == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Making the shared buffer");
    }
    Shared->Work = APP_CREATE_EVENT("work", NULL, FALSE, FALSE);
    Shared->Done = APP_CREATE_EVENT("done", NULL, FALSE, FALSE);
    if (Shared->Work == NULL || Shared->Done == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Creating the pair of events");
    }
    return AppExitOk;
}

static VOID DropBuffer(_Inout_ SHARED_BUFFER *Shared)
{
    if (Shared->Done != NULL) {
        APP_CLOSE("done", Shared->Done);
    }
    if (Shared->Work != NULL) {
        APP_CLOSE("work", Shared->Work);
    }
    if (Shared->Buffer != NULL) {
        UnmapViewOfFile((LPCVOID)(ULONG_PTR)Shared->Buffer);
    }
    if (Shared->Section != NULL) {
        (CloseHandle)(Shared->Section);
    }
}

static APP_EXIT UseBuffer(_Inout_ SHARED_BUFFER *Shared)
{
    const ULONG count = Shared->Driver.Options->Count;
    APP_EXIT exit = AppExpectSuccess(
        AppDriverRegisterBuffer(&Shared->Driver, Shared->Section, Shared->Work, Shared->Done, SectionBytes, &Shared->Ids),
        "Registering the shared buffer");
    NTSTATUS status;

    if (exit != AppExitOk) {
        return exit;
    }
    for (ULONG round = 1; round <= count && exit == AppExitOk; round++) {
        exit = GoodRound(Shared, round);
    }
    if (exit == AppExitOk) {
        exit = BadRound(Shared, (uint64_t)count + 1);
    }
    if (exit == AppExitOk) {
        exit = GoodRound(Shared, (uint64_t)count + 2);
    }
    if (exit == AppExitOk) {
        exit = AppExpectSignals(&Shared->Driver, Shared->Ids.doneEventId, EVENTSYS_METHOD_BUFFER_DONE, count + 2);
    }
    status = AppDriverUnregisterBuffer(&Shared->Driver, Shared->Ids.bufferId);
    return exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the shared buffer") : exit;
}

APP_EXIT AppRunSharedBuffer(const APP_OPTIONS *Options)
{
    SHARED_BUFFER shared = {0};
    APP_EXIT exit = AppDriverOpen(Options, &shared.Driver);

    if (exit != AppExitOk) {
        return exit;
    }
    exit = MakeBuffer(&shared);
    if (exit == AppExitOk) {
        exit = UseBuffer(&shared);
    }
    DropBuffer(&shared);
    AppDriverClose(&shared.Driver);
    return exit;
}
