/*
 * many_objects - fills a directory of the object manager with events, and keeps it until it is ended.
 *
 *   many_objects DIRECTORY COUNT [SDDL]
 *
 * DIRECTORY: full path, such as \BaseNamedObjects\Bench; it must not exist. SDDL: security of each event.
 * Prints "ready" on standard error when all are there. Exit codes: 1 a call failed (which one and its status are printed), 2 bad arguments.
 *
 * SPDX-License-Identifier: MIT
 */
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>

#include <sddl.h>

#include <ntstatus.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

NTSYSAPI NTSTATUS NTAPI NtCreateDirectoryObject(PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes);
NTSYSAPI NTSTATUS NTAPI NtCreateEvent(PHANDLE Handle, ACCESS_MASK Access, const OBJECT_ATTRIBUTES *Attributes, ULONG Type,
                                      BOOLEAN InitialState);

static int Failed(const char *call, NTSTATUS status)
{
    fprintf(stderr, "many_objects: %s failed: 0x%08lx\n", call, (unsigned long)status);
    return 1;
}

int wmain(int argc, wchar_t **argv)
{
    const long count = argc == 3 || argc == 4 ? wcstol(argv[2], NULL, 10) : 0;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE directory;
    PSECURITY_DESCRIPTOR security = NULL;

    if (count < 1 || count > 1000000) {
        fprintf(stderr, "usage: many_objects DIRECTORY COUNT [SDDL]\n");
        return 2;
    }
    if (argc == 4 && !ConvertStringSecurityDescriptorToSecurityDescriptorW(argv[3], SDDL_REVISION_1, &security, NULL)) {
        fprintf(stderr, "many_objects: this is no SDDL: %ls\n", argv[3]);
        return 2;
    }
    RtlInitUnicodeString(&name, argv[1]);
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    NTSTATUS status = NtCreateDirectoryObject(&directory, 0x000F000F /* DIRECTORY_ALL_ACCESS */, &attributes);
    if (!NT_SUCCESS(status)) {
        return Failed("NtCreateDirectoryObject", status);
    }
    for (long index = 0; index < count; index++) {
        wchar_t text[32];
        HANDLE event;

        swprintf(text, sizeof(text) / sizeof(text[0]), L"Event%05ld", index);
        RtlInitUnicodeString(&name, text);
        InitializeObjectAttributes(&attributes, &name, 0, directory, security);
        status = NtCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, 0, FALSE);
        if (!NT_SUCCESS(status)) {
            return Failed("NtCreateEvent", status);
        }
    }
    fprintf(stderr, "ready\n");
    fflush(stderr);
    Sleep(INFINITE); /* the objects live as long as this process; whoever started it ends it */
    return 0;
}
