/*
 * app.h - an application of eventsys.sys in the model: each IOCTL as a function that fills in its structure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_APP_H
#define HARNESS_APP_H

#include "scenario.h"

#include "eventsys_public.h"
#include "eventscope_trace.h"

DRIVER_INITIALIZE DriverEntry;

#define DEVICE_PATH L"\\DosDevices\\EventSys"

/* A fresh kernel of ScenarioTarget with the driver loaded. */
void DriverStart(void);
/* Unloads, and checks all that the model and the driver's own last log line say about leaks. */
void DriverStop(void);

typedef struct APP {
    PEPROCESS process;
    HANDLE device;
} APP;

/* Fails the scenario when the device cannot be opened. */
void AppStart(APP *app, MODEL_USER user);
/* Closes the device and ends the process by itself. */
void AppEnd(APP *app);
/* TerminateProcess, then lets the object go. */
void AppKill(APP *app);

/* Any IOCTL; `input` may be NULL. The head is filled in by the caller. */
NTSTATUS AppControl(APP *app, ULONG code, const void *input, ULONG inputBytes, void *output, ULONG outputBytes);

NTSTATUS AppRegister(APP *app, HANDLE event, EVENTSYS_EVENT_OUTPUT *output);
NTSTATUS AppUnregister(APP *app, ULONG id);
NTSTATUS AppGetEvent(APP *app, ULONG type, ULONG state, ULONG access, EVENTSYS_EVENT_OUTPUT *output);
NTSTATUS AppOpenNamed(APP *app, ULONG how, ULONG type, const WCHAR *name, EVENTSYS_EVENT_OUTPUT *output);
NTSTATUS AppCreateNamed(APP *app, ULONG type, ULONG state, const WCHAR *name, EVENTSYS_EVENT_OUTPUT *output);
NTSTATUS AppSignal(APP *app, ULONG id, ULONG operation, EVENTSYS_SIGNAL_OUTPUT *output);
NTSTATUS AppSchedule(APP *app, ULONG source, ULONG id, ULONG64 requestId, ULONG dueUs, ULONG periodMs, ULONG count,
                     ULONG *scheduleId);
NTSTATUS AppCancelSchedule(APP *app, ULONG id);
/* The inverted call: pends. */
NTSTATUS AppWaitNotification(APP *app, ULONG64 requestId, EVENTSYS_NOTIFICATION_OUTPUT *output, USER_REQUEST *request);
NTSTATUS AppNotify(APP *app, ULONG64 requestId, ULONG64 data);

/* The driver's answer to QUERY_STATE with all of its lists. Free with AppFreeState. */
typedef struct APP_STATE {
    EVENTSYS_STATE_OUTPUT *output;
    const EVENTSYS_EVENT_STATE *events;
    const EVENTSYS_SCHEDULE_STATE *schedules;
    const EVENTSYS_REQUEST_STATE *requests;
    const EVENTSYS_BUFFER_STATE *buffers;
} APP_STATE;
void AppQueryState(APP *app, APP_STATE *state);
void AppFreeState(APP_STATE *state);
const EVENTSYS_EVENT_STATE *StateOfEvent(const APP_STATE *state, ULONG id);

/* A shared buffer: section, events and view of one application. */
typedef struct APP_BUFFER {
    HANDLE section, work, done;
    EVENTSYS_SHARED_BUFFER *view;
    ULONG bytes;
    ULONG id;
    EVENTSYS_REGISTER_BUFFER_OUTPUT output;
} APP_BUFFER;
/* Makes the objects; does not register. */
void AppMakeBuffer(APP *app, APP_BUFFER *buffer, ULONG dataBytes);
NTSTATUS AppRegisterBuffer(APP *app, APP_BUFFER *buffer);
NTSTATUS AppUnregisterBuffer(APP *app, ULONG id);
/* One round: writes the request, sets work, waits for done. What UserWait returns. */
NTSTATUS AppWork(APP *app, APP_BUFFER *buffer, ULONG operation, const void *data, ULONG dataBytes, ULONG64 sequence);

/* Lines of the driver's log since DriverStart that hold `text`. */
ULONG LogLinesWith(const char *text);

#endif
