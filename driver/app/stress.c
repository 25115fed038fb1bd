/*
 * stress.c - many events, many threads, signals from everywhere at once; and every signal is accounted for.
 *
 * Each thread owns a share of the events and waits for any of them. Signals come from timer DPCs, from worker threads and
 * by hand. All events are synchronization events, so a wake takes exactly one signal; what was set twice before it was
 * taken is counted as coalesced by the driver. At the end signals = wakes + coalesced, event by event.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

/* One thread waits for at most MAXIMUM_WAIT_OBJECTS objects. */
enum { MaxEventsPerThread = MAXIMUM_WAIT_OBJECTS, SchedulesAtOnce = EVENTSYS_MAX_SCHEDULES / 2, StressPeriodMs = 5 };

typedef struct STRESS_EVENT {
    HANDLE Handle;
    uint32_t Id;
    CHAR Name[24];
    uint32_t Source;
    ULONG Taken;
} STRESS_EVENT;

typedef struct STRESS_THREAD {
    APP_THREAD Thread;
    WCHAR Name[24];
    const APP_DRIVER *Driver;
    STRESS_EVENT *Events;
    ULONG EventCount;
    volatile LONG *Stop;
} STRESS_THREAD;

/* Waits for any of its events until told to stop and nothing came for a while. */
static APP_EXIT WaitForAny(_In_ PVOID Context)
{
    enum { QuietMs = 500 };
    STRESS_THREAD *self = Context;
    HANDLE handles[MaxEventsPerThread];
    const ULONGLONG until = GetTickCount64() + self->Driver->Options->TimeoutMs;

    for (ULONG index = 0; index < self->EventCount; index++) {
        handles[index] = self->Events[index].Handle;
    }
    for (;;) {
        DWORD result;
        AppLog(AppFactWaitBegin, "any", NULL, STATUS_SUCCESS, "objects=%lu timeoutMs=%d", (unsigned long)self->EventCount,
               QuietMs);
        AppMark();
        result = WaitForMultipleObjects(self->EventCount, handles, FALSE, QuietMs);
        if (result < WAIT_OBJECT_0 + self->EventCount) {
            STRESS_EVENT *event = &self->Events[result - WAIT_OBJECT_0];
            event->Taken++;
            AppLog(AppFactWaitEnd, event->Name, event->Handle, STATUS_SUCCESS, "any of %lu",
                   (unsigned long)self->EventCount);
        } else if (result != WAIT_TIMEOUT) {
            return AppExpectSuccess(AppLastStatus(), "Waiting for any of the events");
        } else {
            AppLog(AppFactWaitEnd, "any", NULL, STATUS_TIMEOUT, "any of %lu", (unsigned long)self->EventCount);
            if (*self->Stop) {
                return AppExitOk;
            }
        }
        if (!*self->Stop && GetTickCount64() > until) {
            return AppFail(AppExitTimeout, STATUS_TIMEOUT, "Use fewer signals, or a larger --timeout",
                           "The driver did not send all signals in time");
        }
    }
}

/* Signals by hand, round robin, so that these mix with those of timers. */
static APP_EXIT SignalByHand(_In_ const APP_DRIVER *Driver, _In_reads_(Count) const STRESS_EVENT *Events, ULONG Count)
{
    APP_EXIT exit = AppExitOk;

    for (ULONG round = 0; round < Driver->Options->Signals && exit == AppExitOk; round++) {
        for (ULONG index = 0; index < Count && exit == AppExitOk; index++) {
            if (Events[index].Source == EVENTSYS_SOURCE_HAND) {
                exit = AppExpectSuccess(AppDriverSignal(Driver, Events[index].Id, EVENTSYS_SIGNAL_SET, NULL),
                                        "Signaling by hand");
            }
        }
    }
    return exit;
}

