/*
 * object.c - objects, their counts, the namespace and handle tables.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENT_MAPPING \
    {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE, STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE, \
     STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS}
#define FILE_MAPPING {0x120089, 0x120116, 0x1200A0, 0x1F01FF}

struct _OBJECT_TYPE ModelEventType = {"Event", EVENT_MAPPING, EVENT_ALL_ACCESS, NULL, TRUE};
struct _OBJECT_TYPE ModelSemaphoreType = {"Semaphore", EVENT_MAPPING, SEMAPHORE_ALL_ACCESS, NULL, TRUE};
struct _OBJECT_TYPE ModelProcessType = {"Process", {0, 0, 0, PROCESS_ALL_ACCESS}, PROCESS_ALL_ACCESS, NULL, FALSE};
struct _OBJECT_TYPE ModelThreadType = {"Thread", {0, 0, 0, THREAD_ALL_ACCESS}, THREAD_ALL_ACCESS, NULL, FALSE};
struct _OBJECT_TYPE ModelFileType = {"File", FILE_MAPPING, 0x1F01FF, ModelFileDelete, FALSE};
struct _OBJECT_TYPE ModelDeviceType = {"Device", FILE_MAPPING, 0x1F01FF, ModelDeviceDelete, TRUE};
struct _OBJECT_TYPE ModelDirectoryType = {"Directory", {0x20003, 0x2000C, 0x20003, DIRECTORY_ALL_ACCESS},
                                          DIRECTORY_ALL_ACCESS, NULL, TRUE};
struct _OBJECT_TYPE ModelLinkType = {"SymbolicLink", {0x20001, 0x20000, 0x20001, 0xF0001}, 0xF0001, NULL, TRUE};
struct _OBJECT_TYPE ModelKeyType = {"Key", {0x20019, 0x20006, 0x20019, 0xF003F}, 0xF003F, NULL, FALSE};
struct _OBJECT_TYPE ModelSectionType = {"Section", {0x20005, 0x20002, 0x20008, 0xF001F}, 0xF001F, ModelSectionDelete,
                                        TRUE};

static POBJECT_TYPE eventType = &ModelEventType, semaphoreType = &ModelSemaphoreType, processType = &ModelProcessType,
                    threadType = &ModelThreadType, fileType = &ModelFileType, sectionType = &ModelSectionType;
POBJECT_TYPE *ExEventObjectType = &eventType;
POBJECT_TYPE *ExSemaphoreObjectType = &semaphoreType;
POBJECT_TYPE *PsProcessType = &processType;
POBJECT_TYPE *PsThreadType = &threadType;
POBJECT_TYPE *IoFileObjectType = &fileType;
POBJECT_TYPE *MmSectionObjectType = &sectionType;

static MODEL_OBJECT *objects;
static MODEL_OBJECT *root;

MODEL_OBJECT *ModelNewObjectLocked(POBJECT_TYPE type, size_t bodyBytes)
{
    MODEL_OBJECT *object = calloc(1, sizeof *object + bodyBytes);
    if (object == NULL) {
        ModelFail("the host is out of memory");
    }
    object->type = type;
    object->pointers = 1;
    object->next = objects;
    object->link = &objects;
    if (objects != NULL) {
        objects->link = &object->next;
    }
    objects = object;
    return object;
}

void ModelReferenceLocked(MODEL_OBJECT *object)
{
    object->pointers++;
}

MODEL_OBJECT *ModelDereferenceLocked(MODEL_OBJECT *object)
{
    if (object->pointers <= 0) {
        ModelFail("a %s loses a reference that it does not have", object->type->name);
    }
    if (--object->pointers != 0) {
        return NULL;
    }
    ModelRemoveNameLocked(object);
    *object->link = object->next;
    if (object->next != NULL) {
        object->next->link = object->link;
    }
    return object;
}

void ModelDeleteObject(MODEL_OBJECT *object)
{
    if (object->type->deleteBody != NULL) {
        object->type->deleteBody(object->body);
    }
    free(object->dacl);
    free(object->name);
    free(object);
}

MODEL_OBJECT *ModelFindObjectLocked(PVOID body)
{
    for (MODEL_OBJECT *o = objects; o != NULL; o = o->next) {
        if ((PVOID)o->body == body) {
            return o;
        }
    }
    return NULL;
}

MODEL_OBJECT *ModelNextObjectLocked(MODEL_OBJECT *object)
{
    return object == NULL ? objects : object->next;
}

/* ---- the namespace ---- */

static WCHAR Fold(WCHAR c, BOOLEAN fold)
{
    return fold && c >= 'a' && c <= 'z' ? (WCHAR)(c - 'a' + 'A') : c;
}

static BOOLEAN SameName(const WCHAR *name, const WCHAR *text, size_t units, BOOLEAN fold)
{
    for (size_t i = 0; i < units; i++) {
        if (name[i] == 0 || Fold(name[i], fold) != Fold(text[i], fold)) {
            return FALSE;
        }
    }
    return name[units] == 0;
}

static MODEL_OBJECT *FindEntryLocked(const MODEL_OBJECT *directory, const WCHAR *text, size_t units, BOOLEAN fold)
{
    for (MODEL_OBJECT *o = objects; o != NULL; o = o->next) {
        if (o->directory == directory && o->name != NULL && SameName(o->name, text, units, fold)) {
            return o;
        }
    }
    return NULL;
}

NTSTATUS ModelInsertNameLocked(MODEL_OBJECT *object, MODEL_OBJECT *parent, const WCHAR *leaf, size_t units)
{
    object->name = calloc(units + 1, sizeof(WCHAR));
    memcpy(object->name, leaf, units * sizeof(WCHAR));
    object->directory = parent;
    return STATUS_SUCCESS;
}

