/*
 * agent_probe - what the agent's tests run on the target, one job a subcommand.
 *
 *   arguments ARG...     prints each argument in brackets, UTF-8, one a line; the working folder and PROBE on standard error;
 *                        ends with 42
 *   flood BYTES          prints that many bytes, then ends with 7
 *   wait                 waits until it is ended
 *   parent               starts "wait" and waits too; prints "child PID"
 *   objects DIRECTORY    makes DIRECTORY with one object of each kind in it, prints "ready", and waits
 *   many DIRECTORY N     makes DIRECTORY with N events in it, prints "ready", and waits
 *   records N NAMED      writes N trace records, each NAMED-th with a name, and says how many were lost
 *
 * SPDX-License-Identifier: MIT
 */
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>

#include <ntstatus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "eventscope_trace.h"

NTSYSAPI NTSTATUS NTAPI NtCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSYSAPI NTSTATUS NTAPI NtCreateSymbolicLinkObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes,
                                                   PUNICODE_STRING Target);
NTSYSAPI NTSTATUS NTAPI NtCreateEvent(PHANDLE Handle, ACCESS_MASK Access, const OBJECT_ATTRIBUTES *Attributes, ULONG Type,
                                      BOOLEAN InitialState);
NTSYSAPI NTSTATUS NTAPI NtCreateSemaphore(PHANDLE Handle, ACCESS_MASK Access, const OBJECT_ATTRIBUTES *Attributes,
                                          LONG Count, LONG Maximum);
NTSYSAPI NTSTATUS NTAPI NtCreateMutant(PHANDLE Handle, ACCESS_MASK Access, const OBJECT_ATTRIBUTES *Attributes,
                                       BOOLEAN Owned);
NTSYSAPI NTSTATUS NTAPI NtCreateTimer(PHANDLE Handle, ACCESS_MASK Access, const OBJECT_ATTRIBUTES *Attributes, ULONG Type);
NTSYSAPI NTSTATUS NTAPI NtSetTimer(HANDLE Handle, const LARGE_INTEGER *DueTime, PVOID Apc, PVOID Context, BOOLEAN Resume,
                                   ULONG Period, BOOLEAN *PreviousState);

static void PrintUtf8(FILE *file, const wchar_t *text)
{
    char bytes[8192];

    if (WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof(bytes), NULL, NULL) > 0) {
        fputs(bytes, file);
    }
}

static int Arguments(int argc, wchar_t **argv)
{
    wchar_t text[4096];

    for (int index = 2; index < argc; index++) {
        putchar('[');
        PrintUtf8(stdout, argv[index]);
        puts("]");
    }
    GetCurrentDirectoryW(ARRAYSIZE(text), text);
    PrintUtf8(stderr, text);
    fputc('\n', stderr);
    if (GetEnvironmentVariableW(L"PROBE", text, ARRAYSIZE(text)) != 0) {
        PrintUtf8(stderr, text);
    }
    if (GetEnvironmentVariableW(L"EVENTSCOPE_AGENT_TOKEN", text, ARRAYSIZE(text)) != 0) {
        fputs("THE TOKEN LEAKED", stderr);
    }
    return 42;
}

static int Flood(long bytes)
{
    static char line[100];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    for (long written = 0; written < bytes; written += (long)sizeof(line)) {
        fwrite(line, 1, sizeof(line), stdout);
    }
    return 7;
}

static int Wait(void)
{
    Sleep(INFINITE);
    return 0;
}

static int Parent(const wchar_t *program)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION child;
    wchar_t line[MAX_PATH + 16];

    swprintf(line, ARRAYSIZE(line), L"\"%ls\" wait", program);
    if (!CreateProcessW(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child)) {
        return 1;
    }
    printf("child %lu\n", child.dwProcessId);
    fflush(stdout);
    return Wait();
}

static NTSTATUS Check(const char *call, NTSTATUS status)
{
    if (!NT_SUCCESS(status)) {
        fprintf(stderr, "%s failed: 0x%08lx\n", call, (unsigned long)status);
        exit(1);
    }
    return status;
}

static HANDLE MakeDirectory(const wchar_t *path)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE directory;

    RtlInitUnicodeString(&name, path);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    Check("NtCreateDirectoryObject", NtCreateDirectoryObject(&directory, 0x000F000F, &attributes));
    return directory;
}

