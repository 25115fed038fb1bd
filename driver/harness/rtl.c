/*
 * rtl.c - strings, formatting as the NT kernel does it, debug output, the few registry and version calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"
#include "ntstrsafe.h"
#include "wdmsec.h"

#include <stdio.h>
#include <stdlib.h>

size_t ModelWcslen(const WCHAR *text)
{
    size_t n = 0;
    while (text[n] != 0) {
        n++;
    }
    return n;
}

int ModelWcscmp(const WCHAR *a, const WCHAR *b) { return ModelWcsncmp(a, b, SIZE_MAX); }

int ModelWcsncmp(const WCHAR *a, const WCHAR *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i] || a[i] == 0) {
            return a[i] < b[i] ? -1 : a[i] > b[i];
        }
    }
    return 0;
}

VOID RtlInitUnicodeString(PUNICODE_STRING string, PCWSTR text)
{
    size_t units = text != NULL ? ModelWcslen(text) : 0;
    if (units > 32766) {
        ModelFail("RtlInitUnicodeString of %llu characters", (ULONGLONG)units);
    }
    string->Buffer = (PWCH)text;
    string->Length = (USHORT)(units * sizeof(WCHAR));
    string->MaximumLength = text != NULL ? (USHORT)(string->Length + sizeof(WCHAR)) : 0;
}

VOID RtlInitAnsiString(PANSI_STRING string, PCSZ text)
{
    string->Buffer = (PCHAR)text;
    string->Length = text != NULL ? (USHORT)strlen(text) : 0;
    string->MaximumLength = text != NULL ? (USHORT)(string->Length + 1) : 0;
}

VOID RtlCopyUnicodeString(PUNICODE_STRING to, PCUNICODE_STRING from)
{
    USHORT bytes = from != NULL ? min(from->Length, to->MaximumLength) : 0;
    if (bytes != 0) {
        memcpy(to->Buffer, from->Buffer, bytes);
    }
    to->Length = bytes;
    if (bytes + sizeof(WCHAR) <= to->MaximumLength) {
        to->Buffer[bytes / sizeof(WCHAR)] = 0;
    }
}

NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING to, PCUNICODE_STRING from)
{
    if ((size_t)to->Length + from->Length > to->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove((PCHAR)to->Buffer + to->Length, from->Buffer, from->Length);
    to->Length = (USHORT)(to->Length + from->Length);
    if ((size_t)to->Length + sizeof(WCHAR) <= to->MaximumLength) {
        to->Buffer[to->Length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING to, PCWSTR text)
{
    UNICODE_STRING from;
    RtlInitUnicodeString(&from, text);
    return RtlAppendUnicodeStringToString(to, &from);
}

WCHAR RtlUpcaseUnicodeChar(WCHAR c) { return c >= 'a' && c <= 'z' ? (WCHAR)(c - 32) : c; }

LONG RtlCompareUnicodeString(PCUNICODE_STRING a, PCUNICODE_STRING b, BOOLEAN fold)
{
    size_t units = min(a->Length, b->Length) / sizeof(WCHAR);
    for (size_t i = 0; i < units; i++) {
        WCHAR x = fold ? RtlUpcaseUnicodeChar(a->Buffer[i]) : a->Buffer[i];
        WCHAR y = fold ? RtlUpcaseUnicodeChar(b->Buffer[i]) : b->Buffer[i];
        if (x != y) {
            return (LONG)x - (LONG)y;
        }
    }
    return (LONG)a->Length - (LONG)b->Length;
}

BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING a, PCUNICODE_STRING b, BOOLEAN fold)
{
    return a->Length == b->Length && RtlCompareUnicodeString(a, b, fold) == 0;
}

BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING prefix, PCUNICODE_STRING text, BOOLEAN fold)
{
    UNICODE_STRING start = *text;
    if (prefix->Length > text->Length) {
        return FALSE;
    }
    start.Length = prefix->Length;
    return RtlCompareUnicodeString(prefix, &start, fold) == 0;
}

SIZE_T RtlCompareMemory(const VOID *a, const VOID *b, SIZE_T length)
{
    SIZE_T i = 0;
    while (i < length && ((const UCHAR *)a)[i] == ((const UCHAR *)b)[i]) {
        i++;
    }
    return i;
}

/* ---- formatting: l and I32 are 32 bits, ll and I64 are 64, w and l make %s wide ---- */

