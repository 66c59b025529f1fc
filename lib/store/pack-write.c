/* Writing a pack: contents one behind the other through one buffer, one sync for all of them, then the name. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/pack-internal.h"
#include "sys/fault.h"

#define BUFFER ((size_t)1 << 20)

struct hal9_pack_writer {
    struct hal9_state *s;
    struct hal9_packs *known;
    pthread_mutex_t lock; /* all that follows */
    int fd;               /* of the temporary file; -1: nothing new yet */
    char *temp, *name;
    struct hal9_sha_map new;
    uint8_t *buffer;
    size_t buffered;
    uint64_t at; /* length of the file with what is buffered */
};

hal9_status hal9_pack_begin(struct hal9_state *s, struct hal9_pack_writer **ret,
                            struct hal9_error *err) {
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    struct hal9_packs *known = NULL;
    hal9_status st = hal9_state_writable(s, err);
    pthread_mutex_lock(&once);
    if (st == HAL9_OK && s->hold < 0)
        st = pack_lock(s, false, 60000, &s->hold, err);
    pthread_mutex_unlock(&once);
    if (st == HAL9_OK)
        st = hal9_packs_open(s, &known, err);
    if (st != HAL9_OK)
        return hal9_state_explain(err, st);
    struct hal9_pack_writer *w = hal9_alloc(sizeof(*w));
    *w = (struct hal9_pack_writer){.s = s, .known = known, .fd = -1};
    /* held for the time of a copy: waking a sleeper takes longer than that */
    pthread_mutexattr_t spinning;
    pthread_mutexattr_init(&spinning);
    pthread_mutexattr_settype(&spinning, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&w->lock, &spinning);
    pthread_mutexattr_destroy(&spinning);
    *ret = w;
    return HAL9_OK;
}

const struct hal9_packs *hal9_pack_known(const struct hal9_pack_writer *w) {
    return w->known;
}

struct hal9_packs *hal9_pack_forget(struct hal9_pack_writer *w) {
    struct hal9_packs *known = w->known;
    w->known = hal9_alloc(sizeof(*w->known));
    return known;
}

struct hal9_packs *hal9_pack_unchanged(struct hal9_pack_writer *w) {
    return w->new.n == 0 ? hal9_pack_forget(w) : NULL;
}

static void writer_free(struct hal9_pack_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    if (w->temp)
        hal9_sys_discard(w->temp);
    hal9_packs_close(w->known);
    hal9_sha_map_clear(&w->new);
    pthread_mutex_destroy(&w->lock);
    free(w->buffer);
    free(w->temp);
    free(w->name);
    free(w);
}

void hal9_pack_cancel(struct hal9_pack_writer *w) {
    if (w)
        writer_free(w);
}

static hal9_status flush(struct hal9_pack_writer *w, struct hal9_error *err) {
    hal9_status st = hal9_fd_write_all(w->fd, w->buffer, w->buffered, err);
    if (st != HAL9_OK)
        hal9_error_prefix(err, "%s", w->temp);
    w->buffered = 0;
    return st;
}

static hal9_status add_bytes(struct hal9_pack_writer *w, const void *data, size_t len,
                             struct hal9_error *err) {
    w->at += len;
    if (w->buffered + len > BUFFER) {
        hal9_status st = flush(w, err);
        if (st == HAL9_OK && len >= BUFFER)
            st = hal9_fd_write_all(w->fd, data, len, err);
        if (st != HAL9_OK || len >= BUFFER)
            return st;
    }
    if (len > 0)
        memcpy(w->buffer + w->buffered, data, len);
    w->buffered += len;
    return HAL9_OK;
}

