/* What an HTTP answer must be. */
#ifndef HAL9_CHECK_EXPECT_H
#define HAL9_CHECK_EXPECT_H

#include "hal9ops/doc.h"
#include "hal9ops/net.h"

struct hal9_expect {
    struct hal9_strv status; /* "200", "200-204", "< 500": one of them; empty: 200-299 */
    cJSON *header;           /* name -> comparison */
    struct hal9_strv body;   /* comparisons, all must hold */
    cJSON *json;             /* pointer -> value or comparison */
    int64_t within_ms;       /* 0: any time */
};
extern const struct hal9_schema hal9_expect_schema;

/* Whether the answer is what was expected; *ret_why (fresh) when not: "/status is 'starting', not 'ok'". */
bool hal9_expect_holds(const struct hal9_expect *e, const struct hal9_http_response *r,
                       char **ret_why);

#endif
