/* What a configuration refers to as secret. */
#include "config/config-internal.h"

static void collect(const struct hal9_node *n, struct hal9_strv *ret) {
    if (n->kind == HAL9_NODE_STRING &&
        (hal9_startswith(n->text, "file:") || hal9_startswith(n->text, "env:")))
        hal9_strv_add(ret, n->text);
    for (size_t i = 0; (n->kind == HAL9_NODE_LIST || n->kind == HAL9_NODE_MAP) && i < n->n; i++)
        collect(n->items[i], ret);
}

void hal9_config_secrets(const struct hal9_config *c, struct hal9_strv *ret) {
    for (size_t i = 0; i < c->docs.n; i++)
        collect(hal9_doc_root(c->docs.v[i]), ret);
    hal9_strv_sort_unique(ret);
}
