/*
 * wdmsec.h - devices with a security descriptor in SDDL.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HARNESS_WDMSEC_H
#define HARNESS_WDMSEC_H
#include "wdm.h"

NTSTATUS IoCreateDeviceSecure(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                              ULONG DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                              PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid,
                              PDEVICE_OBJECT *DeviceObject);
#define WdmlibIoCreateDeviceSecure IoCreateDeviceSecure
#endif
