/* Listings as bytes: entries by name, each a fixed head and two strings. */
#include <string.h>

#include "workload/tree.h"

struct head {
    uint64_t size;
    int64_t mtime;
    uint32_t mtime_ns, mode, uid, gid;
    uint8_t type, has_xattrs;
    uint16_t name_len;
    uint32_t link_len;
    uint8_t sha[32], xattrs[32];
};
_Static_assert(sizeof(struct head) == 104, "listings have no holes");

bool wl_meta_equal(const struct wl_meta *a, const struct wl_meta *b) {
    return a->type == b->type && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
           a->size == b->size && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns &&
           a->has_xattrs == b->has_xattrs && memcmp(&a->sha, &b->sha, sizeof(a->sha)) == 0 &&
           memcmp(&a->xattrs, &b->xattrs, sizeof(a->xattrs)) == 0 &&
           strcmp(a->link ? a->link : "", b->link ? b->link : "") == 0;
}

void wl_list_add(struct hal9_buf *to, const char *name, const struct wl_meta *m) {
    const char *link = m->link ? m->link : "";
    struct head h = {.size = m->size,
                     .mtime = m->mtime,
                     .mtime_ns = m->mtime_ns,
                     .mode = m->mode,
                     .uid = m->uid,
                     .gid = m->gid,
                     .type = (uint8_t)m->type,
                     .has_xattrs = m->has_xattrs,
                     .name_len = (uint16_t)strlen(name),
                     .link_len = (uint32_t)strlen(link)};
    memcpy(h.sha, m->sha.b, sizeof(h.sha));
    memcpy(h.xattrs, m->xattrs.b, sizeof(h.xattrs));
    hal9_buf_add(to, &h, sizeof(h));
    hal9_buf_add(to, name, (size_t)h.name_len + 1);
    hal9_buf_add(to, link, (size_t)h.link_len + 1);
}

/* A name that a folder may have, after the one before it; the top has one without. */
static bool name_fits(const struct wl_listing *l, const char *name) {
    if (l->top)
        return !*name && !l->last;
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           (!l->last || strcmp(l->last, name) < 0);
}

static bool parse(struct wl_listing *l, struct wl_item *ret) {
    struct head h;
    if (l->left < sizeof(h))
        return false;
    memcpy(&h, l->at, sizeof(h));
    size_t rest = l->left - sizeof(h), name_len = h.name_len, link_len = h.link_len;
    if (rest < name_len + 1 || rest - name_len - 1 < link_len + 1)
        return false;
    const char *name = (const char *)l->at + sizeof(h), *link = name + name_len + 1;
    if (name[name_len] || memchr(name, 0, name_len) || link[link_len] ||
        memchr(link, 0, link_len) || !h.type || !strchr("fdlpcb", h.type) || !name_fits(l, name) ||
        (h.type == 'l' && link_len == 0) || h.mode > 07777)
        return false;
    ret->name = name;
    ret->meta = (struct wl_meta){.type = (char)h.type,
                                 .mode = h.mode,
                                 .uid = h.uid,
                                 .gid = h.gid,
                                 .size = h.size,
                                 .mtime = h.mtime,
                                 .mtime_ns = h.mtime_ns,
                                 .has_xattrs = h.has_xattrs != 0,
                                 .link = link_len > 0 ? link : NULL};
    memcpy(ret->meta.sha.b, h.sha, sizeof(h.sha));
    memcpy(ret->meta.xattrs.b, h.xattrs, sizeof(h.xattrs));
    size_t len = sizeof(h) + name_len + 1 + link_len + 1;
    l->at += len;
    l->left -= len;
    l->last = name;
    return true;
}

hal9_status wl_list_next(struct wl_listing *l, struct wl_item *ret, bool *ret_end,
                         struct hal9_error *err) {
    *ret_end = l->left == 0;
    if (*ret_end || parse(l, ret))
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_CORRUPT, "the listing of a captured folder is damaged");
}
