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

/* Four lanes, which don't wait for each other. */
void hal9_quick_sum(const void *data, size_t len, uint64_t ret[4]) {
    const uint64_t prime = 0x9e3779b97f4a7c15U;
    const uint8_t *at = data;
    uint64_t lane[4] = {len, 1, 2, 3}, word[4];
    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        memcpy(word, at, sizeof(word));
        for (int i = 0; i < 4; i++)
            lane[i] = ((lane[i] ^ word[i]) * prime) ^ (lane[i] >> 29);
    }
    memset(word, 0, sizeof(word));
    if (len > 0)
        memcpy(word, at, len);
    for (int i = 0; i < 4; i++)
        ret[i] = ((lane[i] ^ word[i]) * prime) ^ (lane[i] >> 29);
}
