/*
 * ioctl.c - device-control requests: one table of codes, one place that checks their buffers.
 *
 * All codes are METHOD_BUFFERED, so the I/O manager has copied the input already and the requestor cannot change it any
 * more. Input and output share the system buffer: a handler copies its input before it writes output.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventsys.h"

typedef struct ES_IOCTL {
    ULONG Code;
    ULONG InputBytes;  /* exactly; starts with EVENTSYS_HEAD when not 0 */
    ULONG OutputBytes; /* at least */
    ES_IOCTL_HANDLER *Handler;
} ES_IOCTL;

#if defined(EVENTSYS_TEST_FAULTS)
#define ES_FAULT_HANDLER EsIoctlFault
#else
#define ES_FAULT_HANDLER NULL
#endif

static const ES_IOCTL Ioctls[] = {
    {IOCTL_EVENTSYS_QUERY_VERSION, 0, sizeof(EVENTSYS_VERSION_OUTPUT), EsIoctlQueryVersion},
    {IOCTL_EVENTSYS_QUERY_STATE, sizeof(EVENTSYS_HEAD), sizeof(EVENTSYS_STATE_OUTPUT), EsIoctlQueryState},
    {IOCTL_EVENTSYS_REGISTER_EVENT, sizeof(EVENTSYS_REGISTER_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT), EsIoctlRegisterEvent},
    {IOCTL_EVENTSYS_UNREGISTER_EVENT, sizeof(EVENTSYS_ID_INPUT), 0, EsIoctlUnregisterEvent},
    {IOCTL_EVENTSYS_GET_EVENT, sizeof(EVENTSYS_GET_EVENT_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT), EsIoctlGetEvent},
    {IOCTL_EVENTSYS_OPEN_NAMED_EVENT, sizeof(EVENTSYS_OPEN_NAMED_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT), EsIoctlOpenNamedEvent},
    {IOCTL_EVENTSYS_CREATE_NAMED_EVENT, sizeof(EVENTSYS_CREATE_NAMED_INPUT), sizeof(EVENTSYS_EVENT_OUTPUT),
     EsIoctlCreateNamedEvent},
    {IOCTL_EVENTSYS_SIGNAL_EVENT, sizeof(EVENTSYS_SIGNAL_INPUT), sizeof(EVENTSYS_SIGNAL_OUTPUT), EsIoctlSignalEvent},
    {IOCTL_EVENTSYS_SCHEDULE, sizeof(EVENTSYS_SCHEDULE_INPUT), sizeof(EVENTSYS_SCHEDULE_OUTPUT), EsIoctlSchedule},
    {IOCTL_EVENTSYS_CANCEL_SCHEDULE, sizeof(EVENTSYS_ID_INPUT), 0, EsIoctlCancelSchedule},
    {IOCTL_EVENTSYS_WAIT_NOTIFICATION, sizeof(EVENTSYS_WAIT_INPUT), sizeof(EVENTSYS_NOTIFICATION_OUTPUT),
     EsIoctlWaitNotification},
    {IOCTL_EVENTSYS_NOTIFY, sizeof(EVENTSYS_NOTIFY_INPUT), 0, EsIoctlNotify},
    {IOCTL_EVENTSYS_REGISTER_BUFFER, sizeof(EVENTSYS_REGISTER_BUFFER_INPUT), sizeof(EVENTSYS_REGISTER_BUFFER_OUTPUT),
     EsIoctlRegisterBuffer},
    {IOCTL_EVENTSYS_UNREGISTER_BUFFER, sizeof(EVENTSYS_ID_INPUT), 0, EsIoctlUnregisterBuffer},
    {IOCTL_EVENTSYS_FAULT, sizeof(EVENTSYS_FAULT_INPUT), 0, ES_FAULT_HANDLER},
};

C_ASSERT(RTL_NUMBER_OF(Ioctls) == 15);
/* The codes are consecutive functions: a missing line would leave a gap in the numbers. */
C_ASSERT((IOCTL_EVENTSYS_FAULT >> 2 & 0xFFF) - (IOCTL_EVENTSYS_QUERY_VERSION >> 2 & 0xFFF) + 1 == RTL_NUMBER_OF(Ioctls));

/* The head of an output. Any IRQL. */
_Use_decl_annotations_ VOID EsHead(EVENTSYS_HEAD *Head, SIZE_T Bytes)
{
    Head->version = EVENTSYS_ABI_VERSION;
    Head->bytes = (uint32_t)Bytes;
}

static const ES_IOCTL *FindIoctl(ULONG Code)
{
    ULONG index;

    for (index = 0; index < RTL_NUMBER_OF(Ioctls); index++) {
        if (Ioctls[index].Code == Code) {
            return Ioctls[index].Handler != NULL ? &Ioctls[index] : NULL;
        }
    }
    return NULL;
}

/* Size, then version, as eventsys_public.h promises. */
static NTSTATUS CheckBuffers(const ES_IOCTL *Ioctl, const ES_CALL *Call)
{
    const EVENTSYS_HEAD *head = Call->Buffer;

    if (Call->InputBytes != Ioctl->InputBytes) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Ioctl->InputBytes != 0) {
        if (head->version != EVENTSYS_ABI_VERSION) {
            return STATUS_REVISION_MISMATCH;
        }
        if (head->bytes != Ioctl->InputBytes) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
    }
    return Call->OutputBytes < Ioctl->OutputBytes ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

/* Codes of the trace rings: for who may see kernel addresses. */
static NTSTATUS ControlTrace(ULONG Code, ES_CALL *Call)
{
    if (Code != ES_TRACE_IOCTL_QUERY && Code != ES_TRACE_IOCTL_START && Code != ES_TRACE_IOCTL_STOP &&
        Code != ES_TRACE_IOCTL_DRAIN) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!Call->File->SeesAddresses) {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    return EsTraceDeviceControl(Code, Call->Buffer, Call->InputBytes, Call->OutputBytes, &Call->Information);
}

static NTSTATUS Control(ULONG Code, ES_CALL *Call)
{
    const ES_IOCTL *ioctl = FindIoctl(Code);
    NTSTATUS status;

    /* Wine lets an open succeed that IRP_MJ_CREATE refused. */
    if (Call->File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (ioctl == NULL) {
        return ControlTrace(Code, Call);
    }
    status = CheckBuffers(ioctl, Call);
    if (!NT_SUCCESS(status)) {
        InterlockedIncrement64(&EsDriver.Totals.IoctlsRefused);
        return status;
    }
    if ((Code >> 14 & 3u) != EVENTSYS_READ) {
        EsSchedulesReap(); /* not for a look at the state, which shows what came of them */
    }
    return ioctl->Handler(Call);
}

/* IRP_MJ_DEVICE_CONTROL. IRQL: PASSIVE_LEVEL, in the requestor's context (a driver on top of its device stack). */
_Use_decl_annotations_ NTSTATUS NTAPI EsDispatchDeviceControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    const PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ES_CALL call;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(DeviceObject);
    call.Irp = Irp;
    call.File = stack->FileObject->FsContext;
    call.Buffer = Irp->AssociatedIrp.SystemBuffer;
    call.InputBytes = stack->Parameters.DeviceIoControl.InputBufferLength;
    call.OutputBytes = stack->Parameters.DeviceIoControl.OutputBufferLength;
    call.Information = 0;
    status = Control(stack->Parameters.DeviceIoControl.IoControlCode, &call);
    if (status == STATUS_PENDING) {
        return status; /* the request may be gone already */
    }
    Irp->IoStatus.Status = status;
    Irp->IoStatus.Information = NT_SUCCESS(status) ? call.Information : 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}
