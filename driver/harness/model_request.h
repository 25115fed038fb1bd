/*
 * model_request.h - what the files of the modelled I/O manager share about a request.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_MODEL_REQUEST_H
#define HARNESS_MODEL_REQUEST_H

#include "model_internal.h"

/* In front of each IRP. The host frees it when nobody uses it any more; the driver may not touch it after completion. */
typedef struct MODEL_REQUEST {
    struct MODEL_REQUEST *next, **link;
    LONG uses; /* the model's own: the request's life, its dispatch, a canceller */
    BOOLEAN completed, hasFile;
    NTSTATUS finalStatus;
    BOOLEAN wasPending; /* SL_PENDING_RETURNED at completion */
    PEPROCESS process;
    PETHREAD thread;
    MODEL_OBJECT *file;
    MODEL_OBJECT *event;
    USER_REQUEST *user;
    PVOID output;
    ULONG outputBytes, inputBytes;
    KEVENT done;
    IO_STACK_LOCATION stack;
    IRP irp;
} MODEL_REQUEST;

MODEL_REQUEST *ModelNewRequest(PEPROCESS process, MODEL_OBJECT *file, UCHAR major);
/*
 * Gives back one use. `fromDriver`: called inside IoCompleteRequest, where the file's last reference may go, but IRP_MJ_CLOSE
 * does not run: the I/O manager gives the reference back in the requestor's thread, later.
 */
void ModelDropRequest(MODEL_REQUEST *request, BOOLEAN fromDriver);
/* Under Wine one thread serves all requests of a driver host; on Windows these do nothing. */
void ModelEnterDispatch(void);
void ModelLeaveDispatch(void);
/* Cancels what matches (NULL = any); returns how many were not yet finished. */
ULONG ModelCancelMatching(PEPROCESS process, MODEL_OBJECT *file, USER_REQUEST *user);
/* A request without buffers, waited for. */
NTSTATUS ModelSendSimple(PEPROCESS process, MODEL_OBJECT *file, UCHAR major);

#endif
