/*
 * ntddk.h - the same as wdm.h on the host harness.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef _NTDDK_
#define _NTDDK_
#include "wdm.h"
#endif
