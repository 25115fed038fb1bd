/*
 * registry.c - the one key that a driver asks for: its service's Parameters, with one value when the options name one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

NTSTATUS ZwOpenKey(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes)
{
    static const WCHAR suffix[] = L"\\Parameters";
    const UNICODE_STRING *path = attributes->ObjectName;
    size_t units = path->Length / sizeof(WCHAR), suffixUnits = RTL_NUMBER_OF(suffix) - 1;
    ModelRequireIrql("ZwOpenKey", PASSIVE_LEVEL);
    if (ModelFault("ZwOpenKey")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (ModelOptions.faultValue == NULL || units < suffixUnits ||
        memcmp(path->Buffer + units - suffixUnits, suffix, suffixUnits * sizeof(WCHAR)) != 0) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    ModelLock();
    MODEL_OBJECT *key = ModelNewObjectLocked(&ModelKeyType, 1);
    NTSTATUS status = ModelInsertHandleLocked(PsInitialSystemProcess, key, access, TRUE, TRUE, handle);
    ModelDereferenceLocked(key); /* the handle has its own */
    ModelUnlock();
    return status;
}

NTSTATUS ZwQueryValueKey(HANDLE handle, PUNICODE_STRING name, KEY_VALUE_INFORMATION_CLASS class, PVOID information,
                         ULONG length, PULONG resultLength)
{
    PKEY_VALUE_PARTIAL_INFORMATION answer = information;
    const char *known = ModelOptions.faultValue;
    size_t units = name->Length / sizeof(WCHAR), i = 0;
    ModelRequireIrql("ZwQueryValueKey", PASSIVE_LEVEL);
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelHandleProcess(handle), handle);
    BOOLEAN isKey = entry != NULL && entry->object->type == &ModelKeyType;
    ModelUnlock();
    if (!isKey) {
        return STATUS_INVALID_HANDLE;
    }
    while (known != NULL && i < units && known[i] != 0 && name->Buffer[i] == (WCHAR)known[i]) {
        i++;
    }
    if (known == NULL || i != units || known[i] != 0) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    *resultLength = (ULONG)offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data) + sizeof(ULONG);
    if (class != KeyValuePartialInformation || length < *resultLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    answer->TitleIndex = 0;
    answer->Type = REG_DWORD;
    answer->DataLength = sizeof(ULONG);
    memcpy(answer->Data, &ModelOptions.faultData, sizeof(ULONG));
    return STATUS_SUCCESS;
}
