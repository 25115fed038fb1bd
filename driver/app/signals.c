/*
 * signals.c - method 7: both types of event, signaled from each place that a driver signals from.
 *
 * The place decides what the driver may do there (a timer's DPC runs at DISPATCH_LEVEL in whatever thread was interrupted,
 * a worker thread at PASSIVE_LEVEL in the system process); the waiter cannot tell them apart. The type decides who sees
 * the signal: a notification event stays set and lets everybody through until it is reset, a synchronization event lets one
 * waiter through and resets itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdio.h>

typedef struct SIGNALS {
    const APP_DRIVER *Driver;
    HANDLE Event;
    PCSTR Object;
    uint32_t EventId; /* 0: the event is a request's, the driver knows nothing of it */
    BOOL Synchronization;
} SIGNALS;

/* After a wake: a synchronization event reset itself; a notification event stays set until somebody resets it. */
static APP_EXIT ResetAfterWake(_In_ const SIGNALS *Signals)
{
    if (!Signals->Synchronization && !APP_RESET(Signals->Object, Signals->Event)) {
        return AppExpectSuccess(AppLastStatus(), "Resetting the event");
    }
    return AppExitOk;
}

static APP_EXIT TakeOne(_In_ const SIGNALS *Signals)
{
    const ULONG timeoutMs = Signals->Driver->Options->TimeoutMs;
    APP_EXIT exit = AppExpectSignal(APP_WAIT(Signals->Object, Signals->Event, timeoutMs), Signals->Object, timeoutMs);

    return exit == AppExitOk ? ResetAfterWake(Signals) : exit;
}

/*
 * Takes signals until wakes + coalesced signals are Count. The driver counts a signal just after it was made, so its count
 * may come later than our wake, or tell only after a wait in vain that the last signal was a coalesced one: so each wait is
 * short, and the whole bounded.
 */
static APP_EXIT TakeUntilAllCame(_In_ const SIGNALS *Signals, _In_ const EVENTSYS_EVENT_STATE *Before,
                                 _Out_ EVENTSYS_EVENT_STATE *Now, _Out_ ULONG *Taken)
{
    const APP_OPTIONS *options = Signals->Driver->Options;
    const ULONG sliceMs = options->PeriodMs * 3 + 500;
    const ULONGLONG until = GetTickCount64() + options->TimeoutMs + (ULONGLONG)options->PeriodMs * options->Count;
    APP_EXIT exit = AppExitOk;

    *Taken = 0;
    *Now = *Before;
    while (exit == AppExitOk) {
        const DWORD result = *Taken + (Now->coalesced - Before->coalesced) < options->Count
                                 ? APP_WAIT(Signals->Object, Signals->Event, sliceMs)
                                 : WAIT_TIMEOUT;
        if (result == WAIT_OBJECT_0) {
            *Taken += 1;
            exit = ResetAfterWake(Signals);
        } else if (result != WAIT_TIMEOUT || GetTickCount64() > until) {
            exit = AppExpectSignal(result, Signals->Object, options->TimeoutMs);
        }
        if (exit == AppExitOk) {
            exit = AppExpectSuccess(AppDriverQueryEvent(Signals->Driver, Signals->EventId, Now), "Asking for the state");
        }
        if (exit == AppExitOk && Now->signals - Before->signals >= options->Count &&
            *Taken + (Now->coalesced - Before->coalesced) >= options->Count) {
            break;
        }
    }
    return exit;
}

/*
 * A periodic timer does not wait for us. When we are late, two signals make one wake: an event is a state, not a counter.
 * So what must add up is wakes + coalesced signals, and both are the driver's and our own counts, held against each other.
 */
static APP_EXIT TakePeriodic(_In_ const SIGNALS *Signals, uint32_t Source)
{
    const APP_OPTIONS *options = Signals->Driver->Options;
    EVENTSYS_EVENT_STATE before;
    EVENTSYS_EVENT_STATE now;
    uint64_t signals;
    uint64_t coalesced;
    ULONG taken = 0;
    APP_EXIT exit = AppExpectSuccess(AppDriverQueryEvent(Signals->Driver, Signals->EventId, &before), "Asking for the state");

    if (exit == AppExitOk) {
        exit = AppExpectSuccess(
            AppDriverSchedule(Signals->Driver, Source, Signals->EventId, options->PeriodMs, options->PeriodMs, options->Count),
            "Asking the driver for periodic signals");
    }
    if (exit == AppExitOk) {
        exit = TakeUntilAllCame(Signals, &before, &now, &taken);
    }
    if (exit != AppExitOk) {
        return exit;
    }
    signals = now.signals - before.signals;
    coalesced = now.coalesced - before.coalesced;
    AppLog(AppFactNote, Signals->Object, Signals->Event, STATUS_SUCCESS, "taken=%lu signals=%llu coalesced=%llu",
           (unsigned long)taken, (unsigned long long)signals, (unsigned long long)coalesced);
    return AppExpect(signals == options->Count && taken + coalesced == options->Count &&
                         now.bySource[Source] - before.bySource[Source] == options->Count,
                     "%lu wakes and %llu coalesced signals do not make the %llu that were sent", (unsigned long)taken,
                     (unsigned long long)coalesced, (unsigned long long)signals);
}