/* The file, made when the first content comes. It is locked, so that nobody sweeps it away: whoever did so before it was leaves it without a link. */
static hal9_status need_file(struct hal9_pack_writer *w, struct hal9_error *err) {
    char id[HAL9_ID_LEN + 1];
    struct stat st;
    while (w->fd < 0) {
        hal9_id_new(id);
        free(w->temp);
        free(w->name);
        w->temp = hal9_strf("%s/packs/.%s.tmp", w->s->path, id);
        w->name = hal9_strf("%s/packs/%s.pack", w->s->path, id);
        int fd = HAL9_AGAIN(
            hal9_sys_open(w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (fd < 0)
            return hal9_error_errno(err, errno, "cannot make a file in %s/packs", w->s->path);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
            w->fd = fd;
        else
            close(fd);
    }
    if (w->buffer)
        return HAL9_OK;
    w->buffer = hal9_alloc(BUFFER);
    return add_bytes(w, PACK_MAGIC, PACK_MAGIC_LEN, err);
}

static hal9_status pad(struct hal9_pack_writer *w, struct hal9_error *err) {
    static const char zeros[8];
    return add_bytes(w, zeros, (size_t)(-w->at & 7), err);
}

static hal9_status put(struct hal9_pack_writer *w, const struct hal9_sha *sha, const void *data,
                       size_t len, struct hal9_error *err) {
    if (hal9_sha_map_get(&w->new, sha))
        return HAL9_OK;
    struct pack_record r = {.magic = PACK_RECORD, .len = len, .sha = *sha};
    hal9_status st = need_file(w, err);
    if (st == HAL9_OK)
        st = add_bytes(w, &r, sizeof(r), err);
    if (st == HAL9_OK)
        hal9_sha_map_add(&w->new, sha, w->at, len);
    if (st == HAL9_OK)
        st = add_bytes(w, data, len, err);
    return st == HAL9_OK ? pad(w, err) : st;
}

hal9_status hal9_pack_put(struct hal9_pack_writer *w, const struct hal9_sha *sha, const void *data,
                          size_t len, struct hal9_error *err) {
    if (hal9_packs_has(w->known, sha))
        return HAL9_OK;
    pthread_mutex_lock(&w->lock);
    hal9_status st = put(w, sha, data, len, err);
    pthread_mutex_unlock(&w->lock);
    return st;
}

/* From fd to the pack; its head comes when its name is known. */
static hal9_status copy(struct hal9_pack_writer *w, int fd, struct pack_record *r,
                        struct hal9_error *err) {
    static const size_t size = (size_t)256 << 10;
    _cleanup_free_ uint8_t *chunk = hal9_alloc(size);
    struct hal9_sha256 h;
    hal9_sha256_start(&h);
    for (;;) {
        ssize_t n = HAL9_AGAIN(read(fd, chunk, size));
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read");
        if (n == 0)
            break;
        hal9_sha256_add(&h, chunk, (size_t)n);
        r->len += (uint64_t)n;
        hal9_status st = add_bytes(w, chunk, (size_t)n, err);
        if (st != HAL9_OK)
            return st;
    }
    hal9_sha256_end(&h, r->sha.b);
    return HAL9_OK;
}

/* Back to where it was: what was written since is nothing. */
static hal9_status rewind_to(struct hal9_pack_writer *w, uint64_t at, struct hal9_error *err) {
    w->buffered = 0;
    w->at = at;
    if (HAL9_AGAIN(hal9_sys_ftruncate(w->fd, (off_t)at)) < 0 ||
        lseek(w->fd, (off_t)at, SEEK_SET) < 0)
        return hal9_error_errno(err, errno, "cannot cut %s", w->temp);
    return HAL9_OK;
}

static hal9_status put_fd(struct hal9_pack_writer *w, int fd, struct pack_record *r,
                          struct hal9_error *err) {
    hal9_status st = need_file(w, err);
    if (st == HAL9_OK)
        st = flush(w, err);
    if (st != HAL9_OK)
        return st;
    uint64_t at = w->at;
    st = add_bytes(w, r, sizeof(*r), err);
    if (st == HAL9_OK)
        st = copy(w, fd, r, err);
    if (st == HAL9_OK)
        st = pad(w, err);
    if (st == HAL9_OK)
        st = flush(w, err);
    if (st != HAL9_OK || hal9_packs_has(w->known, &r->sha) || hal9_sha_map_get(&w->new, &r->sha)) {
        hal9_status back = rewind_to(w, at, st == HAL9_OK ? err : NULL);
        return st == HAL9_OK ? back : st;
    }
    r->magic = PACK_RECORD;
    if (hal9_fault("write") || pwrite(w->fd, r, sizeof(*r), (off_t)at) != (ssize_t)sizeof(*r))
        return hal9_error_errno(err, errno, "cannot write %s", w->temp);
    hal9_sha_map_add(&w->new, &r->sha, at + sizeof(*r), r->len);
    return HAL9_OK;
}

hal9_status hal9_pack_put_fd(struct hal9_pack_writer *w, int fd, struct hal9_sha *ret_sha,
                             uint64_t *ret_len, struct hal9_error *err) {
    struct pack_record r = {0};
    pthread_mutex_lock(&w->lock);
    hal9_status st = put_fd(w, fd, &r, err);
    pthread_mutex_unlock(&w->lock);
    if (st != HAL9_OK)
        return st;
    *ret_sha = r.sha;
    *ret_len = r.len;
    return HAL9_OK;
}

static size_t bucket_of(const struct hal9_sha_entry *e) {
    return (size_t)e->sha.b[0] << 8 | e->sha.b[1];
}

/* By SHA-256, whose first bytes are spread evenly: a place for each by those, then few are out of order. Fresh. */
static struct hal9_sha_entry *sorted(const struct hal9_sha_entry *v, size_t n) {
    struct hal9_sha_entry *to = hal9_alloc((n + 1) * sizeof(*to));
    _cleanup_free_ size_t *first = hal9_alloc(65537 * sizeof(*first));
    for (size_t i = 0; i < n; i++)
        first[bucket_of(&v[i]) + 1]++;
    for (size_t i = 1; i <= 65536; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; i < n; i++)
        to[first[bucket_of(&v[i])]++] = v[i];
    for (size_t i = 1; i < n; i++) {
        struct hal9_sha_entry e = to[i];
        size_t at = i;
        for (; at > 0 && pack_entry_order(&e, &to[at - 1]) < 0; at--)
            to[at] = to[at - 1];
        to[at] = e;
    }
    return to;
}

/* Index and tail, on the disk. */
static hal9_status complete(struct hal9_pack_writer *w, struct hal9_error *err) {
    struct pack_tail t = {.n = w->new.n, .at = w->at};
    size_t len = w->new.n * sizeof(*w->new.v);
    memcpy(t.magic, PACK_MAGIC, PACK_MAGIC_LEN);
    _cleanup_free_ struct hal9_sha_entry *index = sorted(w->new.v, w->new.n);
    hal9_quick_sum(index, len, t.sum);
    hal9_status st = add_bytes(w, index, len, err);
    if (st == HAL9_OK)
        st = add_bytes(w, &t, sizeof(t), err);
    if (st == HAL9_OK)
        st = flush(w, err);
    if (st == HAL9_OK && HAL9_AGAIN(hal9_sys_fdatasync(w->fd)) < 0)
        st = hal9_error_errno(err, errno, "cannot sync %s", w->temp);
    return st;
}

hal9_status hal9_pack_finish(struct hal9_pack_writer *w, struct hal9_error *err) {
    _cleanup_free_ char *folder = pack_folder(w->s);
    hal9_status st = HAL9_OK;
    if (w->new.n > 0) {
        st = complete(w, err);
        if (st == HAL9_OK && hal9_sys_rename(w->temp, w->name) < 0)
            st = hal9_error_errno(err, errno, "cannot name %s", w->name);
        if (st == HAL9_OK) {
            free(w->temp);
            w->temp = NULL;
            st = hal9_dir_sync(folder, err);
        }
    }
    hal9_state_explain(err, st);
    writer_free(w);
    return st;
}
