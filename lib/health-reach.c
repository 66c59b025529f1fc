/* Services whose program lies on a mount that hangs. Whoever compares processes with such a path waits for ever, and with him all
 * that is looked at in one go: so the paths are tried first, in a child that may hang in our place. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/sys.h"
#include "health-internal.h"

#define PATIENCE_MS 2000 /* for one path */

struct walk {
    const struct hal9_strv *paths;
    size_t from;
};

/* A byte for each path that gave an answer, whatever it was. */
static void ask(const void *arg, int fd) {
    const struct walk *w = arg;
    struct stat st;
    for (size_t i = w->from; i < w->paths->n; i++) {
        (void)stat(w->paths->v[i], &st);
        if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
            return;
    }
}

/* How many paths from w->from on gave an answer. */
static size_t answers(const struct walk *w, int cancel_fd) {
    struct hal9_child child = HAL9_CHILD_INIT;
    const size_t all = w->paths->n - w->from;
    size_t n = 0;
    int exit_code, out = -1;
    char bytes[256];
    if (hal9_spawn_call(ask, w, &child, &out, NULL) != HAL9_OK)
        return all; /* no process can be had: that is told by what comes after */
    _cleanup_close_ int fd = out;
    while (n < all && hal9_wait_fd(fd, hal9_mono_ms() + PATIENCE_MS, cancel_fd, NULL) == HAL9_OK) {
        const ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (n < all)
        kill(child.id.pid, SIGKILL);
    (void)hal9_child_wait(&child, hal9_mono_ms() + 100, -1, &exit_code, NULL);
    hal9_child_clear(&child);
    return n;
}

static bool same_folder(const char *a, const char *b) {
    const size_t n = (size_t)(strrchr(a, '/') - a) + 1;
    return strncmp(a, b, n) == 0;
}

/* Marks the paths that gave none. */
static void mark(const struct hal9_strv *paths, bool *hangs, int cancel_fd) {
    struct walk w = {.paths = paths};
    while (w.from < paths->n) {
        const size_t n = answers(&w, cancel_fd);
        const size_t bad = w.from + n;
        if (bad >= paths->n)
            return;
        hangs[bad] = true;
        /* Its neighbours would each cost the same patience. */
        w.from = bad + 1;
        while (w.from < paths->n && same_folder(paths->v[bad], paths->v[w.from]))
            hangs[w.from++] = true;
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void hal9_look_unreachable(const struct hal9_look_round *r, struct hal9_strv *ret) {
    _cleanup_strv_ struct hal9_strv paths = {0};
    for (size_t i = 0; i < r->all.n; i++) {
        const char *exe = r->refs[i].identity.exe;
        if (exe && *exe == '/' && r->all.v[i].planned > 0)
            hal9_strv_add(&paths, exe);
    }
    if (paths.n == 0)
        return;
    qsort(paths.v, paths.n, sizeof(*paths.v), by_text);
    _cleanup_free_ bool *hangs = hal9_alloc(paths.n * sizeof(*hangs));
    mark(&paths, hangs, r->h->cancel_fd);
    for (size_t i = 0; i < paths.n; i++)
        if (hangs[i])
            hal9_strv_add(ret, paths.v[i]);
}