/* By hand: KeSetEvent tells the state before, so a second set before anybody took the first one is seen to be lost. */
static APP_EXIT TakeByHand(_In_ const SIGNALS *Signals)
{
    uint32_t first = 0;
    uint32_t second = 0;
    uint32_t cleared = 0;
    uint32_t reset = 0;
    APP_EXIT exit = AppExitOk;

    for (ULONG round = 0; round < Signals->Driver->Options->Count && exit == AppExitOk; round++) {
        exit = AppExpectSuccess(AppDriverSignal(Signals->Driver, Signals->EventId, EVENTSYS_SIGNAL_SET, &first), "Setting");
        if (exit == AppExitOk) {
            exit = TakeOne(Signals);
        }
    }
    if (exit == AppExitOk) {
        const NTSTATUS status[] = {
            AppDriverSignal(Signals->Driver, Signals->EventId, EVENTSYS_SIGNAL_SET, &first),
            AppDriverSignal(Signals->Driver, Signals->EventId, EVENTSYS_SIGNAL_SET, &second),
            AppDriverSignal(Signals->Driver, Signals->EventId, EVENTSYS_SIGNAL_CLEAR, &cleared),
            AppDriverSignal(Signals->Driver, Signals->EventId, EVENTSYS_SIGNAL_RESET, &reset),
        };
        for (size_t index = 0; index < RTL_NUMBER_OF(status) && exit == AppExitOk; index++) {
            exit = AppExpectSuccess(status[index], "Signaling by hand");
        }
    }
    if (exit == AppExitOk) {
        exit = AppExpect(first == 0 && second == 1 && cleared == EVENTSYS_STATE_UNKNOWN && reset == 0,
                         "set, set, clear, reset saw the states %u, %u, %u, %u; 0, 1, unknown, 0 is right", first, second,
                         cleared, reset);
    }
    /* Cleared before anybody waited: that signal is gone. */
    return exit == AppExitOk ? AppExpectEvent(Signals->Object, Signals->Event, Signals->Synchronization, FALSE) : exit;
}

/* The system sets a request's event when the driver completes the request: IoCompleteRequest is a signal point. */
static APP_EXIT TakeFromRequests(_In_ const SIGNALS *Signals)
{
    const APP_OPTIONS *options = Signals->Driver->Options;
    APP_EXIT exit = AppExitOk;

    for (ULONG round = 0; round < options->Count && exit == AppExitOk; round++) {
        APP_REQUEST request;
        NTSTATUS status = AppRequestPend(Signals->Driver, Signals->Object, Signals->Event, 2001 + round, &request);
        exit = AppExpect(status == STATUS_PENDING, "a request was not kept but answered with %s", AppStatusName(status));
        if (exit == AppExitOk) {
            exit = AppExpectSuccess(
                AppDriverSchedule(Signals->Driver, EVENTSYS_SOURCE_COMPLETION, 0, options->PeriodMs, 0, 1),
                "Asking the driver to complete the request");
        }
        if (exit == AppExitOk) {
            exit = TakeOne(Signals);
        }
        if (exit == AppExitOk) {
            exit = AppExpectSuccess(AppRequestResult(&request), "The pended request");
        }
        (void)AppRequestFinish(&request);
    }
    return exit;
}

/* One event of one type, registered where the driver must know it, signaled from one place. */
static APP_EXIT RunOne(_In_ const APP_DRIVER *Driver, APP_FROM From, BOOL Synchronization)
{
    static const PCSTR places[] = {"all", "dpc", "worker", "irp", "hand"};
    CHAR object[48];
    SIGNALS signals = {.Driver = Driver, .Object = object, .Synchronization = Synchronization};
    APP_EXIT exit = AppExitOk;

    (void)snprintf(object, sizeof(object), "%s-%s", places[From], Synchronization ? "synchronization" : "notification");
    signals.Event = APP_CREATE_EVENT(object, NULL, !Synchronization, FALSE);
    if (signals.Event == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Creating the event");
    }
    if (From != AppFromIrp) {
        exit = AppExpectSuccess(AppDriverRegister(Driver, object, signals.Event, &signals.EventId), "Registering the event");
    }
    if (exit == AppExitOk) {
        exit = From == AppFromIrp    ? TakeFromRequests(&signals)
               : From == AppFromHand ? TakeByHand(&signals)
                                     : TakePeriodic(&signals, From == AppFromDpc ? EVENTSYS_SOURCE_TIMER_DPC
                                                                                 : EVENTSYS_SOURCE_WORKER);
    }
    if (signals.EventId != 0) {
        const NTSTATUS status = AppDriverUnregister(Driver, signals.EventId);
        exit = exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
    }
    APP_CLOSE(object, signals.Event);
    AppSay("  %-24s %s", object, exit == AppExitOk ? "ok" : "failed");
    return exit;
}

APP_EXIT AppRunSignals(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    for (APP_FROM from = AppFromDpc; from <= AppFromHand && exit == AppExitOk; from++) {
        if (Options->From != AppFromAll && Options->From != from) {
            continue;
        }
        if (!Options->TypeGiven || !Options->Synchronization) {
            exit = RunOne(&driver, from, FALSE);
        }
        if (exit == AppExitOk && (!Options->TypeGiven || Options->Synchronization)) {
            exit = RunOne(&driver, from, TRUE);
        }
    }
    AppDriverClose(&driver);
    return exit;
}
