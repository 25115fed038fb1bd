/*
 * The tracepoint that lttng_peer.c measures: four fields, as in one record of ours (object, argument, status, kind).
 * Included several times by LTTng's own headers, so the guard is theirs.
 *
 * SPDX-License-Identifier: MIT
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER eventscope_peer

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_peer_provider.h"

#if !defined(EVENTSCOPE_LTTNG_PEER_PROVIDER_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define EVENTSCOPE_LTTNG_PEER_PROVIDER_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    eventscope_peer,
    signal,
    LTTNG_UST_TP_ARGS(uint64_t, object, uint64_t, argument, int32_t, status, uint32_t, kind),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer_hex(uint64_t, object, object)
        lttng_ust_field_integer(uint64_t, argument, argument)
        lttng_ust_field_integer(int32_t, status, status)
        lttng_ust_field_integer(uint32_t, kind, kind)
    )
)

#endif /* EVENTSCOPE_LTTNG_PEER_PROVIDER_H */

#include <lttng/tracepoint-event.h>
