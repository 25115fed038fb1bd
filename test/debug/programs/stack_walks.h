/*
 * stack_walks.h - stacks as the system's own RtlVirtualUnwind walks them, in the form in which tests read them.
 *
 * Read by test/debug/unwinder.test.ts, which has the same sizes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STACK_WALKS_H
#define STACK_WALKS_H

#include <windows.h>

#include <string.h>

#define MAX_FRAMES 64

/* What calls preserve. */
typedef struct FRAME {
    DWORD64 Rip, Rsp;
    DWORD64 Rbx, Rbp, Rsi, Rdi, R12, R13, R14, R15;
    M128A Xmm[10]; /* 6 to 15 */
} FRAME;           /* 240 bytes */

static void TakeFrame(FRAME *Frame, const CONTEXT *Context)
{
    Frame->Rip = Context->Rip;
    Frame->Rsp = Context->Rsp;
    Frame->Rbx = Context->Rbx;
    Frame->Rbp = Context->Rbp;
    Frame->Rsi = Context->Rsi;
    Frame->Rdi = Context->Rdi;
    Frame->R12 = Context->R12;
    Frame->R13 = Context->R13;
    Frame->R14 = Context->R14;
    Frame->R15 = Context->R15;
    memcpy(Frame->Xmm, &Context->Xmm6, sizeof(Frame->Xmm));
}

/* The first frame is the context itself. Ends before a return address of 0. Changes the context; returns the number of frames. */
static DWORD WalkFrames(CONTEXT *Context, FRAME Frames[MAX_FRAMES])
{
    DWORD count = 0;

    while (count < MAX_FRAMES && Context->Rip != 0) {
        DWORD64 base = 0, establisher = 0;
        PVOID data = NULL;
        RUNTIME_FUNCTION *entry;

        TakeFrame(&Frames[count++], Context);
        entry = RtlLookupFunctionEntry(Context->Rip, &base, NULL);
        if (entry == NULL) {
            Context->Rip = *(DWORD64 *)Context->Rsp;
            Context->Rsp += 8;
        } else {
            RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, Context->Rip, entry, Context, &data, &establisher, NULL);
        }
    }
    return count;
}

#endif
