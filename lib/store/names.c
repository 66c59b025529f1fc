/* Ids of journals by their file names alone: a directory of a million is read once, and no file of it. */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

static void close_dir(DIR **d) {
    if (*d)
        closedir(*d);
}

hal9_status hal9_names_each(const char *dir, const char *suffix,
                            void (*fn)(void *data, const char *id), void *data,
                            struct hal9_error *err) {
    _cleanup_(close_dir) DIR *d = opendir(dir);
    const size_t len = HAL9_ID_LEN + strlen(suffix);
    if (!d && errno == ENOENT)
        return HAL9_OK;
    if (!d)
        return hal9_error_errno(err, errno, "cannot open directory %s", dir);
    struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(d))) {
        if (strlen(entry->d_name) != len || strcmp(entry->d_name + HAL9_ID_LEN, suffix) != 0)
            continue;
        entry->d_name[HAL9_ID_LEN] = '\0';
        if (hal9_id_valid(entry->d_name))
            fn(data, entry->d_name);
    }
    return errno == 0 ? HAL9_OK : hal9_error_errno(err, errno, "cannot read directory %s", dir);
}

/* Kept from one question to the next, as long as nothing was made or removed there. */
struct hal9_names_cache {
    pthread_mutex_t lock;
    struct hal9_names names; /* in no order */
    struct timespec of;      /* the folder's time when it was read; 0: never */
};

