/*
 * bench_arguments.c - see bench_arguments.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bench_arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int Take(const BenchArgument *argument, const char *text)
{
    char *end = NULL;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < argument->minimum || value > argument->maximum) {
        return 0;
    }
    *argument->value = value;
    return 1;
}

int BenchParseArguments(const char *program, int argc, char **argv, const BenchArgument *arguments, size_t count)
{
    for (int at = 1; at < argc; at += 2) {
        const char *text = at + 1 < argc ? argv[at + 1] : "";
        int taken = 0;

        for (size_t index = 0; index < count && !taken; index++) {
            taken = strcmp(argv[at], arguments[index].name) == 0 && Take(&arguments[index], text);
        }
        if (!taken) {
            fprintf(stderr, "%s: bad argument '%s %s'\n", program, argv[at], text);
            return 0;
        }
    }
    return 1;
}
