/*
 * format.c - formatting as the NT kernel does it, debug output, ntstrsafe.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"
#include "ntstrsafe.h"

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
