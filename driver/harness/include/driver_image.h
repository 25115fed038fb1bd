/*
 * driver_image.h - included in front of each of the driver's sources (-include), and of nothing else: puts the driver's
 * variables into sections of their own, which ModelLoadDriver resets.
 *
 * SPDX-License-Identifier: MIT
 */
#pragma clang section bss = "driver_bss" data = "driver_data"
