/*
 * objects.c - logging around the Win32 calls on events, and names of events.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdio.h>
#include <wchar.h>

static NTSTATUS StatusOf(BOOL Done)
{
    return Done ? STATUS_SUCCESS : AppLastStatus();
}

HANDLE AppLogCreate(PCSTR Object, PCWSTR Name, BOOL ManualReset, BOOL InitialState, HANDLE Handle)
{
    const DWORD error = GetLastError();
    const BOOL existed = Handle != NULL && Name != NULL && error == ERROR_ALREADY_EXISTS;

    /* An existing event keeps its first creator's type and state: what was asked for here is then only a wish. */
    AppLog(AppFactCreate, Object, Handle,
           Handle == NULL ? AppLastStatus() : existed ? STATUS_OBJECT_NAME_EXISTS : STATUS_SUCCESS,
           "type=%s initial=%d name=%ls", ManualReset ? "notification" : "synchronization", InitialState ? 1 : 0,
           Name != NULL ? Name : L"");
    SetLastError(error);
    return Handle;
}

HANDLE AppLogOpened(PCSTR Object, PCWSTR Name, ULONG Access, HANDLE Handle)
{
    AppLog(AppFactOpen, Object, Handle, StatusOf(Handle != NULL), "access=0x%lx name=%ls", (unsigned long)Access, Name);
    return Handle;
}

BOOL AppLogDone(APP_FACT Fact, PCSTR Object, HANDLE Handle, BOOL Done)
{
    AppLog(Fact, Object, Handle, StatusOf(Done), NULL);
    return Done;
}

VOID AppLogWaitBegin(PCSTR Object, HANDLE Handle, DWORD TimeoutMs)
{
    AppLog(AppFactWaitBegin, Object, Handle, STATUS_SUCCESS, "timeoutMs=%lu", (unsigned long)TimeoutMs);
}

DWORD AppLogWait(PCSTR Object, HANDLE Handle, DWORD Result)
{
    /* WAIT_OBJECT_0, WAIT_ABANDONED and WAIT_TIMEOUT are the NTSTATUS values 0, 0x80 and 0x102 themselves. */
    AppLog(AppFactWaitEnd, Object, Handle, Result == WAIT_FAILED ? AppLastStatus() : (NTSTATUS)Result, NULL);
    return Result;
}

/* ntdll's functions have no import library meant for applications, so they are looked up by name. */
static FARPROC NativeFunction(_In_z_ PCSTR Name)
{
    const HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");

    return ntdll != NULL ? GetProcAddress(ntdll, Name) : NULL;
}

NTSTATUS AppQueryEvent(HANDLE Event, APP_EVENT_STATE *State)
{
    typedef NTSTATUS NTAPI QUERY_EVENT(HANDLE, ULONG, PVOID, ULONG, PULONG);
    QUERY_EVENT *queryEvent = (QUERY_EVENT *)(ULONG_PTR)NativeFunction("NtQueryEvent");
    LONG basic[2] = {0, 0}; /* EVENT_BASIC_INFORMATION: type (0 notification, 1 synchronization), state */
    NTSTATUS status;

    ZeroMemory(State, sizeof(*State));
    if (queryEvent == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    status = queryEvent(Event, 0, basic, sizeof(basic), NULL);
    State->Synchronization = basic[0] == 1;
    State->Signaled = basic[1] != 0;
    return status;
}

APP_EXIT AppExpectEvent(PCSTR Object, HANDLE Event, BOOL Synchronization, BOOL Signaled)
{
    APP_EVENT_STATE state;
    const NTSTATUS status = AppQueryEvent(Event, &state);

    if (!NT_SUCCESS(status)) {
        return AppFail(AppExitCallFailed, status, "The handle needs EVENT_QUERY_STATE", "'%s' cannot be asked for its state",
                       Object);
    }
    AppLog(AppFactNote, Object, Event, status, "queried type=%s signaled=%d",
           state.Synchronization ? "synchronization" : "notification", state.Signaled);
    return AppExpect((state.Synchronization != 0) == (Synchronization != 0) && (state.Signaled != 0) == (Signaled != 0),
                     "'%s' is a %s%s event, expected a %s%s one", Object, state.Signaled ? "signaled " : "non-signaled ",
                     state.Synchronization ? "synchronization" : "notification", Signaled ? "signaled " : "non-signaled ",
                     Synchronization ? "synchronization" : "notification");
}

BOOL AppSameObject(HANDLE First, HANDLE Second)
{
    typedef NTSTATUS NTAPI COMPARE_OBJECTS(HANDLE, HANDLE);
    COMPARE_OBJECTS *compare = (COMPARE_OBJECTS *)(ULONG_PTR)NativeFunction("NtCompareObjects");

    return compare != NULL && compare(First, Second) == STATUS_SUCCESS;
}

VOID AppObjectPath(HANDLE Object, PWSTR Path, size_t Size)
{
    typedef NTSTATUS NTAPI QUERY_OBJECT(HANDLE, ULONG, PVOID, ULONG, PULONG);
    QUERY_OBJECT *queryObject = (QUERY_OBJECT *)(ULONG_PTR)NativeFunction("NtQueryObject");
    union {
        UNICODE_STRING Name;
        UCHAR Bytes[1024];
    } information;
    size_t units;

    Path[0] = L'\0';
    ZeroMemory(&information, sizeof(information));
    if (queryObject == NULL || !NT_SUCCESS(queryObject(Object, 1, &information, sizeof(information), NULL)) ||
        information.Name.Buffer == NULL) {
        return;
    }
    units = information.Name.Length / sizeof(WCHAR);
    units = units < Size - 1 ? units : Size - 1;
    CopyMemory(Path, information.Name.Buffer, units * sizeof(WCHAR));
    Path[units] = L'\0';
}

APP_EXIT AppExpectSignal(DWORD Result, PCSTR Object, ULONG TimeoutMs)
{
    switch (Result) {
    case WAIT_OBJECT_0:
        return AppExitOk;
    case WAIT_TIMEOUT:
        return AppFail(AppExitTimeout, STATUS_TIMEOUT,
                       "Look whether the driver knows the event and signaled it: 'eventapp state'",
                       "'%s' was not signaled within %lu ms", Object, (unsigned long)TimeoutMs);
    default:
        return AppFail(AppExitCallFailed, AppLastStatus(), "Check that the handle is open and has SYNCHRONIZE access",
                       "Waiting for '%s' failed", Object);
    }
}

VOID AppEventName(const APP_OPTIONS *Options, PCWSTR Prefix, PCWSTR DefaultLeaf, PWSTR Name, size_t Size)
{
    if (Options->Name != NULL) {
        (void)swprintf(Name, Size, L"%ls%ls", Prefix, Options->Name);
    } else {
        (void)swprintf(Name, Size, L"%ls%ls-%lu", Prefix, DefaultLeaf, (unsigned long)GetCurrentProcessId());
    }
    Name[Size - 1] = L'\0';
}
