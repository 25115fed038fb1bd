/*
 * log.c - the application's own account of what it did, one JSON object a line, and its lines for a person.
 *
 * The account is an oracle: it is written by this file with its own clock reading and numbering, and shares nothing with
 * the trace rings, so that a test can hold one against the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LineBytes = 2048, TextBytes = 512 };

static struct {
    SRWLOCK Lock; /* numbering and writing are one step: line n is always behind line n - 1 */
    HANDLE File;
    ULONGLONG Number;
    BOOL Owned;
    BOOL Failed;
} AppLogState = {.Lock = SRWLOCK_INIT};

/* QPC at the entry of the call whose fact is logged next on this thread; 0 = none. */
static _Thread_local ULONGLONG AppEntryQpc;

static const PCSTR AppFactNames[] = {
    [AppFactCreate] = "create",
    [AppFactOpen] = "open",
    [AppFactPass] = "pass",
    [AppFactSignal] = "signal",
    [AppFactWaitBegin] = "wait-begin",
    [AppFactWaitEnd] = "wait-end",
    [AppFactReset] = "reset",
    [AppFactClose] = "close",
    [AppFactIoctl] = "ioctl",
    [AppFactNote] = "note",
};
C_ASSERT(RTL_NUMBER_OF(AppFactNames) == AppFactCount);

ULONGLONG AppQpc(VOID)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return (ULONGLONG)now.QuadPart;
}

VOID AppMark(VOID)
{
    AppEntryQpc = AppQpc();
}

VOID AppMarkAt(ULONGLONG Qpc)
{
    AppEntryQpc = Qpc;
}

APP_EXIT AppLogOpen(_In_opt_ PCWSTR Path)
{
    if (Path == NULL) {
        AppLogState.File = GetStdHandle(STD_OUTPUT_HANDLE);
        return AppExitOk;
    }
    AppLogState.File = CreateFileW(Path, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (AppLogState.File == INVALID_HANDLE_VALUE) {
        return AppFail(AppExitCallFailed, AppLastStatus(), "Choose another file with --log",
                       "The log file '%ls' cannot be written", Path);
    }
    AppLogState.Owned = TRUE;
    return AppExitOk;
}

APP_EXIT AppLogClose(APP_EXIT Exit)
{
    if (AppLogState.Owned) {
        (CloseHandle)(AppLogState.File);
    }
    AppLogState.File = NULL;
    AppLogState.Owned = FALSE;
    /* An account with holes proves nothing, so a run whose log failed did not succeed. */
    return Exit == AppExitOk && AppLogState.Failed ? AppExitLogFailed : Exit;
}

/* Appends Text as the inside of a JSON string; what does not fit is left out whole. Text is UTF-8. */
static size_t AppendEscaped(_Out_writes_(Size) PSTR Line, size_t Used, size_t Size, _In_z_ PCSTR Text)
{
    for (; *Text != '\0' && Used + 8 < Size; Text++) {
        const unsigned char character = (unsigned char)*Text;
        if (character == '"' || character == '\\') {
            Line[Used++] = '\\';
            Line[Used++] = (char)character;
        } else if (character < 0x20) {
            Used += (size_t)snprintf(Line + Used, Size - Used, "\\u%04x", character);
        } else {
            Line[Used++] = (char)character;
        }
    }
    return Used;
}

/* One WriteFile a line: what was written is in the system's hands, so a killed application leaves it behind. */
static VOID WriteLine(_In_reads_(Length) PCSTR Line, size_t Length)
{
    DWORD written = 0;

    if (AppLogState.File == NULL || AppLogState.File == INVALID_HANDLE_VALUE || AppLogState.Failed) {
        return;
    }
    if (!WriteFile(AppLogState.File, Line, (DWORD)Length, &written, NULL) || written != Length) {
        AppLogState.Failed = TRUE;
        fprintf(stderr, "eventapp: the log cannot be written (error %lu, %lu of %u bytes); it ends here\n",
                (unsigned long)GetLastError(), (unsigned long)written, (unsigned)Length);
    }
}

static VOID LogV(APP_FACT Fact, PCSTR Object, HANDLE Handle, NTSTATUS Status, ULONGLONG Entry, ULONGLONG Return,
                 _In_opt_z_ PCSTR Format, va_list Arguments)
{
    CHAR detail[TextBytes];
    CHAR line[LineBytes];
    int length;
    size_t used;

    detail[0] = '\0';
    if (Format != NULL) {
        (void)vsnprintf(detail, sizeof(detail), Format, Arguments);
    }
    AcquireSRWLockExclusive(&AppLogState.Lock);
    length = snprintf(line, sizeof(line), "{\"n\":%llu,\"qpc\":%llu,\"until\":%llu,\"thread\":%lu,\"what\":\"%s\",\"object\":\"",
                      AppLogState.Number, Entry, Return, (unsigned long)GetCurrentThreadId(), AppFactNames[Fact]);
    /* The fixed parts are far below LineBytes; the two free texts are cut to what is left, never the line's end. */
    used = AppendEscaped(line, (size_t)length, sizeof(line) - 768, Object);
    used += (size_t)snprintf(line + used, sizeof(line) - used, "\",\"handle\":%llu,\"status\":%lu,\"detail\":\"",
                             (ULONGLONG)(ULONG_PTR)Handle, (unsigned long)(ULONG)Status);
    used = AppendEscaped(line, used, sizeof(line) - 8, detail);
    line[used++] = '"';
    line[used++] = '}';
    line[used++] = '\n';
    AppLogState.Number++;
    WriteLine(line, used);
    ReleaseSRWLockExclusive(&AppLogState.Lock);
}

VOID AppLog(APP_FACT Fact, PCSTR Object, HANDLE Handle, NTSTATUS Status, _In_opt_z_ PCSTR Format, ...)
{
    const ULONGLONG now = AppQpc();
    const ULONGLONG entry = AppEntryQpc != 0 ? AppEntryQpc : now;
    const DWORD error = GetLastError();
    va_list arguments;

    AppEntryQpc = 0;
    va_start(arguments, Format);
    LogV(Fact, Object, Handle, Status, entry, now, Format, arguments);
    va_end(arguments);
    SetLastError(error); /* the caller may not have looked yet */
}

VOID AppSay(_In_z_ PCSTR Format, ...)
{
    CHAR text[TextBytes];
    va_list arguments;

    va_start(arguments, Format);
    (void)vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    /* One call a line, so that lines of several threads do not run into each other. */
    fprintf(stderr, "%s\n", text);
    fflush(stderr);
}

APP_EXIT AppFail(APP_EXIT Exit, NTSTATUS Status, PCSTR Next, _In_z_ PCSTR Format, ...)
{
    CHAR what[TextBytes];
    CHAR why[TextBytes];
    va_list arguments;

    va_start(arguments, Format);
    (void)vsnprintf(what, sizeof(what), Format, arguments);
    va_end(arguments);
    if (Status == STATUS_SUCCESS) {
        AppSay("eventapp: %s. %s.", what, Next);
    } else {
        AppSay("eventapp: %s: %s. %s.", what, AppStatusText(Status, why, sizeof(why)), Next);
    }
    AppLog(AppFactNote, "failure", NULL, Status, "%s", what);
    return Exit;
}
