/* Where the contents of trees come from and go to: packs; and memory, where nothing is to be kept. */
#include <pthread.h>
#include <string.h>

#include "workload/tree.h"

hal9_status wl_store_open(struct hal9_state *s, bool keep, struct wl_store *ret,
                          struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    *ret = (struct wl_store){.s = s};
    pthread_mutex_init(&ret->lock, NULL);
    if (s && keep)
        st = hal9_pack_begin(s, &ret->w, err);
    else if (s)
        st = hal9_packs_open(s, &ret->packs, err);
    return st;
}

hal9_status wl_store_finish(struct wl_store *st, struct hal9_error *err) {
    struct hal9_pack_writer *w = HAL9_TAKE_PTR(st->w);
    if (!w)
        return HAL9_OK;
    st->packs = hal9_pack_unchanged(w); /* nothing was new: those that were there are all */
    hal9_status status = hal9_pack_finish(w, err);
    return status == HAL9_OK && !st->packs ? hal9_packs_open(st->s, &st->packs, err) : status;
}

void wl_store_close(struct wl_store *st) {
    hal9_pack_cancel(st->w);
    hal9_packs_close(st->packs);
    for (size_t i = 0; i < st->n_kept; i++)
        hal9_buf_free(&st->kept[i]);
    free(st->kept);
    hal9_sha_map_clear(&st->index);
    pthread_mutex_destroy(&st->lock);
}

hal9_status wl_store_put(struct wl_store *st, const void *data, size_t len, bool listing,
                         struct hal9_sha *ret, struct hal9_error *err) {
    hal9_sha256(data, len, ret->b);
    if (st->w)
        return hal9_pack_put(st->w, ret, data, len, err);
    if (!listing)
        return HAL9_OK;
    pthread_mutex_lock(&st->lock);
    if (hal9_sha_map_add(&st->index, ret, st->n_kept, len)) {
        struct hal9_buf *b = HAL9_APPEND(st->kept, st->n_kept, st->cap_kept);
        *b = (struct hal9_buf){0};
        hal9_buf_add(b, data, len);
    }
    pthread_mutex_unlock(&st->lock);
    return HAL9_OK;
}

hal9_status wl_store_view(const struct wl_store *st, const struct hal9_sha *sha, const void **ret,
                          size_t *ret_len, struct hal9_error *err) {
    const struct hal9_sha_entry *e = hal9_sha_map_get(&st->index, sha);
    char hex[65];
    if (e) {
        *ret = st->kept[e->at].len > 0 ? st->kept[e->at].data : "";
        *ret_len = st->kept[e->at].len;
        return HAL9_OK;
    }
    if (st->packs)
        return hal9_packs_view(st->packs, sha, ret, ret_len, err);
    hal9_hex(sha->b, sizeof(sha->b), hex);
    return hal9_error_set(err, HAL9_E_NOT_FOUND, "content %.12s is not kept", hex);
}

hal9_status wl_store_list(const struct wl_store *st, const struct hal9_sha *sha, bool top,
                          struct wl_listing *ret, struct hal9_error *err) {
    const void *data;
    size_t len;
    hal9_status status = wl_store_view(st, sha, &data, &len, err);
    if (status == HAL9_OK)
        *ret = (struct wl_listing){.at = data, .left = len, .top = top};
    return status;
}
