/*
 * parameters.c - what the service's Parameters key says; only a build for tests asks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#if defined(EVENTSYS_TEST_FAULTS)

#define ES_MAX_KEY_BYTES 512

/* A REG_DWORD, or `Otherwise`. IRQL: PASSIVE_LEVEL. */
static ULONG ReadDword(HANDLE Key, PCWSTR Name, ULONG Otherwise)
{
    union {
        KEY_VALUE_PARTIAL_INFORMATION Head;
        UCHAR Bytes[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    } value;
    ULONG bytes, result = Otherwise;
    UNICODE_STRING name;

    RtlInitUnicodeString(&name, Name);
    if (NT_SUCCESS(ZwQueryValueKey(Key, &name, KeyValuePartialInformation, &value, sizeof(value), &bytes)) &&
        value.Head.Type == REG_DWORD && value.Head.DataLength == sizeof(result)) {
        RtlCopyMemory(&result, value.Head.Data, sizeof(result));
    }
    return result;
}

/* IRQL: PASSIVE_LEVEL, in DriverEntry. */
_Use_decl_annotations_ VOID EsParametersRead(PUNICODE_STRING RegistryPath)
{
    static const WCHAR suffix[] = L"\\Parameters";
    const ULONG suffixBytes = sizeof(suffix) - sizeof(WCHAR);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING path;
    HANDLE key;

    if (RegistryPath->Length + suffixBytes > ES_MAX_KEY_BYTES) {
        return;
    }
    path.Buffer = EsAllocate(ES_MAX_KEY_BYTES, ES_TAG_REGISTRY);
    if (path.Buffer == NULL) {
        return;
    }
    RtlCopyMemory(path.Buffer, RegistryPath->Buffer, RegistryPath->Length);
    RtlCopyMemory((PUCHAR)path.Buffer + RegistryPath->Length, suffix, suffixBytes);
    path.Length = (USHORT)(RegistryPath->Length + suffixBytes);
    path.MaximumLength = ES_MAX_KEY_BYTES;
    InitializeObjectAttributes(&attributes, &path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes))) {
        EsDriver.FaultInEntry = ReadDword(key, EVENTSYS_WIDE(EVENTSYS_PARAMETER_FAULT_IN_ENTRY), 0);
        EsDriver.HangInUnload = (LONG)ReadDword(key, EVENTSYS_WIDE(EVENTSYS_PARAMETER_HANG_IN_UNLOAD), 0);
        (VOID)(ZwClose)(key);
    }
    EsFree(path.Buffer, ES_TAG_REGISTRY);
}

#else

_Use_decl_annotations_ VOID EsParametersRead(PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
}

#endif