/* Set while the driver's own text is formatted: wide strings need paged tables then [doc: DbgPrint]. */
static _Thread_local BOOLEAN driversFormat;

typedef struct OUTPUT {
    char *buffer;
    size_t bytes, length;
} OUTPUT;

static void Put(OUTPUT *out, char c)
{
    if (out->length + 1 < out->bytes) {
        out->buffer[out->length] = c;
    }
    out->length++;
}

static void PutPadded(OUTPUT *out, const char *text, size_t length, int width, BOOLEAN left, char pad)
{
    for (int i = (int)length; !left && i < width; i++) {
        Put(out, pad);
    }
    for (size_t i = 0; i < length; i++) {
        Put(out, text[i]);
    }
    for (int i = (int)length; left && i < width; i++) {
        Put(out, ' ');
    }
}

static void PutWide(OUTPUT *out, const WCHAR *text, size_t units, int width, BOOLEAN left)
{
    if (driversFormat && ModelThread()->irql > PASSIVE_LEVEL) {
        driversFormat = FALSE;
        ModelFail("a wide string is formatted at %s, allowed at PASSIVE_LEVEL", ModelIrqlName(ModelThread()->irql));
    }
    for (int i = (int)units; !left && i < width; i++) {
        Put(out, ' ');
    }
    for (size_t i = 0; i < units; i++) {
        Put(out, text[i] < 0x80 ? (char)text[i] : '?');
    }
    for (int i = (int)units; left && i < width; i++) {
        Put(out, ' ');
    }
}

static void PutNumber(OUTPUT *out, ULONGLONG value, BOOLEAN negative, unsigned base, BOOLEAN upper, BOOLEAN prefix,
                      int precision, int width, BOOLEAN left, BOOLEAN zero)
{
    char digits[80];
    size_t at = sizeof digits;
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    ULONGLONG v = value;
    while (v != 0 || at == sizeof digits) {
        digits[--at] = set[v % base];
        v /= base;
    }
    int wanted = precision >= 0 ? min(precision, 64) : zero && !left ? min(width - (negative ? 1 : 0), 64) : 0;
    while ((int)(sizeof digits - at) < wanted) {
        digits[--at] = '0';
    }
    if (prefix && base == 16) {
        digits[--at] = upper ? 'X' : 'x';
        digits[--at] = '0';
    }
    if (negative) {
        digits[--at] = '-';
    }
    PutPadded(out, digits + at, sizeof digits - at, width, left, ' ');
}

