/* A table from SHA-256 to two numbers; what is once in it stays. */
#ifndef HAL9_STORE_SHA_MAP_H
#define HAL9_STORE_SHA_MAP_H

#include "hal9ops/store.h"

struct hal9_sha_entry {
    struct hal9_sha sha;
    uint64_t at, len;
};
/* Zero-initialise. */
struct hal9_sha_map {
    struct hal9_sha_entry *v; /* in the order they came */
    size_t n, cap;
    uint32_t *slots; /* index + 1 into v; 0 free */
    size_t mask;
};
/* NULL when it isn't there; valid until the next add. */
struct hal9_sha_entry *hal9_sha_map_get(const struct hal9_sha_map *m, const struct hal9_sha *sha);
/* false: it was there already, and stays as it was. */
bool hal9_sha_map_add(struct hal9_sha_map *m, const struct hal9_sha *sha, uint64_t at,
                      uint64_t len);
void hal9_sha_map_clear(struct hal9_sha_map *m);

/* A checksum as fast as memory is read: against what disks and half-written files do, not against people. */
void hal9_quick_sum(const void *data, size_t len, uint64_t ret[4]);

#endif