struct hal9_names_cache *hal9_names_cache_new(void) {
    struct hal9_names_cache *c = hal9_alloc(sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void hal9_names_cache_free(struct hal9_names_cache *c) {
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    hal9_names_free(&c->names);
    free(c);
}

static void add_name(void *data, const char *id) {
    struct hal9_names *n = data;
    memcpy(*HAL9_APPEND(n->v, n->n, n->cap), id, HAL9_ID_LEN + 1);
}

#define RACY_MS 100

/* The folder's time; one that changed a moment ago may change again without a change of its time. */
static bool settled(const char *dir, struct timespec *ret) {
    struct timespec now;
    struct stat st;
    if (stat(dir, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
        return false;
    *ret = st.st_mtim;
    int64_t age = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000 +
                  (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
    return age > RACY_MS;
}

static hal9_status refresh(struct hal9_names_cache *c, const char *dir, struct hal9_error *err) {
    struct timespec time = {0};
    bool sure = settled(dir, &time);
    if (sure && time.tv_sec == c->of.tv_sec && time.tv_nsec == c->of.tv_nsec)
        return HAL9_OK;
    c->names.n = 0;
    c->of = (struct timespec){0};
    hal9_status status = hal9_names_each(dir, ".ndjson", add_name, &c->names, err);
    if (status == HAL9_OK && sure)
        c->of = time;
    return status;
}

/* fn must not ask for names itself. */
hal9_status hal9_journal_names_each(const struct hal9_state *s,
                                    void (*fn)(void *data, const char *id), void *data,
                                    struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "journal", NULL);
    pthread_mutex_lock(&s->names->lock);
    hal9_status status = refresh(s->names, dir, err);
    for (size_t i = 0; status == HAL9_OK && i < s->names->names.n; i++)
        fn(data, s->names->names.v[i]);
    pthread_mutex_unlock(&s->names->lock);
    return status;
}

int hal9_names_order(const void *a, const void *b) {
    return memcmp(a, b, HAL9_ID_LEN);
}

void hal9_names_free(struct hal9_names *n) {
    free(n->v);
    *n = (struct hal9_names){0};
}

struct collect {
    struct hal9_names names;
    const char *after; /* only later ones */
    size_t newest;     /* only so many; 0: all */
    char floor[HAL9_ID_LEN + 1];
};

static void sort(struct hal9_names *n) {
    if (n->n > 1)
        qsort(n->v, n->n, sizeof(*n->v), hal9_names_order);
}

/* Twice as many as are wanted are kept before the older half goes: each name costs one comparison, mostly. */
static void keep_newest(struct collect *c) {
    if (c->newest == 0 || c->names.n <= c->newest)
        return;
    sort(&c->names);
    memmove(c->names.v, c->names.v + (c->names.n - c->newest), c->newest * sizeof(*c->names.v));
    c->names.n = c->newest;
    memcpy(c->floor, c->names.v[0], sizeof(c->floor));
}

static void collect_one(void *data, const char *id) {
    struct collect *c = data;
    if ((c->after && strcmp(id, c->after) <= 0) || (c->floor[0] && strcmp(id, c->floor) < 0))
        return;
    memcpy(*HAL9_APPEND(c->names.v, c->names.n, c->names.cap), id, HAL9_ID_LEN + 1);
    if (c->newest > 0 && c->names.n >= 2 * c->newest)
        keep_newest(c);
}

hal9_status hal9_names_read(const struct hal9_state *s, const char *after, size_t newest,
                            struct hal9_names *ret, struct hal9_error *err) {
    struct collect c = {.after = after, .newest = newest};
    hal9_status status = hal9_journal_names_each(s, collect_one, &c, err);
    if (status != HAL9_OK) {
        hal9_names_free(&c.names);
        return status;
    }
    keep_newest(&c);
    sort(&c.names);
    *ret = c.names;
    return HAL9_OK;
}

hal9_status hal9_journal_last(struct hal9_state *s, size_t n, struct hal9_strv *ret_ids,
                              struct hal9_error *err) {
    struct hal9_names names = {0};
    hal9_status status = hal9_names_read(s, NULL, n, &names, err);
    for (size_t i = 0; i < names.n; i++)
        hal9_strv_add(ret_ids, names.v[i]);
    hal9_names_free(&names);
    return status;
}

/* ---- how much of an id a person must type */

#define SHORTEST 4

/* Length up to which two ids end alike. */
static size_t same_end(const char *a, const char *b) {
    size_t n = 0;
    while (n < HAL9_ID_LEN && a[HAL9_ID_LEN - 1 - n] == b[HAL9_ID_LEN - 1 - n])
        n++;
    return n;
}

struct shorten {
    const struct hal9_strv *ids;
    size_t len;
};

/* A word names an operation by its beginning, too: an end that another one begins with won't do. */
static bool fits(const char *other, const char *id, size_t len) {
    const char *end = id + HAL9_ID_LEN - len;
    return memcmp(other, end, len) == 0 || memcmp(other + HAL9_ID_LEN - len, end, len) == 0;
}

static void shorten_one(void *data, const char *other) {
    struct shorten *x = data;
    for (size_t i = 0; i < x->ids->n; i++) {
        const char *id = x->ids->v[i];
        while (x->len < HAL9_ID_LEN && fits(other, id, x->len) && strcmp(other, id) != 0)
            x->len++;
    }
}

static void turn(char *id) {
    for (size_t i = 0; i < HAL9_ID_LEN / 2; i++) {
        char c = id[i];
        id[i] = id[HAL9_ID_LEN - 1 - i];
        id[HAL9_ID_LEN - 1 - i] = c;
    }
}

/* For long lists: of all there are, sorted by their ends, neighbours have most in common. */
static size_t longest_end(struct hal9_names *all) {
    size_t len = SHORTEST;
    for (size_t i = 0; i < all->n; i++)
        turn(all->v[i]);
    sort(all);
    for (size_t i = 0; i < all->n; i++)
        turn(all->v[i]);
    for (size_t i = 1; i < all->n; i++) {
        size_t same = same_end(all->v[i - 1], all->v[i]);
        len = same >= len ? same + 1 : len;
    }
    return len < HAL9_ID_LEN ? len : HAL9_ID_LEN;
}

#define FEW 256

size_t hal9_journal_short(struct hal9_state *s, const struct hal9_strv *ids) {
    struct shorten x = {.ids = ids, .len = SHORTEST};
    if (ids->n <= FEW)
        return hal9_journal_names_each(s, shorten_one, &x, NULL) == HAL9_OK ? x.len : HAL9_ID_LEN;
    struct hal9_names all = {0};
    if (hal9_names_read(s, NULL, 0, &all, NULL) != HAL9_OK)
        return HAL9_ID_LEN;
    size_t len = longest_end(&all);
    hal9_names_free(&all);
    return len;
}