/* Waits until the driver has sent all of its scheduled signals. */
static APP_EXIT WaitUntilSent(_In_ const APP_DRIVER *Driver, _In_reads_(Count) const STRESS_EVENT *Events, ULONG Count)
{
    const ULONGLONG until = GetTickCount64() + Driver->Options->TimeoutMs;

    for (;;) {
        EVENTSYS_STATE_OUTPUT *state = NULL;
        uint64_t sent = 0;
        APP_EXIT exit = AppExpectSuccess(AppDriverQueryState(Driver, &state), "Asking the driver for its state");

        if (exit != AppExitOk) {
            return exit;
        }
        for (uint32_t index = 0; index < state->events.returned; index++) {
            const EVENTSYS_EVENT_STATE *entry = AppEventStateAt(state, index);
            /* Ids are minted in order, and ours one after another; another application's may lie between. */
            if (entry->id >= Events[0].Id && entry->id <= Events[Count - 1].Id &&
                entry->ownerProcess == GetCurrentProcessId()) {
                sent += entry->signals;
            }
        }
        free(state);
        if (sent >= (uint64_t)Count * Driver->Options->Signals) {
            return AppExitOk;
        }
        if (GetTickCount64() > until) {
            return AppFail(AppExitTimeout, STATUS_TIMEOUT, "Use fewer signals, or a larger --timeout",
                           "The driver sent %llu of %llu signals in time", (unsigned long long)sent,
                           (unsigned long long)Count * Driver->Options->Signals);
        }
        Sleep(50);
    }
}

static APP_EXIT ShareEvents(_In_ const APP_DRIVER *Driver, _Inout_updates_(Count) STRESS_EVENT *Events, ULONG Count)
{
    static const uint32_t sources[] = {EVENTSYS_SOURCE_TIMER_DPC, EVENTSYS_SOURCE_WORKER, EVENTSYS_SOURCE_HAND};
    ULONG scheduled = 0;
    APP_EXIT exit = AppExitOk;

    for (ULONG index = 0; index < Count && exit == AppExitOk; index++) {
        STRESS_EVENT *event = &Events[index];
        event->Source = sources[index % RTL_NUMBER_OF(sources)];
        if (event->Source != EVENTSYS_SOURCE_HAND && scheduled++ >= SchedulesAtOnce) {
            event->Source = EVENTSYS_SOURCE_HAND;
        }
        (void)snprintf(event->Name, sizeof(event->Name), "stress-%lu", (unsigned long)index);
        event->Handle = APP_CREATE_EVENT(event->Name, NULL, FALSE, FALSE);
        exit = event->Handle == NULL ? AppExpectSuccess(AppLastStatus(), "Creating an event")
                                     : AppExpectSuccess(AppDriverRegister(Driver, event->Name, event->Handle, &event->Id),
                                                        "Registering an event");
    }
    return exit;
}

/* signals = wakes + coalesced, for each event. */
static APP_EXIT Account(_In_ const APP_DRIVER *Driver, _In_reads_(Count) const STRESS_EVENT *Events, ULONG Count)
{
    EVENTSYS_STATE_OUTPUT *state = NULL;
    uint64_t signals = 0;
    uint64_t coalesced = 0;
    uint64_t taken = 0;
    ULONG found = 0;
    APP_EXIT exit = AppExpectSuccess(AppDriverQueryState(Driver, &state), "Asking the driver for its state");

    if (exit != AppExitOk) {
        return exit;
    }
    for (uint32_t at = 0; at < state->events.returned && exit == AppExitOk; at++) {
        const EVENTSYS_EVENT_STATE *entry = AppEventStateAt(state, at);
        for (ULONG index = 0; index < Count && exit == AppExitOk; index++) {
            if (Events[index].Id == entry->id) {
                found++;
                signals += entry->signals;
                coalesced += entry->coalesced;
                taken += Events[index].Taken;
                exit = AppExpect(entry->signals == Driver->Options->Signals &&
                                     entry->signals == Events[index].Taken + entry->coalesced,
                                 "%s: %llu signals, %lu taken, %llu coalesced", Events[index].Name,
                                 (unsigned long long)entry->signals, (unsigned long)Events[index].Taken,
                                 (unsigned long long)entry->coalesced);
            }
        }
    }
    free(state);
    AppLog(AppFactNote, "stress", NULL, STATUS_SUCCESS, "events=%lu signals=%llu taken=%llu coalesced=%llu",
           (unsigned long)found, (unsigned long long)signals, (unsigned long long)taken, (unsigned long long)coalesced);
    AppSay("  %lu events: %llu signals = %llu wakes + %llu coalesced", (unsigned long)found, (unsigned long long)signals,
           (unsigned long long)taken, (unsigned long long)coalesced);
    return exit == AppExitOk ? AppExpect(found == Count, "the driver knows %lu of our %lu events", (unsigned long)found,
                                         (unsigned long)Count)
                             : exit;
}

