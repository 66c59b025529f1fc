/* Maps at their end: duplicate keys, and merge keys (https://yaml.org/type/merge.html). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/yaml-internal.h"

struct entry {
    struct hal9_node *key, *item;
    size_t order;
    bool merged;
};
struct entries {
    struct entry *v;
    size_t n, cap;
};

static void entries_clear(struct entries *e) {
    free(e->v);
}

static struct hal9_ynode *own(struct hal9_node *n) {
    return (struct hal9_ynode *)n;
}

static hal9_status at_node(struct hal9_error *err, const struct hal9_doc *d,
                           const struct hal9_node *n, const char *fmt, ...) HAL9_PRINTF(4, 5);
static hal9_status at_node(struct hal9_error *err, const struct hal9_doc *d,
                           const struct hal9_node *n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(err, HAL9_E_CONFIG, "%s", text);
    hal9_error_place(err, d->name, n->line, n->col);
    return HAL9_E_CONFIG;
}

static bool is_merge(const struct hal9_node *key) {
    return key->plain && strcmp(key->text, "<<") == 0;
}

static void add(struct entries *e, struct hal9_node *key, struct hal9_node *item, bool merged) {
    *HAL9_APPEND(e->v, e->n, e->cap) =
        (struct entry){.key = key, .item = item, .order = e->n, .merged = merged};
}

/* All that a merged map has; what is there already goes later. */
static hal9_status merge_one(struct hal9_doc *d, struct entries *all, const struct hal9_node *at,
                             struct hal9_node *map, struct hal9_error *err) {
    if (map->kind != HAL9_NODE_MAP)
        return at_node(err, d, at, "'<<' wants a map, or a list of maps");
    d->count += own(map)->size;
    if (d->count > HAL9_YAML_NODES)
        return at_node(err, d, at, "with this '<<' the document grows beyond %d values",
                       HAL9_YAML_NODES);
    for (size_t i = 0; i < map->n; i++)
        add(all, map->keys[i], map->items[i], true);
    return HAL9_OK;
}

static hal9_status merge(struct hal9_doc *d, struct entries *all, struct hal9_node *value,
                         struct hal9_error *err) {
    if (value->kind != HAL9_NODE_LIST)
        return merge_one(d, all, value, value, err);
    for (size_t i = 0; i < value->n; i++)
        if (merge_one(d, all, value, value->items[i], err) != HAL9_OK)
            return HAL9_E_CONFIG;
    return HAL9_OK;
}

static int by_key(const void *a, const void *b) {
    const struct entry *one = a, *two = b;
    int order = strcmp(one->key->text, two->key->text);
    return order != 0 ? order : one->order < two->order ? -1 : 1;
}

static int by_order(const void *a, const void *b) {
    const struct entry *one = a, *two = b;
    return one->order < two->order ? -1 : 1;
}

static hal9_status twice(const struct hal9_doc *d, const struct hal9_node *first,
                         const struct hal9_node *second, struct hal9_error *err) {
    at_node(err, d, second, "the key '%.64s' is there already, in line %u, column %u", second->text,
            first->line, first->col);
    hal9_error_hint(err, "keep one of the two");
    return HAL9_E_CONFIG;
}

/* Of each key the first one stays. Two that were written are an error; of several such the one is told
 * that shows first in the file. */
static hal9_status settle(const struct hal9_doc *d, struct entries *all, struct hal9_error *err) {
    const struct hal9_node *first = NULL, *second = NULL;
    size_t kept = 0, second_order = SIZE_MAX;
    if (all->n > 1)
        qsort(all->v, all->n, sizeof(*all->v), by_key);
    for (size_t i = 0; i < all->n; i++) {
        const struct entry e = all->v[i];
        if (kept == 0 || strcmp(all->v[kept - 1].key->text, e.key->text) != 0) {
            all->v[kept++] = e;
        } else if (!e.merged && e.order < second_order) {
            first = all->v[kept - 1].key;
            second = e.key;
            second_order = e.order;
        }
    }
    if (second)
        return twice(d, first, second, err);
    all->n = kept;
    if (all->n > 1)
        qsort(all->v, all->n, sizeof(*all->v), by_order);
    return HAL9_OK;
}

static void put_back(struct hal9_ynode *map, const struct entries *all) {
    struct hal9_node *n = &map->n;
    if (all->n > n->cap) {
        n->keys = hal9_realloc_array(n->keys, all->n, sizeof(*n->keys));
        n->items = hal9_realloc_array(n->items, all->n, sizeof(*n->items));
        n->cap = all->n;
    }
    map->size = map->height = 1;
    for (size_t i = 0; i < all->n; i++) {
        n->keys[i] = all->v[i].key;
        n->items[i] = all->v[i].item;
        map->size += own(n->keys[i])->size + own(n->items[i])->size;
        if (own(n->items[i])->height >= map->height)
            map->height = own(n->items[i])->height + 1;
    }
    n->n = all->n;
}

hal9_status hal9_yaml_finish_map(struct hal9_doc *d, struct hal9_ynode *map,
                                 struct hal9_error *err) {
    _cleanup_(entries_clear) struct entries all = {0};
    struct hal9_node *n = &map->n, *merged = NULL, *merge_key = NULL;
    for (size_t i = 0; i < n->n; i++) {
        if (!is_merge(n->keys[i])) {
            add(&all, n->keys[i], n->items[i], false);
        } else if (merged) {
            return at_node(err, d, n->keys[i],
                           "'<<' is there already, in line %u; it may stand for a list of maps",
                           merge_key->line);
        } else {
            merged = n->items[i];
            merge_key = n->keys[i];
        }
    }
    if (merged && merge(d, &all, merged, err) != HAL9_OK)
        return HAL9_E_CONFIG;
    if (settle(d, &all, err) != HAL9_OK)
        return HAL9_E_CONFIG;
    put_back(map, &all);
    return HAL9_OK;
}
