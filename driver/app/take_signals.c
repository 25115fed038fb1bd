/*
 * take_signals.c - what every sharing method ends in: the driver signals, we wait, and the two counts agree.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

APP_EXIT AppTakeSignals(const APP_DRIVER *Driver, PCSTR Object, HANDLE Event, uint32_t EventId)
{
    const APP_OPTIONS *options = Driver->Options;
    APP_EXIT exit = AppExitOk;

    for (ULONG round = 0; round < options->Count && exit == AppExitOk; round++) {
        exit = AppExpectSuccess(AppDriverSchedule(Driver, EVENTSYS_SOURCE_TIMER_DPC, EventId, options->PeriodMs, 0, 1),
                                "Asking the driver to signal from a timer");
        if (exit == AppExitOk) {
            exit = AppExpectSignal(APP_WAIT(Object, Event, options->TimeoutMs), Object, options->TimeoutMs);
        }
        if (exit == AppExitOk) {
            exit = AppExpectEvent(Object, Event, options->Synchronization, !options->Synchronization);
        }
        if (exit == AppExitOk && !options->Synchronization && !APP_RESET(Object, Event)) {
            exit = AppExpectSuccess(AppLastStatus(), "Resetting the event");
        }
    }
    return exit;
}

APP_EXIT AppExpectSignals(const APP_DRIVER *Driver, uint32_t EventId, uint32_t Method, ULONG Signals)
{
    const ULONGLONG until = GetTickCount64() + Driver->Options->TimeoutMs;
    EVENTSYS_EVENT_STATE state;
    APP_EXIT exit;

    /* The driver counts a signal just after it was made: our wake may be earlier than its count. */
    for (;;) {
        exit = AppExpectSuccess(AppDriverQueryEvent(Driver, EventId, &state), "Asking the driver for its state");
        if (exit != AppExitOk || state.signals >= Signals || GetTickCount64() > until) {
            break;
        }
        Sleep(5);
    }
    if (exit != AppExitOk) {
        return exit;
    }
    return AppExpect(state.method == Method && state.signals == Signals && state.coalesced == 0,
                     "the driver counts %llu signals, %llu coalesced, method %u; we took %lu of method %u",
                     (unsigned long long)state.signals, (unsigned long long)state.coalesced, state.method,
                     (unsigned long)Signals, Method);
}
