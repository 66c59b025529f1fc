/* Limits on what a host has. */
#include "check/limit.h"

#include "base/cleanup.h"

const char hal9_limit_form[] = "{\"type\":[\"string\",\"integer\"]}";

void hal9_limit_decode(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field) {
    struct hal9_limit l = {.set = true};
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status status = HAL9_E_CONFIG;
    if (n->kind == HAL9_NODE_STRING && hal9_endswith(n->text, "%"))
        status = hal9_parse_percent(n->text, &l.part, &err);
    else if (n->kind == HAL9_NODE_STRING || n->kind == HAL9_NODE_INT) {
        l.is_size = true;
        status = hal9_parse_size(n->text, &l.bytes, &err);
    }
    if (status != HAL9_OK)
        hal9_decoder_error(d, n, "%s must be a part such as 10%% or a size such as 5Gi", f->key);
    else
        *(struct hal9_limit *)field = l;
}

void hal9_limit_clear(void *field) {
    *(struct hal9_limit *)field = (struct hal9_limit){0};
}

bool hal9_limit_met(const struct hal9_limit *l, double have, double total) {
    if (!l->set)
        return true;
    return l->is_size ? have >= (double)l->bytes : have >= l->part * total;
}

char *hal9_limit_text(const struct hal9_limit *l) {
    return l->is_size ? hal9_size_text(l->bytes) : hal9_strf("%.3g%%", l->part * 100);
}
