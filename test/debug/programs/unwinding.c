/*
 * unwinding.c - code of many shapes to walk stacks in.
 *
 *     unwinding.exe threads COUNT            runs it in so many threads until the process is ended
 *     unwinding.exe steps FILE               runs it once, an instruction at a time; FILE gets a walk at each new instruction
 *     unwinding.exe load PROCESS DLL         has another process load a DLL
 *
 * FILE: DWORD count of modules, each DWORD64 base and WCHAR[260] path; then walks: DWORD count of frames, DWORD bytes of stack, the
 * frames, the stack from the first frame's RSP on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stack_walks.h"

#include <psapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define NOINLINE __attribute__((noinline, noclone))
#define MAX_STACK 65536
#define OUTPUT_BYTES (128u << 20)
#define MAX_WALKS 12000
#define SEEN_SLOTS (1u << 20)

static volatile LONG64 Sink;

/* Code of many shapes. */

static NOINLINE LONG64 Leaf(LONG64 Value)
{
    return Value * 31 + 7;
}

static NOINLINE LONG64 TailCall(LONG64 Value)
{
    Sink += Value;
    return Leaf(Value + 1);
}

static NOINLINE LONG64 LargeFrame(LONG64 Value)
{
    volatile BYTE bytes[0x5000];

    bytes[Value & 0xFFF] = (BYTE)Value;
    return TailCall(bytes[Value & 0xFFF]);
}

static NOINLINE LONG64 MovingStack(LONG64 Value)
{
    volatile BYTE *bytes = __builtin_alloca((size_t)(Value & 0x7F) + 16);

    bytes[3] = (BYTE)Value;
    return Leaf(bytes[3]) + LargeFrame(Value);
}

/* Doubles that live over calls: XMM6 and up are saved. */
static NOINLINE double Doubles(double A, double B, double C, double D)
{
    double sum = 0;

    for (int turn = 0; turn < 3; turn++) {
        sum += A * B + C;
        A += (double)Leaf(turn);
        B -= sum / (D + 1);
        C = A - B;
        Sink += (LONG64)D;
    }
    return sum + A + B + C + D;
}

static NOINLINE LONG64 Many(LONG64 A, LONG64 B, LONG64 C, LONG64 D, LONG64 E, LONG64 F)
{
    if (A <= 0) {
        return (LONG64)Doubles((double)B, (double)C, (double)D, (double)E) + MovingStack(F);
    }
    return Many(A - 1, B + C, C ^ D, Leaf(D), E - F, F + 1) + A * B + C * D + E * F;
}

static int __cdecl Compare(const void *Left, const void *Right)
{
    return *(const int *)Left - *(const int *)Right;
}

static NOINLINE void SystemCalls(HANDLE Event)
{
    int numbers[24];
    WCHAR text[64];
    void *block;

    for (int index = 0; index < 24; index++) {
        numbers[index] = (index * 7919) % 101;
    }
    qsort(numbers, 24, sizeof(int), Compare);
    _snwprintf(text, 64, L"%d %s %.3f", numbers[3], L"text", (double)numbers[5] / 3);
    Sink += (LONG64)wcslen(text);
    SetEvent(Event);
    WaitForSingleObject(Event, 0);
    ResetEvent(Event);
    WaitForSingleObject(Event, 0);
    block = HeapAlloc(GetProcessHeap(), 0, 300);
    HeapFree(GetProcessHeap(), 0, block);
    Sleep(0);
}

static NOINLINE void Everything(HANDLE Event)
{
    Sink += Many(4, 1, 2, 3, 4, 5);
    SystemCalls(Event);
}

static __attribute__((noreturn)) DWORD WINAPI RunForEver(PVOID Event)
{
    for (;;) {
        Everything(Event);
    }
}

static int Threads(DWORD Count)
{
    for (DWORD index = 1; index < Count; index++) {
        CloseHandle(CreateThread(NULL, 0, RunForEver, CreateEventW(NULL, FALSE, FALSE, NULL), 0, NULL));
    }
    RunForEver(CreateEventW(NULL, FALSE, FALSE, NULL));
}

/* An instruction at a time. */

static BYTE *Output;
static size_t OutputUsed;
static DWORD WalksMade;
static DWORD64 *Seen;
static volatile BOOL Stepping;

static void Put(const void *Data, size_t Bytes)
{
    memcpy(Output + OutputUsed, Data, Bytes);
    OutputUsed += Bytes;
}

