/*
 * files.c - opens of the device, and the release of all that an open made.
 *
 * Windows sends CLEANUP when the last handle of an open closes, and CLOSE when nothing refers to it any more. Wine 8 sends
 * CLOSE alone; after a kill it sends it from the driver host's own process. So both release, each safe alone and after the
 * other, and neither looks at the current process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

#define ES_SE_DEBUG_PRIVILEGE 20 /* SE_DEBUG_PRIVILEGE of ntifs.h */

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/* IRQL <= DISPATCH_LEVEL. */
_Use_decl_annotations_ VOID EsFileReference(ES_FILE *File)
{
    InterlockedIncrement(&File->References);
}

_Use_decl_annotations_ VOID EsFileDereference(ES_FILE *File)
{
    if (InterlockedDecrement(&File->References) == 0) {
        EsFree(File, ES_TAG_FILE);
    }
}

/* Whether the file's release has begun. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ BOOLEAN EsFileIsClosed(const ES_FILE *File)
{
    BOOLEAN closed;

    ExAcquireFastMutex(&EsDriver.Mutex);
    closed = File->Closed;
    ExReleaseFastMutex(&EsDriver.Mutex);
    return closed;
}

/* Ends all that belongs to the file. IRQL: PASSIVE_LEVEL. Any process. More than once does nothing more. */
static VOID FileRelease(ES_FILE *File)
{
    ExAcquireFastMutex(&EsDriver.Mutex);
    File->Closed = TRUE; /* from here on nothing is added */
    ExReleaseFastMutex(&EsDriver.Mutex);
    EsRequestsCancelFile(File);
    EsSchedulesRelease(File, NULL);
    EsBuffersReleaseFile(File);
    EsEventsReleaseFile(File);
}

/* Takes the file out of the table and drops the file object's reference. */
static VOID FileEnd(ES_FILE *File)
{
    ExAcquireFastMutex(&EsDriver.Mutex);
    RemoveEntryList(&File->Link);
    ExReleaseFastMutex(&EsDriver.Mutex);
    InterlockedDecrement(&EsDriver.Totals.Files);
    InterlockedIncrement64(&EsDriver.Totals.FilesClosed);
    EsFileDereference(File);
}

/* The unload's part; see TablesStop. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ VOID EsFilesReleaseAll(VOID)
{
    for (;;) {
        ES_FILE *file = NULL;

        ExAcquireFastMutex(&EsDriver.Mutex);
        if (!IsListEmpty(&EsDriver.Files)) {
            file = CONTAINING_RECORD(EsDriver.Files.Flink, ES_FILE, Link);
        }
        ExReleaseFastMutex(&EsDriver.Mutex);
        if (file == NULL) {
            return;
        }
        FileRelease(file);
        FileEnd(file);
    }
}

/* IRP_MJ_CREATE. IRQL: PASSIVE_LEVEL, in the opener's context. */
_Use_decl_annotations_ NTSTATUS NTAPI EsDispatchCreate(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    const PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    const LUID debug = {ES_SE_DEBUG_PRIVILEGE, 0};
    ES_FILE *file;

    UNREFERENCED_PARAMETER(DeviceObject);
    stack->FileObject->FsContext = NULL;
    if (stack->FileObject->FileName.Length != 0) {
        return Complete(Irp, STATUS_OBJECT_NAME_NOT_FOUND); /* there is nothing behind the device */
    }
    if ((ULONG)InterlockedIncrement(&EsDriver.Totals.Files) > EVENTSYS_MAX_FILES) {
        InterlockedDecrement(&EsDriver.Totals.Files);
        return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    file = EsAllocate(sizeof(*file), ES_TAG_FILE);
    if (file == NULL) {
        InterlockedDecrement(&EsDriver.Totals.Files);
        return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    file->References = 1;
    file->Process = PsGetCurrentProcessId();
    file->SeesAddresses = SeSinglePrivilegeCheck(debug, Irp->RequestorMode);
    file->Number = (ULONG)InterlockedIncrement64(&EsDriver.Totals.FilesOpened);
    ExAcquireFastMutex(&EsDriver.Mutex);
    InsertTailList(&EsDriver.Files, &file->Link);
    ExReleaseFastMutex(&EsDriver.Mutex);
    stack->FileObject->FsContext = file;
    EsLog("what=open file=%u pid=%u", (unsigned)file->Number, (unsigned)(ULONG_PTR)file->Process);
    return Complete(Irp, STATUS_SUCCESS);
}

/* IRP_MJ_CLEANUP. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS NTAPI EsDispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ES_FILE *file = IoGetCurrentIrpStackLocation(Irp)->FileObject->FsContext;

    UNREFERENCED_PARAMETER(DeviceObject);
    if (file != NULL) {
        InterlockedIncrement64(&EsDriver.Totals.Cleanups);
        EsLog("what=cleanup file=%u pid=%u", (unsigned)file->Number, (unsigned)(ULONG_PTR)file->Process);
        FileRelease(file);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

/* IRP_MJ_CLOSE. IRQL: PASSIVE_LEVEL. */
_Use_decl_annotations_ NTSTATUS NTAPI EsDispatchClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    const PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ES_FILE *file = stack->FileObject->FsContext;

    UNREFERENCED_PARAMETER(DeviceObject);
    if (file != NULL) {
        stack->FileObject->FsContext = NULL;
        EsLog("what=close file=%u pid=%u", (unsigned)file->Number, (unsigned)(ULONG_PTR)file->Process);
        FileRelease(file);
        FileEnd(file);
    }
    return Complete(Irp, STATUS_SUCCESS);
}
