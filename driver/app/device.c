/*
 * device.c - the way to the driver: its device, and one bounded request.
 *
 * The calls here stand in parentheses, (CreateEventW)(...), which keeps them from the trace header's macros: the plumbing of
 * a request is not one of the shared events that the sample is about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

APP_EXIT AppDeviceOpen(HANDLE *Device)
{
    NTSTATUS status;

    *Device = (CreateFileW)(EVENTSYS_WIDE(EVENTSYS_WIN32_DEVICE_NAME), GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED, NULL);
    if (*Device == INVALID_HANDLE_VALUE) {
        *Device = NULL;
        status = AppLastStatus();
        AppLog(AppFactNote, "device", NULL, status, "open");
        return AppFail(AppExitNoDriver, status,
                       status == STATUS_ACCESS_DENIED
                           ? "Run it as a user whom the device's security descriptor lets in"
                           : "Start the driver: 'eventscope deploy', or 'sc start eventsys' on the target",
                       "The device %s cannot be opened", EVENTSYS_WIN32_DEVICE_NAME);
    }
    AppLog(AppFactNote, "device", *Device, STATUS_SUCCESS, "open");
    return AppExitOk;
}

VOID AppDeviceClose(HANDLE Device)
{
    if (Device != NULL) {
        (CloseHandle)(Device);
        AppLog(AppFactNote, "device", NULL, STATUS_SUCCESS, "close");
    }
}

/* Waits for the request; at the time limit it is cancelled, and its memory is given up only when it has really ended. */
static NTSTATUS FinishRequest(_In_ const APP_OPTIONS *Options, HANDLE Device, _In_z_ PCSTR Name, _Inout_ OVERLAPPED *Request,
                              _Out_ ULONG *Bytes)
{
    if (GetOverlappedResultEx(Device, Request, Bytes, Options->TimeoutMs, FALSE)) {
        return (NTSTATUS)Request->Internal;
    }
    if (GetLastError() != WAIT_TIMEOUT && GetLastError() != WAIT_IO_COMPLETION) {
        return AppLastStatus();
    }
    (void)CancelIoEx(Device, Request);
    if (!GetOverlappedResultEx(Device, Request, Bytes, Options->TimeoutMs, FALSE) && GetLastError() == WAIT_TIMEOUT) {
        ExitProcess((UINT)AppLogClose(AppFail(AppExitTimeout, STATUS_IO_TIMEOUT,
                                              "Attach a debugger to the driver: it neither completes nor cancels",
                                              "The request '%s' did not end within %lu ms, nor when it was cancelled", Name,
                                              (unsigned long)Options->TimeoutMs)));
    }
    return STATUS_IO_TIMEOUT;
}

NTSTATUS AppIoctl(const APP_OPTIONS *Options, HANDLE Device, PCSTR Name, ULONG Code, PVOID Input, ULONG InputBytes,
                  PVOID Output, ULONG OutputBytes, ULONG *Returned)
{
    const ULONGLONG entry = AppQpc();
    OVERLAPPED request = {0};
    ULONG bytes = 0;
    NTSTATUS status;

    request.hEvent = (CreateEventW)(NULL, TRUE, FALSE, NULL);
    if (request.hEvent == NULL) {
        status = AppLastStatus();
    } else if ((DeviceIoControl)(Device, Code, Input, InputBytes, Output, OutputBytes, &bytes, &request)) {
        status = STATUS_SUCCESS;
    } else if (GetLastError() == ERROR_IO_PENDING) {
        status = FinishRequest(Options, Device, Name, &request, &bytes);
    } else {
        status = AppLastStatus();
    }
    if (request.hEvent != NULL) {
        (CloseHandle)(request.hEvent);
    }
    if (Returned != NULL) {
        *Returned = bytes;
    }
    AppMarkAt(entry);
    AppLog(AppFactIoctl, Name, NULL, status, "code=0x%lx in=%lu out=%lu returned=%lu", (unsigned long)Code,
           (unsigned long)InputBytes, (unsigned long)OutputBytes, (unsigned long)bytes);
    return status;
}
