/*
 * pool.c - pool with tags, and faults on purpose. Every block is a host allocation of its exact size, so that
 * AddressSanitizer sees the first byte too far.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model_internal.h"

#include <stdlib.h>

typedef struct POOL_BLOCK {
    struct POOL_BLOCK *next, **link;
    PVOID memory;
    SIZE_T bytes;
    ULONG tag;
    BOOLEAN paged;
} POOL_BLOCK;

static POOL_BLOCK *blocks;

/* ---- faults ---- */

static ULONG faultIn; /* 0 = off */
static const char *faulted;

BOOLEAN ModelFault(const char *call)
{
    ULONG left = __atomic_load_n(&faultIn, __ATOMIC_SEQ_CST);
    while (left != 0) {
        if (__atomic_compare_exchange_n(&faultIn, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            if (left == 1) {
                __atomic_store_n(&faulted, call, __ATOMIC_SEQ_CST);
                return TRUE;
            }
            return FALSE;
        }
    }
    return FALSE;
}

void ModelArmFault(ULONG nth)
{
    __atomic_store_n(&faulted, NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&faultIn, nth, __ATOMIC_SEQ_CST);
}

const char *ModelDisarmFault(void)
{
    __atomic_store_n(&faultIn, 0, __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&faulted, NULL, __ATOMIC_SEQ_CST);
}

/* ---- pool ---- */

static PVOID Allocate(SIZE_T bytes, ULONG tag, BOOLEAN paged, BOOLEAN zero, const char *call)
{
    ModelRequireIrql(paged ? "a paged pool allocation" : call, paged ? APC_LEVEL : DISPATCH_LEVEL);
    if (bytes == 0) {
        ModelFail("%s of 0 bytes", call);
    }
    if (tag == 0) {
        ModelFail("%s without a tag", call);
    }
    /* What a 64-bit kernel would refuse too: nobody asks for more than this in earnest. */
    if (bytes > (64ull << 20) || ModelFault(call)) {
        return NULL;
    }
    POOL_BLOCK *block = calloc(1, sizeof *block);
    block->memory = malloc(bytes);
    if (block->memory == NULL) {
        free(block);
        return NULL;
    }
    memset(block->memory, zero ? 0 : MODEL_FILL, bytes);
    block->bytes = bytes;
    block->tag = tag;
    block->paged = paged;
    ModelLock();
    block->next = blocks;
    block->link = &blocks;
    if (blocks != NULL) {
        blocks->link = &block->next;
    }
    blocks = block;
    ModelUnlock();
    return block->memory;
}

PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T bytes, ULONG tag)
{
    if (type == NonPagedPool) {
        ModelFail("ExAllocatePoolWithTag from executable NonPagedPool: NonPagedPoolNx is meant");
    }
    return Allocate(bytes, tag, type == PagedPool, FALSE, "ExAllocatePoolWithTag");
}

PVOID ExAllocatePool2(POOL_FLAGS flags, SIZE_T bytes, ULONG tag)
{
    if (ModelTarget() == ModelWine) {
        ModelFail("ExAllocatePool2 is not exported by Wine: the driver would not load");
    }
    return Allocate(bytes, tag, (flags & POOL_FLAG_PAGED) != 0, (flags & POOL_FLAG_UNINITIALIZED) == 0,
                    "ExAllocatePool2");
}

static void Free(PVOID memory, ULONG tag, BOOLEAN checkTag, const char *call)
{
    ModelRequireIrql(call, DISPATCH_LEVEL);
    ModelLock();
    POOL_BLOCK *block = blocks;
    while (block != NULL && block->memory != memory) {
        block = block->next;
    }
    if (block == NULL) {
        ModelFail("%s on %p, which is no pool block (any more)", call, memory);
    }
    if (checkTag && block->tag != tag) {
        ModelFail("%s with tag %08x on a block of tag %08x", call, tag, block->tag);
    }
    if (block->paged && ModelThread()->irql > APC_LEVEL) {
        ModelFail("%s on paged pool at %s", call, ModelIrqlName(ModelThread()->irql));
    }
    ModelCheckFreedMemoryLocked(memory, block->bytes, call);
    *block->link = block->next;
    if (block->next != NULL) {
        block->next->link = block->link;
    }
    ModelUnlock();
    free(memory);
    free(block);
}

VOID ExFreePoolWithTag(PVOID memory, ULONG tag)
{
    Free(memory, tag, TRUE, "ExFreePoolWithTag");
}

VOID ExFreePool(PVOID memory)
{
    Free(memory, 0, FALSE, "ExFreePool");
}

void ModelPoolCountLocked(MODEL_COUNTS *counts)
{
    for (POOL_BLOCK *b = blocks; b != NULL; b = b->next) {
        counts->poolBlocks++;
        counts->poolBytes += (ULONG)b->bytes;
    }
}

void ModelPoolStart(void)
{
    blocks = NULL;
    ModelArmFault(0);
}

void ModelPoolEnd(void)
{
    if (blocks != NULL) {
        ULONG tag = blocks->tag;
        ModelFail("a pool block of %llu bytes with tag %c%c%c%c is left", (ULONGLONG)blocks->bytes, tag & 0xFF,
                  tag >> 8 & 0xFF, tag >> 16 & 0xFF, tag >> 24);
    }
}