static BOOL IsNew(DWORD64 Address)
{
    DWORD64 slot = (Address * 0x9E3779B97F4A7C15u) >> 44;

    while (Seen[slot] != 0 && Seen[slot] != Address) {
        slot = (slot + 1) % SEEN_SLOTS;
    }
    if (Seen[slot] == Address) {
        return FALSE;
    }
    Seen[slot] = Address;
    return TRUE;
}

static void Record(const CONTEXT *Context)
{
    static FRAME frames[MAX_FRAMES];
    CONTEXT context = *Context;
    ULONG_PTR low = 0, top = 0;
    DWORD counts[2];

    GetCurrentThreadStackLimits(&low, &top);
    counts[0] = WalkFrames(&context, frames);
    counts[1] = (DWORD)min(top - Context->Rsp, MAX_STACK);
    if (WalksMade == MAX_WALKS || OutputUsed + sizeof(frames) + counts[1] + 64 > OUTPUT_BYTES) {
        return;
    }
    WalksMade++;
    Put(counts, sizeof(counts));
    Put(frames, counts[0] * sizeof(FRAME));
    Put((const void *)Context->Rsp, counts[1]);
}

static LONG CALLBACK OnStep(EXCEPTION_POINTERS *Pointers)
{
    if (Pointers->ExceptionRecord->ExceptionCode != (DWORD)EXCEPTION_SINGLE_STEP) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    if (Stepping) {
        if (IsNew(Pointers->ContextRecord->Rip)) {
            Record(Pointers->ContextRecord);
        }
        Pointers->ContextRecord->EFlags |= 0x100;
    } else {
        Pointers->ContextRecord->EFlags &= ~0x100u;
    }
    return EXCEPTION_CONTINUE_EXECUTION;
}

static DWORD WINAPI RunStepped(PVOID Event)
{
    Stepping = TRUE;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
    Everything(Event);
    Stepping = FALSE;
    return 0;
}

static void PutModules(void)
{
    HMODULE modules[64];
    DWORD bytes = 0;
    DWORD count;

    EnumProcessModules(GetCurrentProcess(), modules, sizeof(modules), &bytes);
    count = bytes / sizeof(HMODULE);
    Put(&count, sizeof(count));
    for (DWORD index = 0; index < count; index++) {
        WCHAR path[MAX_PATH] = {0};

        GetModuleFileNameW(modules[index], path, MAX_PATH);
        Put(&modules[index], 8);
        Put(path, sizeof(path));
    }
}

static int Steps(const wchar_t *Path)
{
    const HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    DWORD written = 0;
    HANDLE file, thread;

    Output = VirtualAlloc(NULL, OUTPUT_BYTES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    Seen = VirtualAlloc(NULL, SEEN_SLOTS * sizeof(*Seen), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    AddVectoredExceptionHandler(1, OnStep);
    Everything(event); /* modules and tables that a first call makes */
    PutModules();
    thread = CreateThread(NULL, 0, RunStepped, event, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    file = CreateFileW(Path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (!WriteFile(file, Output, (DWORD)OutputUsed, &written, NULL) || written != OutputUsed) {
        return 3;
    }
    CloseHandle(file);
    return 0;
}

static int Load(DWORD Process, const wchar_t *Path)
{
    const HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, Process);
    const SIZE_T bytes = (wcslen(Path) + 1) * sizeof(wchar_t);
    LPVOID there = VirtualAllocEx(process, NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE thread;

    if (!WriteProcessMemory(process, there, Path, bytes, NULL)) {
        return 3;
    }
    thread = CreateRemoteThread(process, NULL, 0, (LPTHREAD_START_ROUTINE)(void *)LoadLibraryW, there, 0, NULL);
    return thread == NULL || WaitForSingleObject(thread, 30000) != WAIT_OBJECT_0 ? 4 : 0;
}

int wmain(int Count, wchar_t **Arguments)
{
    if (Count == 3 && wcscmp(Arguments[1], L"threads") == 0) {
        return Threads((DWORD)wcstoul(Arguments[2], NULL, 10));
    }
    if (Count == 3 && wcscmp(Arguments[1], L"steps") == 0) {
        return Steps(Arguments[2]);
    }
    if (Count == 4 && wcscmp(Arguments[1], L"load") == 0) {
        return Load((DWORD)wcstoul(Arguments[2], NULL, 10), Arguments[3]);
    }
    return 2;
}
