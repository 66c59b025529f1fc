/* Balancers with an admin API over HTTP: one exchange, bounded, with words for what can go wrong. */
#ifndef HAL9_BALANCER_API_H
#define HAL9_BALANCER_API_H

#include <cjson/cJSON.h>

#include "hal9ops/balancer.h"
#include "hal9ops/net.h"

struct bal_api_call {
    const char *url;    /* of the API, with or without a slash at its end */
    const char *path;   /* "/config" */
    const char *method; /* NULL: GET */
    const cJSON *body;  /* NULL: none */
    const char *match;  /* If-Match, or NULL */
};
/* HAL9_OK for every answer of the classes 2xx and 4xx: the caller knows what they mean. HAL9_E_UNKNOWN when it can't be reached, answers nothing in time, or
 * 5xx and 429 whatever is tried; HAL9_E_PERM for 401 and 403. */
hal9_status bal_api(const struct hal9_balancer_spec *b, const struct bal_api_call *call,
                    int cancel_fd, struct hal9_http_response *ret, struct hal9_error *err);
/* The answer's body as JSON. HAL9_E_PROTOCOL when it is none. */
hal9_status bal_api_json(const struct hal9_balancer_spec *b, const struct bal_api_call *call,
                         const struct hal9_http_response *r, cJSON **ret, struct hal9_error *err);
/* HAL9_E_FAILED: "balancer edge: PATCH /id/hal9 answers 400: ..." */
hal9_status bal_api_refused(const struct hal9_balancer_spec *b, const struct bal_api_call *call,
                            const struct hal9_http_response *r, struct hal9_error *err);
/* Whether the API is reached by loopback, or an address of this host. */
bool bal_api_local(const char *url, uint16_t *ret_port);

#endif
