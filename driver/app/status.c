/*
 * status.c - failures in Windows' own words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <stdio.h>
#include <string.h>

#define APP_NAMED(status) {(ULONG)(status), #status}

/* Statuses that the driver or the system answers in this program's life. */
static const struct {
    ULONG Status;
    PCSTR Name;
} AppStatusNames[] = {
    APP_NAMED(STATUS_SUCCESS),
    APP_NAMED(STATUS_ABANDONED),
    APP_NAMED(STATUS_TIMEOUT),
    APP_NAMED(STATUS_PENDING),
    APP_NAMED(STATUS_OBJECT_NAME_EXISTS),
    APP_NAMED(STATUS_BUFFER_OVERFLOW),
    APP_NAMED(STATUS_UNSUCCESSFUL),
    APP_NAMED(STATUS_NOT_IMPLEMENTED),
    APP_NAMED(STATUS_INFO_LENGTH_MISMATCH),
    APP_NAMED(STATUS_ACCESS_VIOLATION),
    APP_NAMED(STATUS_INVALID_HANDLE),
    APP_NAMED(STATUS_INVALID_PARAMETER),
    APP_NAMED(STATUS_NO_SUCH_DEVICE),
    APP_NAMED(STATUS_NO_SUCH_FILE),
    APP_NAMED(STATUS_INVALID_DEVICE_REQUEST),
    APP_NAMED(STATUS_ACCESS_DENIED),
    APP_NAMED(STATUS_BUFFER_TOO_SMALL),
    APP_NAMED(STATUS_OBJECT_TYPE_MISMATCH),
    APP_NAMED(STATUS_OBJECT_NAME_INVALID),
    APP_NAMED(STATUS_OBJECT_NAME_NOT_FOUND),
    APP_NAMED(STATUS_OBJECT_NAME_COLLISION),
    APP_NAMED(STATUS_OBJECT_PATH_NOT_FOUND),
    APP_NAMED(STATUS_REVISION_MISMATCH),
    APP_NAMED(STATUS_INSUFFICIENT_RESOURCES),
    APP_NAMED(STATUS_DEVICE_NOT_READY),
    APP_NAMED(STATUS_INVALID_CONNECTION),
    APP_NAMED(STATUS_IO_TIMEOUT),
    APP_NAMED(STATUS_NOT_SUPPORTED),
    APP_NAMED(STATUS_CANCELLED),
    APP_NAMED(STATUS_INVALID_DEVICE_STATE),
    APP_NAMED(STATUS_INVALID_BUFFER_SIZE),
    APP_NAMED(STATUS_NOT_FOUND),
    APP_NAMED(STATUS_ALREADY_REGISTERED),
};

PCSTR AppStatusName(NTSTATUS Status)
{
    for (size_t index = 0; index < RTL_NUMBER_OF(AppStatusNames); index++) {
        if (AppStatusNames[index].Status == (ULONG)Status) {
            return AppStatusNames[index].Name;
        }
    }
    return (ULONG)Status >> 16 == 0xC007 ? "Win32 error" : "NTSTATUS";
}

PCSTR AppStatusText(NTSTATUS Status, _Out_writes_z_(Size) PSTR Text, size_t Size)
{
    const BOOL win32 = (ULONG)Status >> 16 == 0xC007;
    const ULONG code = win32 ? (ULONG)Status & 0xFFFF : (ULONG)Status;
    CHAR message[256];
    DWORD length;

    length = FormatMessageA((win32 ? FORMAT_MESSAGE_FROM_SYSTEM : FORMAT_MESSAGE_FROM_HMODULE) |
                                FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                            win32 ? NULL : GetModuleHandleW(L"ntdll.dll"), code, 0, message, sizeof(message), NULL);
    while (length > 0 && (message[length - 1] == ' ' || message[length - 1] == '.')) {
        length--;
    }
    message[length] = '\0';
    (void)snprintf(Text, Size, win32 ? "%s %lu%s%s" : "%s (0x%08lX)%s%s", AppStatusName(Status), (unsigned long)code,
                   length > 0 ? ": " : "", message);
    return Text;
}

NTSTATUS AppLastStatus(VOID)
{
    typedef NTSTATUS NTAPI LAST_STATUS(VOID);
    typedef ULONG NTAPI TO_ERROR(NTSTATUS);
    const DWORD error = GetLastError();
    const HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    LAST_STATUS *lastStatus = NULL;
    TO_ERROR *toError = NULL;
    NTSTATUS status;

    if (error == ERROR_SUCCESS) {
        return STATUS_SUCCESS;
    }
    if (ntdll != NULL) {
        lastStatus = (LAST_STATUS *)(ULONG_PTR)GetProcAddress(ntdll, "RtlGetLastNtStatus");
        toError = (TO_ERROR *)(ULONG_PTR)GetProcAddress(ntdll, "RtlNtStatusToDosError");
    }
    if (lastStatus != NULL && toError != NULL) {
        status = lastStatus();
        /* The last status may be of an earlier call: it counts only when it is where the error came from. */
        if (status != STATUS_SUCCESS && toError(status) == error) {
            SetLastError(error);
            return status;
        }
    }
    SetLastError(error);
    return (NTSTATUS)(0xC0070000u | (error & 0xFFFF)); /* NTSTATUS_FROM_WIN32 */
}
