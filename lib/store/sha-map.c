/* Open addressing: a SHA-256 is as random as a hash can be. */
#include <string.h>

#include "base/cleanup.h"
#include "store/sha-map.h"

static size_t first_slot(const struct hal9_sha_map *m, const struct hal9_sha *sha) {
    uint64_t head;
    memcpy(&head, sha->b, sizeof(head));
    return (size_t)head & m->mask;
}

/* Where it is, or the free slot where it would be. */
static size_t find(const struct hal9_sha_map *m, const struct hal9_sha *sha) {
    size_t at = first_slot(m, sha);
    while (m->slots[at] && memcmp(m->v[m->slots[at] - 1].sha.b, sha->b, sizeof(sha->b)) != 0)
        at = (at + 1) & m->mask;
    return at;
}

struct hal9_sha_entry *hal9_sha_map_get(const struct hal9_sha_map *m, const struct hal9_sha *sha) {
    if (!m->slots)
        return NULL;
    uint32_t index = m->slots[find(m, sha)];
    return index ? &m->v[index - 1] : NULL;
}

static void grow(struct hal9_sha_map *m) {
    size_t size = m->slots ? (m->mask + 1) * 2 : 256;
    free(m->slots);
    m->slots = hal9_alloc(size * sizeof(*m->slots));
    m->mask = size - 1;
    for (size_t i = 0; i < m->n; i++)
        m->slots[find(m, &m->v[i].sha)] = (uint32_t)i + 1;
}

bool hal9_sha_map_add(struct hal9_sha_map *m, const struct hal9_sha *sha, uint64_t at,
                      uint64_t len) {
    if (!m->slots || m->n * 2 > m->mask)
        grow(m);
    size_t slot = find(m, sha);
    if (m->slots[slot])
        return false;
    struct hal9_sha_entry *e = HAL9_APPEND(m->v, m->n, m->cap);
    *e = (struct hal9_sha_entry){*sha, at, len};
    m->slots[slot] = (uint32_t)m->n;
    return true;
}

void hal9_sha_map_clear(struct hal9_sha_map *m) {
    free(m->v);
    free(m->slots);
    *m = (struct hal9_sha_map){0};
}
