/*
 * tsan.c - volatile accesses under ThreadSanitizer. The driver is compiled with -tsan-distinguish-volatile: an aligned
 * volatile access of up to 8 bytes is a single access on x64 in both of its compilers, and is the kernel's usual way to read
 * what interlocked operations change. So it is no data race; everything that is not volatile is still watched.
 *
 * SPDX-License-Identifier: MIT
 */
#if defined(HARNESS_TSAN)
#define HOOK(name)        \
    void name(void *address); \
    void name(void *address) { (void)address; }
HOOK(__tsan_volatile_read1)
HOOK(__tsan_volatile_read2)
HOOK(__tsan_volatile_read4)
HOOK(__tsan_volatile_read8)
HOOK(__tsan_volatile_read16)
HOOK(__tsan_volatile_write1)
HOOK(__tsan_volatile_write2)
HOOK(__tsan_volatile_write4)
HOOK(__tsan_volatile_write8)
HOOK(__tsan_volatile_write16)
#else
typedef int NothingHere;
#endif