/* Attributes of a name in a directory, until the next call. */
static POBJECT_ATTRIBUTES In(HANDLE directory, const wchar_t *text)
{
    static OBJECT_ATTRIBUTES attributes;
    static UNICODE_STRING name;

    RtlInitUnicodeString(&name, text);
    InitializeObjectAttributes(&attributes, &name, 0, directory, NULL);
    return &attributes;
}

static int Objects(const wchar_t *path)
{
    const HANDLE directory = MakeDirectory(path);
    UNICODE_STRING target;
    LARGE_INTEGER due;
    HANDLE handle;

    Check("NtCreateEvent", NtCreateEvent(&handle, EVENT_ALL_ACCESS, In(directory, L"Notification"), 0, TRUE));
    Check("NtCreateEvent", NtCreateEvent(&handle, EVENT_ALL_ACCESS, In(directory, L"Synchronization"), 1, FALSE));
    Check("NtCreateEvent", NtCreateEvent(&handle, EVENT_ALL_ACCESS, In(directory, L"Twice"), 1, FALSE));
    if (!DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &handle, EVENT_MODIFY_STATE, FALSE, 0)) {
        return 1;
    }
    Check("NtCreateSemaphore", NtCreateSemaphore(&handle, SEMAPHORE_ALL_ACCESS, In(directory, L"Semaphore"), 2, 5));
    Check("NtCreateMutant", NtCreateMutant(&handle, MUTANT_ALL_ACCESS, In(directory, L"Free"), FALSE));
    Check("NtCreateMutant", NtCreateMutant(&handle, MUTANT_ALL_ACCESS, In(directory, L"Held"), TRUE));
    Check("NtCreateTimer", NtCreateTimer(&handle, TIMER_ALL_ACCESS, In(directory, L"Timer"), 0));
    due.QuadPart = -1000000000LL; /* in 100 s */
    Check("NtSetTimer", NtSetTimer(handle, &due, NULL, NULL, FALSE, 0, NULL));
    Check("NtCreateDirectoryObject", NtCreateDirectoryObject(&handle, 0x000F000F, In(directory, L"Nested")));
    Check("NtCreateEvent", NtCreateEvent(&handle, EVENT_ALL_ACCESS, In(handle, L"Inner \u00e4\u4e2d"), 0, FALSE));
    RtlInitUnicodeString(&target, L"\\BaseNamedObjects");
    Check("NtCreateSymbolicLinkObject",
          NtCreateSymbolicLinkObject(&handle, 0x000F0001 /* SYMBOLIC_LINK_ALL_ACCESS */, In(directory, L"Link"), &target));
    puts("ready");
    fflush(stdout);
    return Wait();
}

static int Many(const wchar_t *path, long count)
{
    const HANDLE directory = MakeDirectory(path);
    wchar_t text[32];
    HANDLE handle;

    for (long index = 0; index < count; index++) {
        swprintf(text, ARRAYSIZE(text), L"Event%ld", index);
        Check("NtCreateEvent", NtCreateEvent(&handle, EVENT_ALL_ACCESS, In(directory, text), 0, FALSE));
    }
    puts("ready");
    fflush(stdout);
    return Wait();
}

static int Records(long count, long named)
{
    wchar_t text[64];

    for (long index = 0; index < count; index++) {
        if (named != 0 && index % named == 0) {
            /* 1 to 48 characters: one to three slots. */
            const int length = 1 + (int)(index / named % 48);

            for (int at = 0; at < length; at++) {
                text[at] = (wchar_t)(L'a' + at % 26);
            }
            text[length] = 0;
            EsTraceNote(text);
        } else {
            SetEvent((HANDLE)(uintptr_t)0x7FFFFFF0);
        }
    }
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    const wchar_t *command = argc > 1 ? argv[1] : L"";

    if (wcscmp(command, L"arguments") == 0) {
        return Arguments(argc, argv);
    }
    if (wcscmp(command, L"flood") == 0 && argc == 3) {
        return Flood(wcstol(argv[2], NULL, 10));
    }
    if (wcscmp(command, L"wait") == 0) {
        return Wait();
    }
    if (wcscmp(command, L"parent") == 0) {
        return Parent(argv[0]);
    }
    if (wcscmp(command, L"objects") == 0 && argc == 3) {
        return Objects(argv[2]);
    }
    if (wcscmp(command, L"many") == 0 && argc == 4) {
        return Many(argv[2], wcstol(argv[3], NULL, 10));
    }
    if (wcscmp(command, L"records") == 0 && argc == 4) {
        return Records(wcstol(argv[2], NULL, 10), wcstol(argv[3], NULL, 10));
    }
    fprintf(stderr, "agent_probe: no such command\n");
    return 2;
}
