/* SPDX-License-Identifier: MIT */
#include "nt/ntstatus.h"
