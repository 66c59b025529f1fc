/* What the files of pruning share. */
#ifndef HAL9_STORE_PRUNE_H
#define HAL9_STORE_PRUNE_H

#include "store/store-internal.h"

/* A set of numbers. Zero-initialise; 0 and 1 are one. */
struct hal9_set {
    uint64_t *v;
    size_t n, cap;
};
/* Whether it is new. */
bool hal9_set_add(struct hal9_set *s, uint64_t key);
bool hal9_set_has(const struct hal9_set *s, uint64_t key);
void hal9_set_free(struct hal9_set *s);

/* Adds the names of the blobs that a file names, and of those that these name. */
void hal9_prune_names(const struct hal9_state *s, const char *path, struct hal9_strv *names);
/* Removes those that nothing names any more; ret_later: too young to tell. */
hal9_status hal9_prune_blobs(struct hal9_state *s, const struct hal9_strv *names,
                             struct hal9_strv *ret_later, struct hal9_pruned *ret,
                             struct hal9_error *err);

#endif
