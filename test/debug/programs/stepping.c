/*
 * stepping.c - places to step through, memory to watch, and an exception that the program handles itself.
 *
 * Runs its round for ever, 20 ms apart, so that a debugger may come at any time. Everything is exported.
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

#define EXCEPTION_OF_OURS 0xE0000001u

volatile LONG64 Watched;
volatile LONG64 Rounds;
volatile LONG64 Handled;

/* Adds its argument, so that a step over it can be told from a step into it. */
void StepCallee(void);
__asm__(".globl StepCallee\n"
        "StepCallee:\n"
        "    lea 5(%rax), %rax\n"
        "    ret\n");

/* A loop of three rounds, a call, a return: StepLoop, StepCall and StepEnd are places in it. */
void StepLoop(void);
__asm__(".globl StepLoop\n"
        ".globl StepCall\n"
        ".globl StepBehindCall\n"
        "StepLoop:\n"
        "    mov $3, %ecx\n"
        "    xor %eax, %eax\n"
        "1:  inc %eax\n"
        "    dec %ecx\n"
        "    jnz 1b\n"
        "StepCall:\n"
        "    call StepCallee\n"
        "StepBehindCall:\n"
        "    lock incq Rounds(%rip)\n"
        "    ret\n");

static LONG CALLBACK Handle(EXCEPTION_POINTERS *Pointers)
{
    if (Pointers->ExceptionRecord->ExceptionCode != EXCEPTION_OF_OURS) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    Handled++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

int wmain(void)
{
    AddVectoredExceptionHandler(1, Handle);
    for (;;) {
        StepLoop();
        Watched = Watched + 1;
        RaiseException(EXCEPTION_OF_OURS, 0, 0, NULL);
        Sleep(20);
    }
}
