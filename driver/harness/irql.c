/*
 * irql.c - the model's lock, IRQL of each thread, spin locks, and what every call may assume about them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

void (*ModelFailureExit)(void);

void ModelFail(const char *format, ...)
{
    static int failing;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    ModelFormat(text, sizeof text, format, arguments);
    va_end(arguments);
    /* A second thread that breaks a rule while the first reports must not mix its line in. */
    if (__atomic_exchange_n(&failing, 1, __ATOMIC_SEQ_CST) == 0) {
        fflush(stdout);
        fprintf(stderr, "MODEL: %s\n", text);
        fflush(stderr);
        if (ModelFailureExit != NULL) {
            ModelFailureExit();
        }
        _exit(3);
    }
    for (;;) {
        pause();
    }
}

/* 0 free, 1 held, 2 held and waited for. Made by hand so that ThreadSanitizer does not take it for the driver's order. */
static int lockWord;

/* Library functions (memcpy, memcmp) are watched wherever they are called: not on the model's own data, under its lock. */
static void IgnoreAccesses(BOOLEAN begin)
{
#if defined(HARNESS_TSAN)
    if (begin) {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    } else {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
#else
    UNREFERENCED_PARAMETER(begin);
#endif
}

void ModelLock(void)
{
    int expected = 0;
    if (!__atomic_compare_exchange_n(&lockWord, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        while (__atomic_exchange_n(&lockWord, 2, __ATOMIC_ACQUIRE) != 0) {
            syscall(SYS_futex, &lockWord, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
        }
    }
    IgnoreAccesses(TRUE);
}

void ModelUnlock(void)
{
    IgnoreAccesses(FALSE);
    if (__atomic_exchange_n(&lockWord, 0, __ATOMIC_RELEASE) == 2) {
        syscall(SYS_futex, &lockWord, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

const char *ModelIrqlName(KIRQL irql)
{
    switch (irql) {
    case PASSIVE_LEVEL: return "PASSIVE_LEVEL";
    case APC_LEVEL: return "APC_LEVEL";
    case DISPATCH_LEVEL: return "DISPATCH_LEVEL";
    default: return "above DISPATCH_LEVEL";
    }
}

void ModelRequireIrql(const char *call, KIRQL maximum)
{
    KIRQL irql = ModelThread()->irql;
    if (irql > maximum) {
        ModelFail("%s called at %s, allowed up to %s", call, ModelIrqlName(irql), ModelIrqlName(maximum));
    }
}

void ModelRequireNoSpinLock(const char *call)
{
    if (ModelThread()->heldCount != 0) {
        ModelFail("%s called with a spin lock held", call);
    }
}

VOID ModelPagedCode(const char *function, const char *file, int line)
{
    KIRQL irql = ModelThread()->irql;
    if (irql > APC_LEVEL) {
        ModelFail("%s is pageable and entered at %s (%s:%d)", function, ModelIrqlName(irql), file, line);
    }
}

VOID ModelAssertion(const char *expression, const char *file, int line)
{
    ModelFail("assertion %s failed (%s:%d)", expression, file, line);
}

KIRQL KeGetCurrentIrql(VOID)
{
    return ModelThread()->irql;
}

VOID KeRaiseIrql(KIRQL newIrql, PKIRQL oldIrql)
{
    PETHREAD thread = ModelThread();
    if (newIrql < thread->irql) {
        ModelFail("KeRaiseIrql to %s called at %s", ModelIrqlName(newIrql), ModelIrqlName(thread->irql));
    }
    *oldIrql = thread->irql;
    thread->irql = newIrql;
}

KIRQL KeRaiseIrqlToDpcLevel(VOID)
{
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    return old;
}

VOID KeLowerIrql(KIRQL newIrql)
{
    PETHREAD thread = ModelThread();
    if (newIrql > thread->irql) {
        ModelFail("KeLowerIrql to %s called at %s", ModelIrqlName(newIrql), ModelIrqlName(thread->irql));
    }
    if (newIrql < DISPATCH_LEVEL && thread->heldCount != 0) {
        ModelFail("KeLowerIrql to %s called with a spin lock held", ModelIrqlName(newIrql));
    }
    thread->irql = newIrql;
}

BOOLEAN KeAreApcsDisabled(VOID)
{
    PETHREAD thread = ModelThread();
    return thread->apcsDisabled != 0 || thread->irql >= APC_LEVEL;
}

VOID KeEnterCriticalRegion(VOID)
{
    ModelRequireIrql("KeEnterCriticalRegion", APC_LEVEL);
    ModelThread()->apcsDisabled++;
}

VOID KeLeaveCriticalRegion(VOID)
{
    ModelRequireIrql("KeLeaveCriticalRegion", APC_LEVEL);
    if (ModelThread()->apcsDisabled-- == 0) {
        ModelFail("KeLeaveCriticalRegion called without KeEnterCriticalRegion");
    }
}

/*
 * A thread may be preempted, or its processor be slow, at any instruction; between two host threads the window of a race is
 * often too short to be met. So after steps that others wait for, a thread at times lets the others go first.
 */
void ModelPreempt(void)
{
    static _Thread_local ULONG state;
    if (state == 0) {
        state = ModelThread()->id * 2654435761u | 1u;
    }
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    if (state % 4 == 0) {
        for (ULONG i = state >> 8 & 15; i > 0; i--) {
            sched_yield();
        }
    }
}

/* A spin lock holds its owner's thread id; 0 = free, as KeInitializeSpinLock leaves it. */
static void Acquire(PKSPIN_LOCK lock, KIRQL restore, const char *call)
{
    PETHREAD thread = ModelThread();
    KSPIN_LOCK owner = __atomic_load_n(lock, __ATOMIC_RELAXED);
    if (owner == thread->id) {
        ModelFail("%s: the thread holds this spin lock already (deadlock)", call);
    }
    if (thread->heldCount == MODEL_HELD_LOCKS) {
        ModelFail("%s: more than %d spin locks held", call, MODEL_HELD_LOCKS);
    }
#if defined(HARNESS_TSAN)
    __tsan_mutex_pre_lock(lock, 0);
#endif
    for (;;) {
        KSPIN_LOCK free = 0;
        if (__atomic_compare_exchange_n(lock, &free, thread->id, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            break;
        }
        if (free >= 0x10000) {
            ModelFail("%s: the spin lock was not initialized, or its memory was overwritten", call);
        }
        sched_yield();
    }
#if defined(HARNESS_TSAN)
    __tsan_mutex_post_lock(lock, 0, 0);
#endif
    thread->held[thread->heldCount] = lock;
    thread->heldIrql[thread->heldCount] = restore;
    thread->heldCount++;
}

static void Release(PKSPIN_LOCK lock, const char *call, BOOLEAN restores, KIRQL irql)
{
    PETHREAD thread = ModelThread();
    ULONG i = thread->heldCount;
    while (i > 0 && thread->held[i - 1] != lock) {
        i--;
    }
    if (i == 0) {
        ModelFail("%s: the thread does not hold this spin lock", call);
    }
    if (restores && irql != thread->heldIrql[i - 1]) {
        ModelFail("%s restores %s, but the lock was taken at %s", call, ModelIrqlName(irql),
                  ModelIrqlName(thread->heldIrql[i - 1]));
    }
    for (ULONG k = i; k < thread->heldCount; k++) {
        thread->held[k - 1] = thread->held[k];
        thread->heldIrql[k - 1] = thread->heldIrql[k];
    }
    thread->heldCount--;
#if defined(HARNESS_TSAN)
    __tsan_mutex_pre_unlock(lock, 0);
#endif
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
#if defined(HARNESS_TSAN)
    __tsan_mutex_post_unlock(lock, 0);
#endif
    if (restores) {
        if (irql < DISPATCH_LEVEL && thread->heldCount != 0) {
            ModelFail("%s lowers to %s with another spin lock held", call, ModelIrqlName(irql));
        }
        thread->irql = irql;
        ModelPreempt();
    }
}

VOID KeInitializeSpinLock(PKSPIN_LOCK lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* IRQL <= DISPATCH_LEVEL [doc: KeAcquireSpinLock]. */
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock)
{
    PETHREAD thread = ModelThread();
    KIRQL old = thread->irql;
    ModelRequireIrql("KeAcquireSpinLock", DISPATCH_LEVEL);
    thread->irql = DISPATCH_LEVEL;
    Acquire(lock, old, "KeAcquireSpinLock");
    return old;
}

/* IRQL >= DISPATCH_LEVEL [doc: KeAcquireSpinLockAtDpcLevel]. */
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK lock)
{
    KIRQL irql = ModelThread()->irql;
    if (irql != DISPATCH_LEVEL) {
        ModelFail("KeAcquireSpinLockAtDpcLevel called at %s, allowed at DISPATCH_LEVEL", ModelIrqlName(irql));
    }
    Acquire(lock, DISPATCH_LEVEL, "KeAcquireSpinLockAtDpcLevel");
}

VOID KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL newIrql)
{
    Release(lock, "KeReleaseSpinLock", TRUE, newIrql);
}

VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK lock)
{
    Release(lock, "KeReleaseSpinLockFromDpcLevel", FALSE, DISPATCH_LEVEL);
}

VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK lock, PKLOCK_QUEUE_HANDLE handle)
{
    handle->Lock = lock;
    handle->OldIrql = KeAcquireSpinLockRaiseToDpc(lock);
}

VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE handle)
{
    Release(handle->Lock, "KeReleaseInStackQueuedSpinLock", TRUE, handle->OldIrql);
}

static KSPIN_LOCK cancelLock;

VOID IoAcquireCancelSpinLock(PKIRQL irql)
{
    PETHREAD thread = ModelThread();
    ModelRequireIrql("IoAcquireCancelSpinLock", DISPATCH_LEVEL);
    *irql = thread->irql;
    thread->irql = DISPATCH_LEVEL;
    Acquire(&cancelLock, *irql, "IoAcquireCancelSpinLock");
}

VOID IoReleaseCancelSpinLock(KIRQL irql)
{
    Release(&cancelLock, "IoReleaseCancelSpinLock", TRUE, irql);
}

VOID ExInitializeFastMutex(PFAST_MUTEX mutex)
{
    mutex->Count = 1;
    mutex->Owner = NULL;
    mutex->Contention = 0;
    mutex->OldIrql = PASSIVE_LEVEL;
    KeInitializeEvent(&mutex->Event, SynchronizationEvent, FALSE);
}

/* IRQL <= APC_LEVEL; raises to APC_LEVEL [doc: ExAcquireFastMutex]. */
VOID ExAcquireFastMutex(PFAST_MUTEX mutex)
{
    PETHREAD thread = ModelThread();
    KIRQL old = thread->irql;
    ModelRequireIrql("ExAcquireFastMutex", APC_LEVEL);
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) == thread) {
        ModelFail("ExAcquireFastMutex: the thread holds this mutex already (deadlock)");
    }
    if (__atomic_sub_fetch(&mutex->Count, 1, __ATOMIC_SEQ_CST) != 0) {
        KeWaitForSingleObject(&mutex->Event, Executive, KernelMode, FALSE, NULL);
    }
    MODEL_ACQUIRE(mutex);
    thread->irql = APC_LEVEL;
    __atomic_store_n(&mutex->Owner, thread, __ATOMIC_RELAXED);
    mutex->OldIrql = old;
}

BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX mutex)
{
    PETHREAD thread = ModelThread();
    LONG one = 1;
    ModelRequireIrql("ExTryToAcquireFastMutex", APC_LEVEL);
    if (!__atomic_compare_exchange_n(&mutex->Count, &one, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return FALSE;
    }
    MODEL_ACQUIRE(mutex);
    __atomic_store_n(&mutex->Owner, thread, __ATOMIC_RELAXED);
    mutex->OldIrql = thread->irql;
    thread->irql = APC_LEVEL;
    return TRUE;
}

VOID ExReleaseFastMutex(PFAST_MUTEX mutex)
{
    PETHREAD thread = ModelThread();
    KIRQL old = (KIRQL)mutex->OldIrql;
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) != thread) {
        ModelFail("ExReleaseFastMutex: the thread does not hold this mutex");
    }
    if (thread->irql != APC_LEVEL) {
        ModelFail("ExReleaseFastMutex called at %s, allowed at APC_LEVEL", ModelIrqlName(thread->irql));
    }
    __atomic_store_n(&mutex->Owner, NULL, __ATOMIC_RELAXED);
    MODEL_RELEASE(mutex);
    if (__atomic_add_fetch(&mutex->Count, 1, __ATOMIC_SEQ_CST) <= 0) {
        KeSetEvent(&mutex->Event, 0, FALSE);
    }
    thread->irql = old;
}
