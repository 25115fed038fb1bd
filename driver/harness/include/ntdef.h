/* SPDX-License-Identifier: MIT */
#include "nt/ntdef.h"