/* Waiters first, then the schedules, then signals by hand; in the end the waiters are told that all was sent. */
static APP_EXIT Exchange(_In_ const APP_DRIVER *Driver, _Inout_updates_(Count) STRESS_EVENT *Events, ULONG Count,
                         _Inout_updates_(ThreadCount) STRESS_THREAD *Threads, ULONG ThreadCount)
{
    volatile LONG stop = FALSE;
    APP_EXIT exit = AppExitOk;

    for (ULONG index = 0; index < ThreadCount && exit == AppExitOk; index++) {
        const ULONG first = (ULONG)((ULONGLONG)Count * index / ThreadCount);
        const ULONG next = (ULONG)((ULONGLONG)Count * (index + 1) / ThreadCount);
        STRESS_THREAD *thread = &Threads[index];
        (void)swprintf(thread->Name, RTL_NUMBER_OF(thread->Name), L"waiter %lu", (unsigned long)index);
        thread->Driver = Driver;
        thread->Events = Events + first;
        thread->EventCount = next - first;
        thread->Stop = &stop;
        thread->Thread = (APP_THREAD){.Name = thread->Name, .Routine = WaitForAny, .Context = thread};
        exit = AppThreadStart(&thread->Thread);
    }
    for (ULONG index = 0; index < Count && exit == AppExitOk; index++) {
        if (Events[index].Source != EVENTSYS_SOURCE_HAND) {
            exit = AppExpectSuccess(AppDriverSchedule(Driver, Events[index].Source, Events[index].Id, 1 + index % 7,
                                                      StressPeriodMs, Driver->Options->Signals),
                                    "Asking the driver for signals");
        }
    }
    if (exit == AppExitOk) {
        exit = SignalByHand(Driver, Events, Count);
    }
    if (exit == AppExitOk) {
        exit = WaitUntilSent(Driver, Events, Count);
    }
    InterlockedExchange(&stop, TRUE);
    for (ULONG index = 0; index < ThreadCount; index++) {
        const APP_EXIT joined = AppThreadJoin(&Threads[index].Thread, Driver->Options->TimeoutMs);
        exit = exit == AppExitOk ? joined : exit;
    }
    return exit;
}

APP_EXIT AppRunStress(const APP_OPTIONS *Options)
{
    const ULONG threadCount = Options->Threads < Options->Events ? Options->Threads : Options->Events;
    STRESS_EVENT *events = calloc(Options->Events, sizeof(*events));
    STRESS_THREAD *threads = calloc(threadCount, sizeof(*threads));
    APP_DRIVER driver = {0};
    APP_EXIT exit;

    if (events == NULL || threads == NULL) {
        exit = AppExpectSuccess(STATUS_NO_MEMORY, "Making room for the events");
    } else if ((Options->Events + threadCount - 1) / threadCount > MaxEventsPerThread) {
        exit = AppFail(AppExitUsage, STATUS_SUCCESS, "Use more --threads or fewer --events",
                       "One thread can wait for at most %u events", (unsigned)MaxEventsPerThread);
    } else {
        exit = AppDriverOpen(Options, &driver);
    }
    if (exit == AppExitOk) {
        exit = ShareEvents(&driver, events, Options->Events);
    }
    if (exit == AppExitOk) {
        exit = Exchange(&driver, events, Options->Events, threads, threadCount);
    }
    if (exit == AppExitOk) {
        exit = Account(&driver, events, Options->Events);
    }
    for (ULONG index = 0; events != NULL && index < Options->Events; index++) {
        if (events[index].Id != 0) {
            (void)AppDriverUnregister(&driver, events[index].Id);
        }
        if (events[index].Handle != NULL) {
            APP_CLOSE(events[index].Name, events[index].Handle);
        }
    }
    AppDriverClose(&driver);
    free(threads);
    free(events);
    return exit;
}
