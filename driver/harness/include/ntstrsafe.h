/*
 * ntstrsafe.h - bounded string functions. STATUS_BUFFER_OVERFLOW on a cut, as the real ones; always terminated.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_NTSTRSAFE_H
#define HARNESS_NTSTRSAFE_H
#include "wdm.h"

NTSTATUS RtlStringCbPrintfA(PSTR Destination, SIZE_T Bytes, PCSTR Format, ...);
NTSTATUS RtlStringCchPrintfA(PSTR Destination, SIZE_T Count, PCSTR Format, ...);
NTSTATUS RtlStringCbVPrintfA(PSTR Destination, SIZE_T Bytes, PCSTR Format, va_list Arguments);
NTSTATUS RtlStringCchVPrintfA(PSTR Destination, SIZE_T Count, PCSTR Format, va_list Arguments);
NTSTATUS RtlStringCbPrintfW(PWSTR Destination, SIZE_T Bytes, PCWSTR Format, ...);
NTSTATUS RtlStringCchPrintfW(PWSTR Destination, SIZE_T Count, PCWSTR Format, ...);
NTSTATUS RtlStringCbCopyA(PSTR Destination, SIZE_T Bytes, PCSTR Source);
NTSTATUS RtlStringCchCopyA(PSTR Destination, SIZE_T Count, PCSTR Source);
NTSTATUS RtlStringCbCopyW(PWSTR Destination, SIZE_T Bytes, PCWSTR Source);
NTSTATUS RtlStringCchCopyW(PWSTR Destination, SIZE_T Count, PCWSTR Source);
NTSTATUS RtlStringCbLengthA(PCSTR Text, SIZE_T Maximum, SIZE_T *Bytes);
NTSTATUS RtlStringCbLengthW(PCWSTR Text, SIZE_T Maximum, SIZE_T *Bytes);
NTSTATUS RtlStringCchLengthW(PCWSTR Text, SIZE_T Maximum, SIZE_T *Count);
#endif
