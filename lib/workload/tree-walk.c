/* What is there below a path: folders are read one by one, by two threads where a CPU is idle and there are enough of them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "workload/tree.h"

enum { THREAD_WORTH = 8 }; /* folders that wait: a second thread comes for them */

static void dir_free(struct wl_dir *d) {
    for (size_t i = 0; i < d->n; i++)
        free(d->files[i].link);
    free(d->files);
    free(d->names);
    free(d->path);
    free(d);
}

void wl_walk_clear(struct wl_walk *w) {
    for (size_t i = 0; i < w->n_dirs; i++)
        dir_free(w->dirs[i]);
    free(w->dirs);
    free(w->queue);
    free(w->root.link);
    free(w->path);
    free(w->base);
    if (w->folder >= 0)
        close(w->folder);
    wl_cache_close(&w->cache);
    hal9_error_clear(&w->error);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
}
void wl_walk_queue(struct wl_walk *w, struct wl_file *f, char *path) {
    struct wl_dir *d = hal9_alloc(sizeof(*d));
    *d = (struct wl_dir){.path = path, .self = f};
    f->dir = d;
    pthread_mutex_lock(&w->lock);
    *HAL9_APPEND(w->dirs, w->n_dirs, w->cap_dirs) = d;
    *HAL9_APPEND(w->queue, w->n_queue, w->cap_queue) = d;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

bool wl_walk_left_out(const struct wl_walk *w, const struct stat *st) {
    return S_ISDIR(st->st_mode) && st->st_dev == w->state_dev && st->st_ino == w->state_ino;
}

/* ---- threads ---- */

static bool is_cancelled(const struct wl_walk *w) {
    struct pollfd p = {.fd = w->cancel_fd, .events = POLLIN};
    return w->cancel_fd >= 0 && poll(&p, 1, 0) > 0;
}

/* The next folder, or NULL when there is no more. Called, and returns, with the lock. */
static struct wl_dir *next_dir(struct wl_walk *w) {
    while (w->n_queue == 0 && w->busy > 0 && w->error.code == HAL9_OK)
        pthread_cond_wait(&w->wake, &w->lock);
    if (w->n_queue == 0 || w->error.code != HAL9_OK)
        return NULL;
    w->busy++;
    return w->queue[--w->n_queue];
}

static void work_off(struct wl_walk *w, bool may_call_help);

static void *help(void *data) {
    work_off(data, false);
    return NULL;
}

static void work_off(struct wl_walk *w, bool may_call_help) {
    _cleanup_free_ uint8_t *buffer = hal9_alloc(WL_READ_BUFFER + 1);
    pthread_t helper;
    bool helped = false;
    struct wl_dir *d;
    pthread_mutex_lock(&w->lock);
    while ((d = next_dir(w))) {
        struct hal9_error e = {0};
        if (may_call_help && w->n_queue >= THREAD_WORTH) {
            may_call_help = false;
            helped = pthread_create(&helper, NULL, help, w) == 0;
        }
        pthread_mutex_unlock(&w->lock);
        hal9_status st = is_cancelled(w) ? hal9_error_set(&e, HAL9_E_INTERRUPTED, "interrupted")
                                         : wl_dir_read(w, d, buffer, &e);
        pthread_mutex_lock(&w->lock);
        if (st != HAL9_OK && w->error.code == HAL9_OK)
            hal9_error_move(&w->error, &e);
        hal9_error_clear(&e);
        w->busy--;
        pthread_cond_broadcast(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    if (helped)
        pthread_join(helper, NULL);
}

hal9_status wl_walk_run(struct wl_walk *w, struct hal9_error *err) {
    struct wl_file *root = &w->root;
    struct timespec now;
    root->name = w->base;
    clock_gettime(CLOCK_REALTIME, &now);
    if (fstatat(w->folder, w->base, &root->st, AT_SYMLINK_NOFOLLOW) < 0) {
        root->gone = errno == ENOENT;
        return root->gone ? HAL9_OK : hal9_error_errno(err, errno, "cannot look at %s", w->path);
    }
    if (wl_walk_left_out(w, &root->st))
        return hal9_error_set(err, HAL9_E_USAGE, "%s is the state directory itself", w->path);
    if (S_ISSOCK(root->st.st_mode))
        return hal9_error_set(err, HAL9_E_USAGE, "%s is a socket, which can't be kept", w->path);
    w->root_dev = root->st.st_dev;
    const struct wl_cached_dir *top = wl_cache_dir(&w->cache, "/");
    _cleanup_free_ uint8_t *buffer = hal9_alloc(WL_READ_BUFFER + 1);
    hal9_status st = wl_entry_read(w, w->folder, "", root, top ? w->cache.files + top->first : NULL,
                                   &now, buffer, err);
    if (st != HAL9_OK || root->meta.type != 'd')
        return st;
    wl_walk_queue(w, root, hal9_strdup(""));
    work_off(w, hal9_host_idle_cpus() > 0);
    return w->error.code == HAL9_OK ? HAL9_OK : hal9_error_move(err, &w->error);
}
