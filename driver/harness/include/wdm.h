/*
 * wdm.h - what a WDM driver includes, on the host harness.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef _WDMDDK_
#define _WDMDDK_

#include "nt/ntdef.h"
#include "nt/ntstatus.h"
#include "nt/ke.h"
#include "nt/ob.h"
#include "nt/ex.h"
#include "nt/io.h"

#endif
