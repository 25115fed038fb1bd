/*
 * section.c - sections and their views. Each view is a host mapping of its own: memory that was unmapped faults.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "model_internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ull

typedef struct MODEL_SECTION {
    int file;
    SIZE_T bytes;
} MODEL_SECTION;

typedef struct MODEL_VIEW {
    struct MODEL_VIEW *next;
    MODEL_OBJECT *section;
    PEPROCESS process;
    PVOID base;
    SIZE_T bytes;
    BOOLEAN byDriver;
} MODEL_VIEW;

static MODEL_VIEW *views;

void ModelSectionDelete(PVOID body)
{
    close(((MODEL_SECTION *)body)->file);
}

NTSTATUS UserCreateSection(PEPROCESS process, SIZE_T bytes, ACCESS_MASK access, HANDLE *handle)
{
    ModelLock();
    MODEL_OBJECT *object = ModelNewObjectLocked(&ModelSectionType, sizeof(MODEL_SECTION));
    MODEL_SECTION *section = (MODEL_SECTION *)object->body;
    section->bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
    section->file = memfd_create("section", MFD_CLOEXEC);
    if (section->file < 0 || ftruncate(section->file, (off_t)section->bytes) != 0) {
        ModelFail("the host cannot make a section");
    }
    NTSTATUS status = ModelInsertHandleLocked(process, object, ModelMapAccess(&ModelSectionType, access), FALSE, FALSE,
                                              handle);
    MODEL_OBJECT *gone = ModelDereferenceLocked(object);
    ModelUnlock();
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return status;
}

/* `bytes` 0 = all of it. Reference counting by view, as in NT: a view outlives its section's handles. */
static NTSTATUS MapLocked(MODEL_OBJECT *object, PEPROCESS process, BOOLEAN byDriver, PVOID *base, SIZE_T *bytes,
                          LONGLONG offset)
{
    MODEL_SECTION *section = (MODEL_SECTION *)object->body;
    SIZE_T length = (*bytes == 0 ? section->bytes - (SIZE_T)offset : *bytes + PAGE - 1) & ~(PAGE - 1);
    if (offset < 0 || (offset & 0xFFFF) != 0 || (SIZE_T)offset >= section->bytes ||
        length > section->bytes - (SIZE_T)offset || *bytes > section->bytes) {
        return STATUS_INVALID_VIEW_SIZE;
    }
    PVOID address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, section->file, (off_t)offset);
    if (address == MAP_FAILED) {
        return STATUS_NO_MEMORY;
    }
    MODEL_VIEW *view = calloc(1, sizeof *view);
    *view = (MODEL_VIEW){views, object, process, address, length, byDriver};
    views = view;
    ModelReferenceLocked(object);
    *base = address;
    *bytes = length;
    return STATUS_SUCCESS;
}

static NTSTATUS Unmap(PEPROCESS process, PVOID base, BOOLEAN byDriver, const char *call)
{
    ModelLock();
    MODEL_VIEW **link = &views;
    while (*link != NULL && !((*link)->base == base && (*link)->process == process)) {
        link = &(*link)->next;
    }
    MODEL_VIEW *view = *link;
    if (view == NULL) {
        ModelUnlock();
        if (byDriver) {
            ModelFail("%s on %p, which is no view of %s", call, base, process != NULL ? process->name : "the system space");
        }
        return STATUS_NOT_MAPPED_VIEW;
    }
    if (view->byDriver != byDriver) {
        ModelFail("%s on a view that the driver did not map", call);
    }
    *link = view->next;
    MODEL_OBJECT *gone = ModelDereferenceLocked(view->section);
    ModelUnlock();
    munmap(view->base, view->bytes);
    free(view);
    if (gone != NULL) {
        ModelDeleteObject(gone);
    }
    return STATUS_SUCCESS;
}

NTSTATUS UserMapSection(PEPROCESS process, HANDLE handle, PVOID *base)
{
    SIZE_T bytes = 0;
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(process, handle);
    NTSTATUS status = entry == NULL ? STATUS_INVALID_HANDLE : MapLocked(entry->object, process, FALSE, base, &bytes, 0);
    ModelUnlock();
    return status;
}

