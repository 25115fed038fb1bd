/*
 * pitfall_slow_reset.c - resetting a notification event after the work instead of before it.
 *
 * The mistake:  wait - work - reset.  A signal that comes during the work finds the event still set: it changes nothing,
 * and the reset then wipes it. The waiter never learns of it; if it was the last one, the work that it announced lies there
 * for ever.
 * The cure:     wait - reset - work, and do in one go all that is there. A signal during the work then sets the event
 * anew, and the next wait returns at once. Still not one wake a signal (an event is no counter), but none comes in vain.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

enum { SignalPeriodMs = 40, WorkMs = 100 };

typedef struct SLOW_RESET {
    const APP_DRIVER *Driver;
    HANDLE Event;
    uint32_t EventId;
    ULONG Sent;  /* asked for; Work sees that the driver made them */
    ULONG Wakes;
    ULONG Wiped; /* signals that came during the work and that our reset then wiped */
} SLOW_RESET;

/*
 * The work, during which the driver signals again. We ask for that signal ourselves, so that it really falls into the work
 * on the slowest machine too, and wait for it by asking the driver for its count, not the event.
 */
static APP_EXIT Work(_Inout_ SLOW_RESET *Run, BOOL SignalMeanwhile)
{
    const ULONGLONG until = GetTickCount64() + Run->Driver->Options->TimeoutMs;
    EVENTSYS_EVENT_STATE state = {0};
    APP_EXIT exit = AppExitOk;

    AppLog(AppFactNote, "work", NULL, STATUS_SUCCESS, "begin");
    if (SignalMeanwhile) {
        Run->Sent++;
        exit = AppExpectSuccess(
            AppDriverSchedule(Run->Driver, EVENTSYS_SOURCE_TIMER_DPC, Run->EventId, SignalPeriodMs, 0, 1),
            "Asking the driver for a signal");
    }
    Sleep(WorkMs);
    while (exit == AppExitOk && state.signals < Run->Sent) {
        exit = AppExpectSuccess(AppDriverQueryEvent(Run->Driver, Run->EventId, &state), "Asking the driver for its state");
        if (exit == AppExitOk && state.signals < Run->Sent) {
            if (GetTickCount64() > until) {
                exit = AppFail(AppExitTimeout, STATUS_TIMEOUT, "Look at the driver's state: 'eventapp state'",
                               "The driver did not signal within %lu ms", (unsigned long)Run->Driver->Options->TimeoutMs);
            }
            Sleep(5);
        }
    }
    AppLog(AppFactNote, "work", NULL, STATUS_SUCCESS, "end signals=%llu coalesced=%llu", (unsigned long long)state.signals,
           (unsigned long long)state.coalesced);
    return exit;
}

static APP_EXIT Reset(_Inout_ SLOW_RESET *Run)
{
    return APP_RESET("announce", Run->Event) ? AppExitOk : AppExpectSuccess(AppLastStatus(), "Resetting the event");
}

/* One wake of Rounds: wait, then reset before or after the work, into which one more signal falls. */
static APP_EXIT OneWake(_Inout_ SLOW_RESET *Run, BOOL ResetFirst)
{
    const ULONG timeoutMs = Run->Driver->Options->TimeoutMs;
    APP_EVENT_STATE before = {0};
    APP_EXIT exit = AppExpectSignal(APP_WAIT("announce", Run->Event, timeoutMs), "announce", timeoutMs);

    if (exit == AppExitOk) {
        Run->Wakes++;
        exit = ResetFirst ? Reset(Run) : AppExitOk;
    }
    if (exit == AppExitOk) {
        exit = Work(Run, TRUE);
    }
    if (exit == AppExitOk && !ResetFirst) {
        exit = AppExpectSuccess(AppQueryEvent(Run->Event, &before), "Asking for the event's state");
        if (exit == AppExitOk) {
            exit = AppExpect(before.Signaled, "the event is not signaled before the reset that should wipe it");
        }
        if (exit == AppExitOk) {
            Run->Wiped++; /* the signal that fell into the work, which Work saw counted */
            exit = Reset(Run);
        }
    }
    return exit;
}

/* Rounds wakes with the wrong or the right order, then the question that matters: is the last signal seen? */
static APP_EXIT RunOrder(_In_ const APP_DRIVER *Driver, BOOL ResetFirst)
{
    const ULONG rounds = Driver->Options->Count;
    SLOW_RESET run = {.Driver = Driver};
    DWORD last = WAIT_FAILED;
    NTSTATUS status;
    APP_EXIT exit;

    run.Event = APP_CREATE_EVENT("announce", NULL, TRUE, FALSE);
    if (run.Event == NULL) {
        return AppExpectSuccess(AppLastStatus(), "Creating the event");
    }
    exit = AppExpectSuccess(AppDriverRegister(Driver, "announce", run.Event, &run.EventId), "Registering the event");
    for (ULONG round = 0; round < rounds && exit == AppExitOk; round++) {
        if (!ResetFirst || round == 0) {
            /* In the wrong order each round needs a fresh signal, for the one that came during the work was wiped. */
            run.Sent++;
            exit = AppExpectSuccess(
                AppDriverSchedule(Driver, EVENTSYS_SOURCE_TIMER_DPC, run.EventId, SignalPeriodMs, 0, 1),
                "Asking the driver for a signal");
        }
        if (exit == AppExitOk) {
            exit = OneWake(&run, ResetFirst);
        }
    }
    if (exit == AppExitOk) {
        last = APP_WAIT("announce", run.Event, SignalPeriodMs * 3);
        run.Wakes += last == WAIT_OBJECT_0;
        AppLog(AppFactNote, "announce", run.Event, STATUS_SUCCESS, "order=%s sent=%lu taken=%lu wiped=%lu",
               ResetFirst ? "wait-reset-work" : "wait-work-reset", (unsigned long)run.Sent, (unsigned long)run.Wakes,
               (unsigned long)run.Wiped);
        AppSay("  %s: %lu signals sent, %lu taken, %lu wiped", ResetFirst ? "wait, reset, work" : "wait, work, reset",
               (unsigned long)run.Sent, (unsigned long)run.Wakes, (unsigned long)run.Wiped);
        exit = AppExpect(ResetFirst ? last == WAIT_OBJECT_0 && run.Wakes == run.Sent
                                    : last == WAIT_TIMEOUT && run.Wakes == rounds && run.Wakes + run.Wiped == run.Sent,
                         "%lu sent, %lu taken, %lu wiped, last wait %lu", (unsigned long)run.Sent, (unsigned long)run.Wakes,
                         (unsigned long)run.Wiped, (unsigned long)last);
    }
    if (run.EventId != 0) {
        status = AppDriverUnregister(Driver, run.EventId);
        exit = exit == AppExitOk ? AppExpectSuccess(status, "Unregistering the event") : exit;
    }
    APP_CLOSE("announce", run.Event);
    return exit;
}

APP_EXIT AppRunSlowReset(const APP_OPTIONS *Options)
{
    APP_DRIVER driver;
    APP_EXIT exit = AppDriverOpen(Options, &driver);

    if (exit != AppExitOk) {
        return exit;
    }
    exit = RunOrder(&driver, FALSE);
    if (exit == AppExitOk) {
        exit = RunOrder(&driver, TRUE);
    }
    AppDriverClose(&driver);
    return exit;
}
