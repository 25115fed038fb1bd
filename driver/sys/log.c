/*
 * log.c - the driver's own account of what it did, as lines of the kernel's debug output (format: eventsys_public.h).
 *
 * Apart from the trace rings on purpose: tests check the one against the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#include <ntstrsafe.h> /* here alone: mingw's defines its functions wherever it is included */

#define ES_LOG_BYTES 480 /* DbgPrint passes on at most 512 bytes */

static volatile LONG64 LogWindowStart; /* performance counter */
static volatile LONG LogWindowLines;
static volatile LONG64 LogDroppedInWindow;

/* Ticks of the performance counter. Any IRQL. */
LONGLONG EsNow(VOID)
{
    return KeQueryPerformanceCounter(NULL).QuadPart;
}

/* Whether another line may go out this second; tells how many were dropped before it. IRQL <= DISPATCH_LEVEL. */
static BOOLEAN LogMayWrite(LONG64 *Dropped)
{
    const LONGLONG now = EsNow();
    const LONG64 start = LogWindowStart;

    *Dropped = 0;
    if (now - start >= EsDriver.CounterFrequency && InterlockedCompareExchange64(&LogWindowStart, now, start) == start) {
        InterlockedExchange(&LogWindowLines, 0);
        *Dropped = InterlockedExchange64(&LogDroppedInWindow, 0);
    }
    if ((ULONG)InterlockedIncrement(&LogWindowLines) > EVENTSYS_LOG_LINES_PER_SECOND) {
        InterlockedIncrement64(&LogDroppedInWindow);
        InterlockedIncrement64(&EsDriver.Totals.LogLinesDropped);
        return FALSE;
    }
    return TRUE;
}

/* One line: prefix, count, then the text. IRQL <= DISPATCH_LEVEL (a name must have been made narrow: EsLogName). */
_Use_decl_annotations_ VOID EsLog(PCSTR Format, ...)
{
    CHAR line[ES_LOG_BYTES];
    LONG64 dropped;
    va_list arguments;
    const LONG64 number = InterlockedIncrement64(&EsDriver.Totals.LogLines);

    if (!LogMayWrite(&dropped)) {
        return;
    }
    if (dropped != 0) {
        DbgPrint("%sn=%lld what=dropped lines=%lld\n", EVENTSYS_LOG_PREFIX, (long long)number, (long long)dropped);
    }
    va_start(arguments, Format);
    /* A line that does not fit is cut, and still ends with a zero. */
    (VOID)RtlStringCbVPrintfA(line, sizeof(line), Format, arguments);
    va_end(arguments);
    DbgPrint("%sn=%lld %s\n", EVENTSYS_LOG_PREFIX, (long long)number, line);
}

/* A name as ASCII; units beyond it become '?'. Any IRQL: the name is nonpaged. */
_Use_decl_annotations_ PCSTR EsLogName(PSTR Text, const WCHAR *Name, SIZE_T Units)
{
    SIZE_T index;

    for (index = 0; index < Units && index < EVENTSYS_MAX_NAME_CHARS; index++) {
        Text[index] = Name[index] >= 0x20 && Name[index] < 0x7F ? (CHAR)Name[index] : '?';
    }
    Text[index] = 0;
    return Text;
}
