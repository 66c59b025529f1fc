/* The words of tcp and udp checks: where to, what to say, what must come back. */
#ifndef HAL9_CHECK_TALK_H
#define HAL9_CHECK_TALK_H

#include "hal9ops/check.h"

struct hal9_talk {
    char *to; /* "host:port" */
    char *send, *expect, *listener;
};
/* The schemas differ in their first key alone. */
extern const struct hal9_schema hal9_tcp_schema, hal9_udp_schema;

/* Whether what came so far is what was expected: contains the text, or matches ~ regex. */
bool hal9_talk_holds(const struct hal9_talk *t, const struct hal9_buf *got);

#endif
