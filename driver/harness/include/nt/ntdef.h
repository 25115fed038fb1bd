/*
 * ntdef.h - NT's base types, on a 64-bit Linux host where `long` has 64 bits: every NT type has its own fixed width.
 * wchar_t has 16 bits because the harness is compiled with -fshort-wchar.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_NTDEF_H
#define HARNESS_NTDEF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "sal.h"

_Static_assert(sizeof(wchar_t) == 2, "compile with -fshort-wchar");
_Static_assert(sizeof(void *) == 8, "the harness models a 64-bit kernel");

#define HOST_HARNESS 1
#ifndef _AMD64_
#define _AMD64_ 1
#endif

#define NTAPI
#define NTKERNELAPI
#define NTSYSAPI
#define NTHALAPI
#define FASTCALL
#define STDCALL
#define CONST const
#define VOID void
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_ALIGN(n) __attribute__((aligned(n)))
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define FORCEINLINE static inline
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#define IN
#define OUT
#define OPTIONAL
#define TRUE 1
#define FALSE 0
#define ANYSIZE_ARRAY 1
#define MEMORY_ALLOCATION_ALIGNMENT 16

typedef void *PVOID;
typedef char CHAR;
typedef char CCHAR;
typedef unsigned char UCHAR;
typedef int16_t SHORT;
typedef uint16_t USHORT;
typedef uint16_t WORD;
typedef uint32_t DWORD;
typedef uint8_t BYTE;
typedef uint8_t BOOLEAN;
typedef int32_t BOOL;
typedef int INT;
typedef unsigned int UINT;
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef int32_t LONG32;
typedef uint32_t ULONG32;
typedef uint32_t DWORD32;
typedef long long LONGLONG;
typedef unsigned long long ULONGLONG;
typedef long long LONG64;
typedef unsigned long long ULONG64;
typedef unsigned long long DWORD64;
typedef int64_t INT64;
typedef uint64_t UINT64;
typedef int32_t INT32;
typedef uint32_t UINT32;
typedef int8_t INT8;
typedef uint8_t UINT8;
typedef int16_t INT16;
typedef uint16_t UINT16;
typedef long long LONG_PTR;
typedef unsigned long long ULONG_PTR;
typedef long long INT_PTR;
typedef unsigned long long UINT_PTR;
typedef ULONG_PTR SIZE_T;
typedef LONG_PTR SSIZE_T;
typedef wchar_t WCHAR;
typedef int32_t NTSTATUS;
typedef ULONG ACCESS_MASK;
typedef PVOID HANDLE;
typedef ULONG_PTR KAFFINITY;
typedef LONG KPRIORITY;
typedef UCHAR KIRQL;
typedef CCHAR KPROCESSOR_MODE_TYPE;
typedef int64_t PHYSICAL_ADDRESS_QUAD;

typedef CHAR *PCHAR, *PSTR, *PSZ;
typedef const CHAR *PCSTR, *PCSZ, *LPCSTR;
typedef UCHAR *PUCHAR;
typedef BYTE *PBYTE;
typedef SHORT *PSHORT;
typedef USHORT *PUSHORT;
typedef BOOLEAN *PBOOLEAN;
typedef LONG *PLONG;
typedef ULONG *PULONG;
typedef DWORD *PDWORD;
typedef LONGLONG *PLONGLONG;
typedef ULONGLONG *PULONGLONG;
typedef LONG64 *PLONG64;
typedef ULONG64 *PULONG64;
typedef UINT32 *PUINT32;
typedef UINT64 *PUINT64;
typedef ULONG_PTR *PULONG_PTR;
typedef SIZE_T *PSIZE_T;
typedef WCHAR *PWCHAR, *PWSTR, *PWCH, *LPWSTR;
typedef const WCHAR *PCWSTR, *PCWCH, *LPCWSTR;
typedef NTSTATUS *PNTSTATUS;
typedef HANDLE *PHANDLE;
typedef ACCESS_MASK *PACCESS_MASK;
typedef KIRQL *PKIRQL;
typedef const void *PCVOID;

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER, PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING;
typedef const ANSI_STRING *PCANSI_STRING;

typedef struct _GUID {
    uint32_t Data1;
    uint16_t Data2;
    uint16_t Data3;
    uint8_t Data4[8];
} GUID, *LPGUID;
typedef const GUID *LPCGUID;
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
    const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) extern const GUID name
#endif

typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400

#define InitializeObjectAttributes(p, n, a, r, s)        \
    do {                                                 \
        (p)->Length = (ULONG)sizeof(OBJECT_ATTRIBUTES);  \
        (p)->RootDirectory = (r);                        \
        (p)->Attributes = (a);                           \
        (p)->ObjectName = (PUNICODE_STRING)(n);          \
        (p)->SecurityDescriptor = (s);                   \
        (p)->SecurityQualityOfService = NULL;            \
    } while (0)

typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;

#define RTL_CONSTANT_STRING(s) {sizeof(s) - sizeof((s)[0]), sizeof(s), (PVOID)(s)}
#define DECLARE_CONST_UNICODE_STRING(name, text)        \
    static const WCHAR name##_buffer[] = text;          \
    static const UNICODE_STRING name = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)name##_buffer}
#define UNICODE_NULL ((WCHAR)0)
#define MAXULONG 0xFFFFFFFFu
#define MAXLONG 0x7FFFFFFF
#define MAXUSHORT 0xFFFFu
#define MAXLONGLONG INT64_MAX
#define MAXULONGLONG UINT64_MAX
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)

#define UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_PARAMETER(p) ((void)(p))
#define UNREFERENCED_LOCAL_VARIABLE(p) ((void)(p))
#define C_ASSERT(e) _Static_assert(e, #e)
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define UFIELD_OFFSET(type, field) ((ULONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type *)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (FIELD_OFFSET(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_NUMBER_OF(a) (sizeof(a) / sizeof((a)[0]))
#define ARRAYSIZE(a) RTL_NUMBER_OF(a)
#define CONTAINING_RECORD(address, type, field) ((type *)((PCHAR)(address) - offsetof(type, field)))
#define ALIGN_DOWN_BY(value, alignment) ((ULONG_PTR)(value) & ~((ULONG_PTR)(alignment) - 1))
#define ALIGN_UP_BY(value, alignment) (ALIGN_DOWN_BY((ULONG_PTR)(value) + (alignment) - 1, alignment))
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define FlagOn(flags, bit) ((flags) & (bit))
#define PtrToUlong(p) ((ULONG)(ULONG_PTR)(p))
#define HandleToULong(h) ((ULONG)(ULONG_PTR)(h))
#define HandleToUlong(h) HandleToULong(h)
#define ULongToHandle(u) ((HANDLE)(ULONG_PTR)(u))
#define UlongToHandle(u) ULongToHandle(u)
#define UlongToPtr(u) ((PVOID)(ULONG_PTR)(u))

#endif