size_t ModelFormat(char *buffer, size_t bytes, const char *format, va_list arguments)
{
    OUTPUT out = {buffer, bytes, 0};
    for (const char *f = format; *f != 0; f++) {
        BOOLEAN left = FALSE, zero = FALSE, prefix = FALSE, wide = FALSE, narrow = FALSE, wideSize = FALSE;
        int width = 0, precision = -1;
        if (*f != '%') {
            Put(&out, *f);
            continue;
        }
        for (f++; *f == '-' || *f == '0' || *f == '#' || *f == '+' || *f == ' '; f++) {
            left |= *f == '-';
            zero |= *f == '0';
            prefix |= *f == '#';
        }
        for (; *f == '*' || (*f >= '0' && *f <= '9'); f++) {
            width = *f == '*' ? va_arg(arguments, int) : width * 10 + (*f - '0');
        }
        if (*f == '.') {
            precision = 0;
            for (f++; *f == '*' || (*f >= '0' && *f <= '9'); f++) {
                precision = *f == '*' ? va_arg(arguments, int) : precision * 10 + (*f - '0');
            }
        }
        for (;; f++) {
            if (f[0] == 'I' && f[1] == '6' && f[2] == '4') {
                wideSize = TRUE;
                f += 2;
            } else if (f[0] == 'I' && f[1] == '3' && f[2] == '2') {
                f += 2;
            } else if (f[0] == 'l' && f[1] == 'l') {
                wideSize = TRUE;
                f++;
            } else if (*f == 'I' || *f == 'z') {
                wideSize = TRUE;
            } else if (*f == 'l' || *f == 'w') {
                wide = TRUE;
            } else if (*f == 'h') {
                narrow = TRUE;
            } else {
                break;
            }
        }
        switch (*f) {
        case 'd':
        case 'i': {
            LONGLONG v = wideSize ? va_arg(arguments, LONGLONG) : va_arg(arguments, int);
            PutNumber(&out, v < 0 ? 0 - (ULONGLONG)v : (ULONGLONG)v, v < 0, 10, FALSE, FALSE, precision, width, left,
                      zero);
            break;
        }
        case 'u':
        case 'x':
        case 'X': {
            ULONGLONG v = wideSize ? va_arg(arguments, ULONGLONG) : va_arg(arguments, unsigned);
            PutNumber(&out, v, FALSE, *f == 'u' ? 10 : 16, *f == 'X', prefix, precision, width, left, zero);
            break;
        }
        case 'p':
            PutNumber(&out, (ULONG_PTR)va_arg(arguments, PVOID), FALSE, 16, FALSE, FALSE, 16, width, left, FALSE);
            break;
        case 'c': {
            char c = (char)va_arg(arguments, int);
            PutPadded(&out, &c, 1, width, left, ' ');
            break;
        }
        case 'Z': {
            PCUNICODE_STRING s = va_arg(arguments, PCUNICODE_STRING);
            PutWide(&out, s->Buffer, s->Length / sizeof(WCHAR), width, left);
            break;
        }
        case 's':
        case 'S':
            if ((wide || *f == 'S') && !narrow) {
                const WCHAR *s = va_arg(arguments, const WCHAR *);
                size_t n = 0;
                while ((precision < 0 || n < (size_t)precision) && s[n] != 0) {
                    n++;
                }
                PutWide(&out, s, n, width, left);
            } else {
                const char *s = va_arg(arguments, const char *);
                size_t n = 0;
                s = s != NULL ? s : "(null)";
                while ((precision < 0 || n < (size_t)precision) && s[n] != 0) {
                    n++;
                }
                PutPadded(&out, s, n, width, left, ' ');
            }
            break;
        case '%':
            Put(&out, '%');
            break;
        default:
            ModelFail("format \"%s\" has a conversion that the model does not know", format);
        }
    }
    if (bytes != 0) {
        buffer[min(out.length, bytes - 1)] = 0;
    }
    return out.length;
}

/* ---- debug output ---- */

void (*ModelDebugObserver)(const char *line);

ULONG vDbgPrintEx(ULONG component, ULONG level, PCSTR format, va_list arguments)
{
    char line[512]; /* what DbgPrint sends at most */
    UNREFERENCED_PARAMETER(component);
    UNREFERENCED_PARAMETER(level);
    driversFormat = TRUE;
    ModelFormat(line, sizeof line, format, arguments);
    driversFormat = FALSE;
    if (ModelDebugObserver != NULL) {
        ModelDebugObserver(line);
    }
    return (ULONG)STATUS_SUCCESS;
}

ULONG DbgPrintEx(ULONG component, ULONG level, PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ULONG status = vDbgPrintEx(component, level, format, arguments);
    va_end(arguments);
    return status;
}

