/*
 * guarded_copy.c - copies from or to a view of a section that an application made.
 *
 * The application decides what is behind the view: pages that were never committed, or a file on a disk that went away. An
 * access can therefore raise an exception at any time, whatever was checked before; it comes back as a status here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#if defined(__MINGW32__) && defined(__x86_64__)

/* clang has no __try for this target: the frame and its handler are written down by hand. */
__asm__(".text\n"
        ".globl EsCopyGuarded\n"
        ".def EsCopyGuarded; .scl 2; .type 32; .endef\n"
        ".seh_proc EsCopyGuarded\n"
        "EsCopyGuarded:\n"
        "    pushq %rdi\n"
        "    .seh_pushreg %rdi\n"
        "    pushq %rsi\n"
        "    .seh_pushreg %rsi\n"
        "    subq $8, %rsp\n"
        "    .seh_stackalloc 8\n"
        "    .seh_endprologue\n"
        "    movq %rcx, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %r8, %rcx\n"
        "    xorl %eax, %eax\n"
        "    rep movsb\n"
        ".globl EsCopyGuardedEnd\n"
        "EsCopyGuardedEnd:\n"
        "    nop\n"
        "    addq $8, %rsp\n"
        "    popq %rsi\n"
        "    popq %rdi\n"
        "    ret\n"
        ".seh_handler EsCopyGuardedFault, @except\n"
        ".seh_endproc\n");

extern const UCHAR EsCopyGuardedEnd[];

#define ES_EXCEPTION_UNWIND 0x66 /* EXCEPTION_UNWIND of the WDK: any of its four unwinding flags */

/* Goes on behind the copy, with the exception's code as the result. */
EXCEPTION_DISPOSITION NTAPI EsCopyGuardedFault(PEXCEPTION_RECORD Exception, PVOID Frame, PCONTEXT Context, PVOID Dispatcher);
EXCEPTION_DISPOSITION NTAPI EsCopyGuardedFault(PEXCEPTION_RECORD Exception, PVOID Frame, PCONTEXT Context, PVOID Dispatcher)
{
    UNREFERENCED_PARAMETER(Frame);
    UNREFERENCED_PARAMETER(Dispatcher);
    if ((Exception->ExceptionFlags & ES_EXCEPTION_UNWIND) != 0) {
        return ExceptionContinueSearch;
    }
    Context->Rip = (ULONG_PTR)EsCopyGuardedEnd;
    Context->Rax = (ULONG)Exception->ExceptionCode;
    return ExceptionContinueExecution;
}

#elif defined(_MSC_VER)

/* IRQL <= APC_LEVEL. */
_Use_decl_annotations_ NTSTATUS EsCopyGuarded(VOID *To, const VOID *From, SIZE_T Bytes)
{
    __try {
        RtlCopyMemory(To, From, Bytes);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

#else

/* The host harness: its sections are plain memory. */
NTSTATUS EsCopyGuarded(VOID *To, const VOID *From, SIZE_T Bytes)
{
    RtlCopyMemory(To, From, Bytes);
    return STATUS_SUCCESS;
}

#endif