NTSTATUS UserUnmapSection(PEPROCESS process, PVOID base)
{
    return Unmap(process, base, FALSE, "UserUnmapSection");
}

void ModelUnmapAllOf(PEPROCESS process)
{
    for (;;) {
        ModelLock();
        MODEL_VIEW *view = views;
        while (view != NULL && view->process != process) {
            view = view->next;
        }
        PVOID base = view != NULL ? view->base : NULL;
        BOOLEAN byDriver = view != NULL && view->byDriver;
        ModelUnlock();
        if (base == NULL) {
            return;
        }
        /* The process's end takes the driver's views in it too; one that the driver unmaps later is its error. */
        Unmap(process, base, byDriver, "the process's end");
    }
}

NTSTATUS ZwMapViewOfSection(HANDLE handle, HANDLE process, PVOID *base, ULONG_PTR zeroBits, SIZE_T commit,
                            PLARGE_INTEGER offset, PSIZE_T bytes, SECTION_INHERIT inherit, ULONG type, ULONG protect)
{
    UNREFERENCED_PARAMETER(zeroBits);
    UNREFERENCED_PARAMETER(commit);
    UNREFERENCED_PARAMETER(inherit);
    UNREFERENCED_PARAMETER(type);
    ModelRequireIrql("ZwMapViewOfSection", PASSIVE_LEVEL);
    if (process != NtCurrentProcess() || protect != PAGE_READWRITE) {
        ModelFail("ZwMapViewOfSection: only PAGE_READWRITE views of the current process are modelled");
    }
    if (ModelFault("ZwMapViewOfSection")) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PEPROCESS target = ModelHandleProcess(process);
    ModelLock();
    MODEL_HANDLE *entry = ModelFindHandleLocked(ModelHandleProcess(handle), handle);
    NTSTATUS status;
    if (entry == NULL) {
        status = STATUS_INVALID_HANDLE;
    } else if (entry->object->type != &ModelSectionType) {
        status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (!entry->byDriver && ModelTarget() == ModelWindows) {
        ModelFail("ZwMapViewOfSection takes user handle %p: its access is not checked", handle);
    } else {
        status = MapLocked(entry->object, target, TRUE, base, bytes, offset != NULL ? offset->QuadPart : 0);
    }
    ModelUnlock();
    return status;
}

NTSTATUS ZwUnmapViewOfSection(HANDLE process, PVOID base)
{
    ModelRequireIrql("ZwUnmapViewOfSection", PASSIVE_LEVEL);
    return Unmap(ModelHandleProcess(process), base, TRUE, "ZwUnmapViewOfSection");
}

NTSTATUS MmMapViewInSystemSpace(PVOID section, PVOID *base, PSIZE_T bytes)
{
    ModelRequireIrql("MmMapViewInSystemSpace", APC_LEVEL);
    if (ModelTarget() == ModelWine) {
        ModelFail("MmMapViewInSystemSpace is not there on Wine: the driver host would end");
    }
    if (ModelFault("MmMapViewInSystemSpace")) {
        return STATUS_NO_MEMORY;
    }
    ModelLock();
    MODEL_OBJECT *object = ModelFindObjectLocked(section);
    if (object == NULL || object->type != &ModelSectionType) {
        ModelFail("MmMapViewInSystemSpace on %p, which is no section", section);
    }
    NTSTATUS status = MapLocked(object, NULL, TRUE, base, bytes, 0);
    ModelUnlock();
    return status;
}

NTSTATUS MmUnmapViewInSystemSpace(PVOID base)
{
    ModelRequireIrql("MmUnmapViewInSystemSpace", APC_LEVEL);
    return Unmap(NULL, base, TRUE, "MmUnmapViewInSystemSpace");
}

ULONG ModelDriverViewsLocked(void)
{
    ULONG count = 0;
    for (MODEL_VIEW *v = views; v != NULL; v = v->next) {
        count += v->byDriver ? 1 : 0;
    }
    return count;
}
