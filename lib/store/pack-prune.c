/* Pruning: contents that nobody wants any more go; packs that have lost much, and many small ones, become one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/pack-internal.h"
#include "sys/fault.h"

enum { MANY = 8 }; /* packs: more are put together */
#define SMALL ((size_t)8 << 20)

static void wanted_of(const struct pack *p, const struct hal9_sha_map *wanted, uint64_t *ret_bytes,
                      size_t *ret_n) {
    *ret_bytes = 0;
    *ret_n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (hal9_sha_map_get(wanted, &p->index[i].sha)) {
            *ret_bytes += p->index[i].len;
            ++*ret_n;
        }
}

/* Whether a pack is written anew, without what isn't wanted. */
static bool is_due(const struct hal9_packs *all, const struct pack *p, uint64_t bytes, size_t n) {
    if (n == 0 || p->own)
        return true;
    return bytes < p->size / 4 * 3 || (all->n > MANY && p->size < SMALL);
}

static hal9_status keep(const struct pack *p, const struct hal9_sha_map *wanted,
                        struct hal9_pack_writer *w, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < p->n; i++) {
        const struct hal9_sha_entry *e = &p->index[i];
        uint8_t real[32];
        if (!hal9_sha_map_get(wanted, &e->sha) || e->at > p->size || e->len > p->size - e->at)
            continue;
        hal9_sha256(p->map + e->at, e->len, real);
        if (memcmp(real, e->sha.b, sizeof(real)) == 0)
            st = hal9_pack_put(w, &e->sha, p->map + e->at, e->len, err);
    }
    return st;
}

static void sum_up(const struct hal9_packs *all, uint64_t *ret_bytes, size_t *ret_n) {
    *ret_bytes = 0;
    *ret_n = all->n;
    for (size_t i = 0; i < all->n; i++)
        *ret_bytes += all->v[i].size;
}

/* A writer that knows of no pack: all that it gets is written. */
static hal9_status writer_for(struct hal9_state *s, struct hal9_pack_writer **ret,
                              struct hal9_packs **ret_all, struct hal9_error *err) {
    hal9_status st = hal9_pack_begin(s, ret, err);
    if (st == HAL9_OK)
        *ret_all = hal9_pack_forget(*ret);
    return st;
}

static hal9_status compact(struct hal9_state *s, const struct hal9_sha_map *wanted,
                           struct hal9_prune_result *ret, struct hal9_error *err) {
    struct hal9_pack_writer *w;
    _cleanup_packs_ struct hal9_packs *all = NULL;
    _cleanup_strv_ struct hal9_strv over = {0};
    hal9_status st = writer_for(s, &w, &all, err);
    if (st != HAL9_OK)
        return st;
    sum_up(all, &ret->bytes_before, &ret->packs_before);
    for (size_t i = 0; st == HAL9_OK && i < all->n; i++) {
        uint64_t bytes;
        size_t n;
        wanted_of(&all->v[i], wanted, &bytes, &n);
        if (!is_due(all, &all->v[i], bytes, n))
            continue;
        st = keep(&all->v[i], wanted, w, err);
        hal9_strv_add(&over, all->v[i].name);
    }
    if (st != HAL9_OK) {
        hal9_pack_cancel(w);
        return st;
    }
    st = hal9_pack_finish(w, err); /* what is kept is on the disk before anything goes */
    for (size_t i = 0; st == HAL9_OK && i < over.n; i++) {
        _cleanup_free_ char *path = hal9_strf("%s/packs/%s", s->path, over.v[i]);
        if (hal9_sys_unlink(path) < 0 && errno != ENOENT)
            st = hal9_error_errno(err, errno, "cannot remove %s", path);
    }
    return st;
}

/* With the lock on all packs. */
static hal9_status prune(struct hal9_state *s, const struct hal9_sha_map *wanted,
                         struct hal9_prune_result *ret, struct hal9_error *err) {
    _cleanup_packs_ struct hal9_packs *after = NULL;
    pack_sweep(s);
    hal9_status st = compact(s, wanted, ret, err);
    if (st == HAL9_OK)
        st = hal9_packs_open(s, &after, err);
    if (st == HAL9_OK)
        sum_up(after, &ret->bytes_after, &ret->packs_after);
    return st;
}

hal9_status hal9_packs_prune(struct hal9_state *s, const struct hal9_sha *wanted, size_t n,
                             struct hal9_prune_result *ret, struct hal9_error *err) {
    struct hal9_sha_map map = {0};
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK && s->hold >= 0)
        st = hal9_error_set(err, HAL9_E_BUSY, "contents in %s are in use by this run", s->path);
    if (st == HAL9_OK)
        st = pack_lock(s, true, 2000, &s->hold, err);
    if (st != HAL9_OK)
        return hal9_state_explain(err, st);
    for (size_t i = 0; i < n; i++)
        hal9_sha_map_add(&map, &wanted[i], 0, 0);
    st = prune(s, &map, ret, err);
    close(s->hold);
    s->hold = -1;
    hal9_sha_map_clear(&map);
    return hal9_state_explain(err, st);
}
