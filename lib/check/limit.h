/* Limits on what a host has: "10%" of it, or an amount. */
#ifndef HAL9_CHECK_LIMIT_H
#define HAL9_CHECK_LIMIT_H

#include "hal9ops/doc.h"

/* A part ("10%") or a size ("5Gi"). */
struct hal9_limit {
    bool set, is_size;
    double part;
    uint64_t bytes;
};
/* For HAL9_T_CUSTOM fields: the one takes both, the other parts alone. */
void hal9_limit_decode(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field);
void hal9_limit_clear(void *field);
extern const char hal9_limit_form[];

/* Whether have, of total, is at least the limit. */
bool hal9_limit_met(const struct hal9_limit *l, double have, double total);
/* "10%", "5.0 GiB", fresh. */
char *hal9_limit_text(const struct hal9_limit *l);

#endif
