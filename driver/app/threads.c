/*
 * threads.c - named threads with an exit code of ours.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

VOID AppNameThread(PCWSTR Name)
{
    typedef HRESULT WINAPI SET_THREAD_DESCRIPTION(HANDLE, PCWSTR);
    const HMODULE kernelBase = GetModuleHandleW(L"kernelbase.dll");
    SET_THREAD_DESCRIPTION *setDescription = NULL;

    /* Windows 10 1607 and later; not in every import library, so it is looked up. */
    if (kernelBase != NULL) {
        setDescription = (SET_THREAD_DESCRIPTION *)(ULONG_PTR)GetProcAddress(kernelBase, "SetThreadDescription");
    }
    if (setDescription != NULL) {
        (void)setDescription(GetCurrentThread(), Name);
    }
    EsTraceThreadName(Name);
    AppLog(AppFactNote, "thread", NULL, STATUS_SUCCESS, "name=%ls", Name);
}

static DWORD WINAPI ThreadEntry(PVOID Context)
{
    APP_THREAD *thread = Context;

    AppNameThread(thread->Name);
    return (DWORD)thread->Routine(thread->Context);
}

APP_EXIT AppThreadStart(APP_THREAD *Thread)
{
    Thread->Handle = CreateThread(NULL, 0, ThreadEntry, Thread, 0, NULL);
    if (Thread->Handle == NULL) {
        return AppFail(AppExitCallFailed, AppLastStatus(), "Use fewer threads", "The thread '%ls' could not be created",
                       Thread->Name);
    }
    return AppExitOk;
}

APP_EXIT AppThreadJoin(APP_THREAD *Thread, ULONG TimeoutMs)
{
    DWORD exitCode = AppExitCallFailed;

    if (Thread->Handle == NULL) {
        return AppExitOk;
    }
    /* The parentheses keep housekeeping out of the trace: this wait is not part of what the sample shows. */
    if ((WaitForSingleObject)(Thread->Handle, TimeoutMs) != WAIT_OBJECT_0) {
        /* Its context lies on the caller's stack, which must not go while it runs: so the process ends here and now. */
        ExitProcess((UINT)AppLogClose(AppFail(AppExitTimeout, STATUS_TIMEOUT, "Attach a debugger to see where it hangs",
                                              "The thread '%ls' did not end within %lu ms", Thread->Name,
                                              (unsigned long)TimeoutMs)));
    }
    (void)GetExitCodeThread(Thread->Handle, &exitCode);
    (CloseHandle)(Thread->Handle);
    Thread->Handle = NULL;
    return (APP_EXIT)exitCode;
}
