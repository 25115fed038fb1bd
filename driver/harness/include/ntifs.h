/*
 * ntifs.h - the same as ntddk.h on the host harness.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef _NTIFS_
#define _NTIFS_
#include "ntddk.h"
#endif
