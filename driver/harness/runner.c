/*
 * runner.c - runs scenarios, each in a process of its own, and prints one JSON object a line:
 *     {"name":"...","ok":true,"ms":12,"message":""}
 *
 *   harness --list                 the names, one a line
 *   harness [--concurrent] [NAME]  runs all (or those that race, or those whose name holds NAME)
 *   harness --here NAME            runs one in this process, for a debugger
 *
 * SPDX-License-Identifier: MIT
 */
#include "scenario.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No scenario takes long: virtual time. This ends one that spins. */
#define LONGEST_SECONDS 120
#define OUTPUT_BYTES 65536

MODEL_TARGET ScenarioTarget;

static const SCENARIO *const tables[] = {RuleScenarios, SharingScenarios, LifetimeScenarios, InputScenarios,
                                         FaultScenarios, RaceScenarios,   TraceScenarios};

void ScenarioFailed(const char *file, int line, const char *what, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    ModelFormat(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *slash = strrchr(file, '/');
    ModelFail("%s:%d: %s%s%s", slash != NULL ? slash + 1 : file, line, what, text[0] != 0 ? ": " : "", text);
}

static void PrintJsonText(const char *text)
{
    putchar('"');
    for (const char *t = text; *t != 0; t++) {
        if (*t == '"' || *t == '\\') {
            printf("\\%c", *t);
        } else if (*t == '\n') {
            fputs("\\n", stdout);
        } else if ((unsigned char)*t < 0x20 || (unsigned char)*t >= 0x7F) {
            printf("\\u%04x", (unsigned char)*t);
        } else {
            putchar(*t);
        }
    }
    putchar('"');
}

/* Runs in a child; its output, cut to what fits, ends up in `output`. */
static int RunChild(const SCENARIO *scenario, char *output)
{
    int pipes[2], status = 0;
    size_t used = 0;
    if (pipe(pipes) != 0) {
        return -1;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[1]);
        alarm(LONGEST_SECONDS);
        scenario->run();
        fflush(stdout);
        exit(0); /* with the sanitizers' own checks at exit */
    }
    close(pipes[1]);
    for (;;) {
        char dropped[4096];
        ssize_t n = used < OUTPUT_BYTES - 1 ? read(pipes[0], output + used, OUTPUT_BYTES - 1 - used)
                                            : read(pipes[0], dropped, sizeof dropped);
        if (n <= 0) {
            break;
        }
        used += used < OUTPUT_BYTES - 1 ? (size_t)n : 0;
    }
    close(pipes[0]);
    output[used] = 0;
    waitpid(child, &status, 0);
    return status;
}

static BOOLEAN RunScenario(const SCENARIO *scenario)
{
    static char output[OUTPUT_BYTES + 256];
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    int status = RunChild(scenario, output);
    clock_gettime(CLOCK_MONOTONIC, &to);
    BOOLEAN ok;
    size_t end = strlen(output);
    if (WIFSIGNALED(status)) {
        ok = FALSE;
        snprintf(output + end, 256, "%s", WTERMSIG(status) == SIGALRM ? "(it did not end)" : "(killed by a signal)");
    } else if (scenario->mustFail != NULL) {
        ok = WEXITSTATUS(status) == 3 && strstr(output, scenario->mustFail) != NULL;
        if (ok) {
            output[0] = 0;
        } else {
            snprintf(output + end, 256, "(the model was to stop it with: %s)", scenario->mustFail);
        }
    } else {
        ok = WEXITSTATUS(status) == 0;
    }
    printf("{\"name\":");
    PrintJsonText(scenario->name);
    printf(",\"ok\":%s,\"ms\":%ld,\"message\":", ok ? "true" : "false",
           (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
    PrintJsonText(ok ? "" : output);
    printf("}\n");
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv)
{
    BOOLEAN list = FALSE, concurrent = FALSE, here = FALSE, good = TRUE;
    const char *filter = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            list = TRUE;
        } else if (strcmp(argv[i], "--concurrent") == 0) {
            concurrent = TRUE;
        } else if (strcmp(argv[i], "--here") == 0) {
            here = TRUE;
        } else {
            filter = argv[i];
        }
    }
    for (size_t t = 0; t < RTL_NUMBER_OF(tables); t++) {
        for (const SCENARIO *s = tables[t]; s->name != NULL; s++) {
            if ((filter != NULL && strstr(s->name, filter) == NULL) || (concurrent && !s->concurrent)) {
                continue;
            }
            ScenarioTarget = s->target;
            if (list) {
                printf("%s\n", s->name);
            } else if (here) {
                s->run();
            } else {
                good &= RunScenario(s);
            }
        }
    }
    return good ? 0 : 1;
}
