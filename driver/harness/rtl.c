/*
 * rtl.c - counted strings, the version, and which routines the kernel exports.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"
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
