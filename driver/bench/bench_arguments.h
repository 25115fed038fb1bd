/*
 * bench_arguments.h - whole numbers from a benchmark's command line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTSCOPE_BENCH_ARGUMENTS_H
#define EVENTSCOPE_BENCH_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct BenchArgument {
    const char *name; /* such as "--records" */
    uint64_t *value;  /* keeps its default when the argument is not given */
    uint64_t minimum;
    uint64_t maximum;
} BenchArgument;

/* Reads "name value" pairs; 0 when one is unknown, no number or out of range, which is then said on standard error. */
int BenchParseArguments(const char *program, int argc, char **argv, const BenchArgument *arguments, size_t count);

#endif