void ModelRemoveNameLocked(MODEL_OBJECT *object)
{
    free(object->name);
    object->name = NULL;
    object->directory = NULL;
}

static NTSTATUS LookupLocked(const WCHAR *path, size_t units, BOOLEAN fold, BOOLEAN openLink, ULONG depth,
                             MODEL_NAME *found)
{
    MODEL_OBJECT *directory = root;
    size_t at = 0;
    memset(found, 0, sizeof *found);
    if (units == 0 || path[0] != '\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (depth > 8) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    while (at < units) {
        size_t start = ++at;
        while (at < units && path[at] != '\\') {
            at++;
        }
        if (at == start) {
            return at == units && units == 1 ? STATUS_OBJECT_TYPE_MISMATCH : STATUS_OBJECT_NAME_INVALID;
        }
        BOOLEAN last = at == units;
        MODEL_OBJECT *entry = FindEntryLocked(directory, path + start, at - start, fold);
        if (entry == NULL) {
            if (!last) {
                return STATUS_OBJECT_PATH_NOT_FOUND;
            }
            found->parent = directory;
            found->leaf = path + start;
            found->leafUnits = at - start;
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        if (entry->type == &ModelLinkType && !(last && openLink)) {
            MODEL_LINK *link = (MODEL_LINK *)entry->body;
            size_t targetUnits = ModelWcslen(link->target);
            if (targetUnits + (units - at) > RTL_NUMBER_OF(found->buffer)) {
                return STATUS_OBJECT_NAME_INVALID;
            }
            WCHAR joined[RTL_NUMBER_OF(found->buffer)];
            memcpy(joined, link->target, targetUnits * sizeof(WCHAR));
            memcpy(joined + targetUnits, path + at, (units - at) * sizeof(WCHAR));
            size_t joinedUnits = targetUnits + units - at;
            NTSTATUS status = LookupLocked(joined, joinedUnits, fold, openLink, depth + 1, found);
            /* The leaf points into the joined path, which ends with this call. */
            if (found->leaf != NULL && (found->leaf < found->buffer ||
                                        found->leaf >= found->buffer + RTL_NUMBER_OF(found->buffer))) {
                memcpy(found->buffer, found->leaf, found->leafUnits * sizeof(WCHAR));
                found->leaf = found->buffer;
            }
            if (found->rest != NULL && found->restUnits != 0) {
                found->rest = path + (units - found->restUnits);
            }
            return status;
        }
        if (last || entry->type == &ModelDeviceType) {
            found->object = entry;
            found->rest = path + at;
            found->restUnits = units - at;
            return STATUS_SUCCESS;
        }
        if (entry->type != &ModelDirectoryType) {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        directory = entry;
    }
    return STATUS_OBJECT_NAME_INVALID;
}

NTSTATUS ModelLookupLocked(const WCHAR *path, size_t units, BOOLEAN fold, BOOLEAN openLink, MODEL_NAME *found)
{
    return LookupLocked(path, units, fold, openLink, 0, found);
}

static MODEL_OBJECT *MakeDirectory(const WCHAR *path)
{
    MODEL_NAME name;
    MODEL_OBJECT *directory = ModelNewObjectLocked(&ModelDirectoryType, sizeof(MODEL_DIRECTORY));
    directory->permanent = TRUE;
    if (path == NULL) {
        return directory;
    }
    ModelLookupLocked(path, ModelWcslen(path), FALSE, FALSE, &name);
    ModelInsertNameLocked(directory, name.parent, name.leaf, name.leafUnits);
    return directory;
}

static void MakeLink(const WCHAR *path, const WCHAR *target)
{
    MODEL_NAME name;
    MODEL_OBJECT *link = ModelNewObjectLocked(&ModelLinkType, sizeof(MODEL_LINK));
    link->permanent = TRUE;
    memcpy(((MODEL_LINK *)link->body)->target, target, (ModelWcslen(target) + 1) * sizeof(WCHAR));
    ModelLookupLocked(path, ModelWcslen(path), FALSE, FALSE, &name);
    ModelInsertNameLocked(link, name.parent, name.leaf, name.leafUnits);
}

void ModelObjectsStart(void)
{
    objects = NULL;
    ModelLock();
    root = MakeDirectory(NULL);
    MakeDirectory(L"\\Device");
    MakeDirectory(L"\\Driver");
    MakeDirectory(L"\\GLOBAL\?\?");
    MakeDirectory(L"\\BaseNamedObjects");
    MakeDirectory(L"\\Sessions");
    MakeDirectory(L"\\Sessions\\1");
    MakeDirectory(L"\\Sessions\\1\\BaseNamedObjects");
    MakeLink(L"\\\?\?", L"\\GLOBAL\?\?");
    MakeLink(L"\\DosDevices", L"\\GLOBAL\?\?");
    ModelUnlock();
}

/* What a scenario, or the driver, has left. Its own part of the model's objects is passed over. */
void ModelObjectsEnd(void)
{
    ModelLock();
    for (MODEL_OBJECT *o = objects, *next; o != NULL; o = next) {
        next = o->next;
        if (!o->permanent) {
            ModelFail("left behind: a %s%s%ws with %d references, %d of the driver's, %d handles", o->type->name,
                      o->name != NULL ? " named " : "", o->name != NULL ? o->name : L"", o->pointers,
                      o->driverReferences, o->handles);
        }
        free(o->name);
        free(o->dacl);
        free(o);
    }
    objects = root = NULL;
    ModelUnlock();
}
