/*
 * scenario.h - what a scenario of the host harness is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_SCENARIO_H
#define HARNESS_SCENARIO_H

#include "model.h"

typedef struct SCENARIO {
    const char *name;       /* "group: what it shows" */
    void (*run)(void);
    const char *mustFail;   /* the model must stop it with a message that holds this text; NULL = it must pass */
    BOOLEAN concurrent;     /* races on many threads: worth a run under ThreadSanitizer */
    MODEL_TARGET target;    /* which kernel ScenarioTarget says while it runs */
} SCENARIO;

extern MODEL_TARGET ScenarioTarget;
#define ON_WINDOWS(name, run) {name " (Windows)", run, NULL, FALSE, ModelWindows}
#define ON_WINE(name, run) {name " (Wine)", run, NULL, FALSE, ModelWine}
#define ON_BOTH(name, run) ON_WINDOWS(name, run), ON_WINE(name, run)
#define RACE_ON_BOTH(name, run) \
    {name " (Windows)", run, NULL, TRUE, ModelWindows}, {name " (Wine)", run, NULL, TRUE, ModelWine}
#define NO_MORE_SCENARIOS {NULL, NULL, NULL, FALSE, ModelWindows}

/* Each file of scenarios has one table, ended by a null name. */
extern const SCENARIO RuleScenarios[];
extern const SCENARIO SharingScenarios[];
extern const SCENARIO LifetimeScenarios[];
extern const SCENARIO InputScenarios[];
extern const SCENARIO FaultScenarios[];
extern const SCENARIO RaceScenarios[];
extern const SCENARIO TraceScenarios[];

#define CHECK(condition, ...)                                                   \
    do {                                                                        \
        if (!(condition)) {                                                     \
            ScenarioFailed(__FILE__, __LINE__, #condition, "" __VA_ARGS__);     \
        }                                                                       \
    } while (0)
#define CHECK_STATUS(expression, expected)                                                          \
    do {                                                                                            \
        NTSTATUS checkedStatus = (expression);                                                      \
        if (checkedStatus != (expected)) {                                                          \
            ScenarioFailed(__FILE__, __LINE__, #expression " == " #expected, "it is %08x", checkedStatus); \
        }                                                                                           \
    } while (0)
#define CHECK_EQUAL(actual, expected)                                                               \
    do {                                                                                            \
        LONGLONG checkedActual = (LONGLONG)(actual), checkedExpected = (LONGLONG)(expected);        \
        if (checkedActual != checkedExpected) {                                                     \
            ScenarioFailed(__FILE__, __LINE__, #actual " == " #expected, "%lld, expected %lld",     \
                           checkedActual, checkedExpected);                                         \
        }                                                                                           \
    } while (0)
DECLSPEC_NORETURN void ScenarioFailed(const char *file, int line, const char *what, const char *format, ...);

#endif
