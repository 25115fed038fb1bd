/*
 * bad_ioctls.h - what the two halves of 'bad-ioctls' share: bad_ioctls.c breaks the rules one by one, bad_requests.c sends
 * spoilt requests from a seeded generator.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTAPP_BAD_IOCTLS_H
#define EVENTAPP_BAD_IOCTLS_H

#include "eventapp.h"

/* The largest input structure, and room beyond it. */
typedef union BAD_INPUT {
    EVENTSYS_HEAD Head;
    EVENTSYS_REGISTER_EVENT_INPUT Register;
    EVENTSYS_ID_INPUT Id;
    EVENTSYS_GET_EVENT_INPUT Get;
    EVENTSYS_OPEN_NAMED_INPUT Open;
    EVENTSYS_CREATE_NAMED_INPUT Create;
    EVENTSYS_SIGNAL_INPUT Signal;
    EVENTSYS_SCHEDULE_INPUT Schedule;
    EVENTSYS_WAIT_INPUT Wait;
    EVENTSYS_NOTIFY_INPUT Notify;
    EVENTSYS_REGISTER_BUFFER_INPUT Buffer;
    UCHAR Bytes[1024];
} BAD_INPUT;

typedef struct BAD_TARGET {
    PCSTR Name;
    ULONG Code;
    ULONG InputBytes;
    ULONG OutputBytes;
} BAD_TARGET;

enum { BadTargetCount = 13 };
extern const BAD_TARGET BadTargets[BadTargetCount];

/* Options->Count spoilt requests of Options->Seed. */
APP_EXIT AppSendBadRequests(_In_ const APP_DRIVER *Driver);

#endif /* EVENTAPP_BAD_IOCTLS_H */
