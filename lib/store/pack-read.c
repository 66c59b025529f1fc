/* Reading packs: each is mapped whole, and its index is searched where it lies. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/pack-internal.h"

char *pack_folder(const struct hal9_state *s) {
    return hal9_state_sub(s, "packs", NULL);
}

int pack_entry_order(const void *a, const void *b) {
    const struct hal9_sha_entry *x = a, *y = b;
    return memcmp(x->sha.b, y->sha.b, sizeof(x->sha.b));
}

/* The index that the tail names, if tail and index are whole. */
static bool use_tail(struct pack *p) {
    struct pack_tail t;
    uint64_t sum[4];
    if (p->size < PACK_MAGIC_LEN + sizeof(t))
        return false;
    memcpy(&t, p->map + p->size - sizeof(t), sizeof(t));
    size_t room = p->size - sizeof(t);
    if (memcmp(t.magic, PACK_MAGIC, PACK_MAGIC_LEN) != 0 || t.at > room || t.at % 8 != 0 ||
        t.n > room / sizeof(struct hal9_sha_entry) ||
        t.at + t.n * sizeof(struct hal9_sha_entry) != room)
        return false;
    hal9_quick_sum(p->map + t.at, room - t.at, sum);
    if (memcmp(sum, t.sum, sizeof(t.sum)) != 0)
        return false;
    p->index = (const struct hal9_sha_entry *)(const void *)(p->map + t.at);
    p->n = t.n;
    return true;
}

/* What stands whole before the first damage. */
static void use_records(struct pack *p) {
    size_t at = PACK_MAGIC_LEN, cap = 0;
    while (at + sizeof(struct pack_record) <= p->size) {
        struct pack_record r;
        memcpy(&r, p->map + at, sizeof(r));
        at += sizeof(r);
        if (r.magic != PACK_RECORD || r.len > p->size - at)
            break;
        p->own = hal9_grow(p->own, &cap, p->n, sizeof(*p->own));
        p->own[p->n++] = (struct hal9_sha_entry){r.sha, at, r.len};
        at += (r.len + 7) / 8 * 8;
        if (at > p->size)
            break;
    }
    if (p->n > 1)
        qsort(p->own, p->n, sizeof(*p->own), pack_entry_order);
    p->index = p->own;
}

static void pack_clear(struct pack *p) {
    if (p->map)
        munmap((void *)(uintptr_t)p->map, p->size);
    free(p->own);
    free(p->name);
}

/* One that can't be opened (another user's, gone meanwhile) or is none counts for nothing. */
static void open_pack(struct hal9_packs *all, const char *folder, const char *name) {
    _cleanup_free_ char *path = hal9_path_join(folder, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size < PACK_MAGIC_LEN)
        return;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    struct pack p = {.name = hal9_strdup(name), .map = map, .size = (size_t)st.st_size};
    if (memcmp(map, PACK_MAGIC, PACK_MAGIC_LEN) != 0) {
        hal9_log(0, "%s is not a pack; it is passed over", path);
        pack_clear(&p);
        return;
    }
    if (!use_tail(&p)) {
        use_records(&p);
        hal9_log(0, "the end of %s is damaged; %zu contents before it are used", path, p.n);
    }
    struct pack *kept = HAL9_APPEND(all->v, all->n, all->cap);
    *kept = p;
}

hal9_status hal9_packs_open(struct hal9_state *s, struct hal9_packs **ret, struct hal9_error *err) {
    _cleanup_free_ char *folder = pack_folder(s);
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_store_ids(folder, ".pack", &ids, err);
    if (st != HAL9_OK)
        return st;
    struct hal9_packs *all = hal9_alloc(sizeof(*all));
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_free_ char *name = hal9_strf("%s.pack", ids.v[i]);
        open_pack(all, folder, name);
    }
    *ret = all;
    return HAL9_OK;
}

void hal9_packs_close(struct hal9_packs *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        pack_clear(&p->v[i]);
    free(p->v);
    free(p);
}

const struct hal9_sha_entry *pack_find(const struct pack *p, const struct hal9_sha *sha) {
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = memcmp(sha->b, p->index[mid].sha.b, sizeof(sha->b));
        if (order == 0)
            return &p->index[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

bool hal9_packs_has(const struct hal9_packs *p, const struct hal9_sha *sha) {
    for (size_t i = p->n; i-- > 0;)
        if (pack_find(&p->v[i], sha))
            return true;
    return false;
}

hal9_status hal9_packs_view(const struct hal9_packs *p, const struct hal9_sha *sha,
                            const void **ret, size_t *ret_len, struct hal9_error *err) {
    const char *damaged = NULL;
    char hex[65];
    hal9_hex(sha->b, sizeof(sha->b), hex);
    for (size_t i = p->n; i-- > 0;) {
        const struct pack *pack = &p->v[i];
        const struct hal9_sha_entry *e = pack_find(pack, sha);
        uint8_t real[32];
        if (!e)
            continue;
        damaged = pack->name;
        if (e->at > pack->size || e->len > pack->size - e->at)
            continue;
        hal9_sha256(pack->map + e->at, e->len, real);
        if (memcmp(real, sha->b, sizeof(real)) != 0)
            continue;
        *ret = pack->map + e->at;
        *ret_len = e->len;
        return HAL9_OK;
    }
    if (damaged)
        return hal9_error_set(err, HAL9_E_CORRUPT,
                              "content %.12s in packs/%s is damaged: it does not match its name",
                              hex, damaged);
    return hal9_error_set(err, HAL9_E_NOT_FOUND, "content %.12s is in no pack that can be read",
                          hex);
}

void hal9_packs_names(const struct hal9_packs *p, struct hal9_strv *ret) {
    for (size_t i = 0; i < p->n; i++)
        hal9_strv_add(ret, p->v[i].name);
}