ULONG DbgPrint(PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ULONG status = vDbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- ntstrsafe.h ---- */

NTSTATUS RtlStringCbVPrintfA(PSTR to, SIZE_T bytes, PCSTR format, va_list arguments)
{
    if (bytes == 0 || bytes > INT32_MAX) {
        return STATUS_INVALID_PARAMETER;
    }
    driversFormat = TRUE;
    size_t length = ModelFormat(to, bytes, format, arguments);
    driversFormat = FALSE;
    return length >= bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS RtlStringCchVPrintfA(PSTR to, SIZE_T count, PCSTR format, va_list arguments)
{
    return RtlStringCbVPrintfA(to, count, format, arguments);
}

NTSTATUS RtlStringCbPrintfA(PSTR to, SIZE_T bytes, PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    NTSTATUS status = RtlStringCbVPrintfA(to, bytes, format, arguments);
    va_end(arguments);
    return status;
}

NTSTATUS RtlStringCchPrintfA(PSTR to, SIZE_T count, PCSTR format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    NTSTATUS status = RtlStringCbVPrintfA(to, count, format, arguments);
    va_end(arguments);
    return status;
}

NTSTATUS RtlStringCbCopyA(PSTR to, SIZE_T bytes, PCSTR from)
{
    SIZE_T i = 0;
    if (bytes == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; i + 1 < bytes && from[i] != 0; i++) {
        to[i] = from[i];
    }
    to[i] = 0;
    return from[i] == 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTATUS RtlStringCchCopyA(PSTR to, SIZE_T count, PCSTR from) { return RtlStringCbCopyA(to, count, from); }

NTSTATUS RtlStringCchCopyW(PWSTR to, SIZE_T count, PCWSTR from)
{
    SIZE_T i = 0;
    if (count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; i + 1 < count && from[i] != 0; i++) {
        to[i] = from[i];
    }
    to[i] = 0;
    return from[i] == 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

NTSTATUS RtlStringCbCopyW(PWSTR to, SIZE_T bytes, PCWSTR from) { return RtlStringCchCopyW(to, bytes / 2, from); }

/* ---- the system's version, its exports ---- */

NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW version)
{
    version->dwMajorVersion = 10;
    version->dwMinorVersion = 0;
    version->dwBuildNumber = 19045;
    version->dwPlatformId = 2;
    version->szCSDVersion[0] = 0;
    return STATUS_SUCCESS;
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name)
{
    static const struct {
        const WCHAR *name;
        PVOID address;
        BOOLEAN onWine;
    } routines[] = {
        {L"ExAllocatePool2", (PVOID)ExAllocatePool2, FALSE},
        {L"IoCreateDeviceSecure", (PVOID)IoCreateDeviceSecure, TRUE},
        {L"ObCloseHandle", (PVOID)ObCloseHandle, FALSE},
        {L"KeQuerySystemTimePrecise", (PVOID)KeQuerySystemTimePrecise, FALSE},
        {L"MmMapViewInSystemSpace", (PVOID)MmMapViewInSystemSpace, FALSE},
        {L"MmUnmapViewInSystemSpace", (PVOID)MmUnmapViewInSystemSpace, FALSE},
        /* Only Wine's ntoskrnl.exe exports it: how a driver tells the two apart. */
        {L"wine_ntoskrnl_main_loop", (PVOID)ModelFail, TRUE},
        {L"KeQueryActiveProcessorCountEx", (PVOID)KeQueryActiveProcessorCountEx, TRUE},
    };
    ModelRequireIrql("MmGetSystemRoutineAddress", PASSIVE_LEVEL);
    for (size_t i = 0; i < RTL_NUMBER_OF(routines); i++) {
        UNICODE_STRING known;
        RtlInitUnicodeString(&known, routines[i].name);
        if (RtlEqualUnicodeString(name, &known, FALSE)) {
            if (routines[i].address == (PVOID)IoCreateDeviceSecure) {
                return ModelTarget() == ModelWine || ModelOptions.secureDevice ? routines[i].address : NULL;
            }
            BOOLEAN there = ModelTarget() == ModelWine ? routines[i].onWine : routines[i].address != (PVOID)ModelFail;
            return there ? routines[i].address : NULL;
        }
    }
    return NULL;
}
