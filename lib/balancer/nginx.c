/*
 * nginx, by a file that it includes and that has the upstream block. A change is: the file replaced in one rename, nginx's own test of its whole
 * configuration (the old file comes back when that fails), reload. Its old workers end when their visitors have their answers.
 *
 * While a change is under way a note lies beside the file, so that one that was killed between rename and reload is known: its servers `differ` until
 * nginx has been reloaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "balancer/driver.h"
#include "balancer/nginx-file.h"
#include "balancer/nginx.h"
#include "base/cleanup.h"
#include "sys/fault.h"

#define MAX_FILE ((size_t)4 * 1024 * 1024)

char *ng_note_path(const char *file) {
    const char *slash = strrchr(file, '/');
    const size_t dir = slash ? (size_t)(slash - file) + 1 : 0;

    return hal9_strf("%.*s.%s.hal9ops-reload", (int)dir, file, file + dir);
}

/* ---- reading ---- */

struct file {
    char *path; /* where symlinks lead to */
    struct hal9_buf text;
    struct stat stat;
    struct ng_upstream upstream;
    bool pending; /* not reloaded since it was written */
};

static void file_clear(struct file *f) {
    free(f->path);
    hal9_buf_free(&f->text);
    ng_upstream_clear(&f->upstream);
}

static hal9_status file_read(const struct hal9_balancer_spec *b, const char *backend,
                             struct file *ret, struct hal9_error *err) {
    ret->path = hal9_path_canonical(b->nginx);
    hal9_status st = hal9_file_read(ret->path, MAX_FILE, &ret->text, err);

    if (st == HAL9_OK && stat(ret->path, &ret->stat) < 0)
        st = hal9_error_errno(err, errno, "cannot look at %s", ret->path);
    if (st == HAL9_OK)
        st = ng_upstream_parse(ret->path, &ret->text, backend, &ret->upstream, err);
    if (st == HAL9_OK && !ret->upstream.found)
        st = bal_no_backend(b, backend, &ret->upstream.known, err);
    _cleanup_free_ char *note = ng_note_path(ret->path);

    ret->pending = access(note, F_OK) == 0;
    if (st != HAL9_OK && st != HAL9_E_NOT_FOUND)
        hal9_error_prefix(err, "balancer %s", b->name ? b->name : "nginx");
    return st;
}

static hal9_status look(const struct hal9_balancer_spec *b, const char *backend, int cancel_fd,
                        struct hal9_balancer_view *ret, struct hal9_error *err) {
    _cleanup_(file_clear) struct file f = {0};
    hal9_status st = file_read(b, backend, &f, err);

    (void)cancel_fd;
    for (size_t i = 0; st == HAL9_OK && i < f.upstream.n; i++) {
        const struct ng_server *from = &f.upstream.v[i];
        struct hal9_balancer_server *s = bal_view_add(ret, from->name);

        s->address = hal9_strdup(from->name);
        s->weight = from->weight;
        s->admin = from->admin;
        if (f.pending)
            s->differs = hal9_strf("%s is changed, and nginx was not reloaded since", f.path);
    }
    if (st == HAL9_OK)
        ng_count_sessions(b, ret);
    return st;
}

/* ---- writing ---- */

static hal9_status change(struct file *f, const struct hal9_balancer_view *now,
                          const cJSON *servers, struct hal9_error *err) {
    const cJSON *wanted;

    cJSON_ArrayForEach(wanted, servers) {
        struct ng_server *s = NULL;

        for (size_t i = 0; i < f->upstream.n; i++)
            if (strcmp(f->upstream.v[i].name, wanted->string) == 0)
                s = &f->upstream.v[i];
        if (!s)
            return bal_no_server("nginx", now, wanted->string, err);
        const struct hal9_balancer_server *seen = bal_view_find(now, wanted->string);

        if (seen && (seen->weight != s->weight || seen->admin != s->admin))
            return hal9_error_set(err, HAL9_E_DRIFT, "%s was changed meanwhile: server %s", f->path,
                                  s->name);
        const int64_t weight = hal9_json_int(wanted, "weight", s->weight);
        enum hal9_admin admin = s->admin;

        (void)hal9_admin_parse(hal9_json_str(wanted, "admin"), &admin);
        s->changed = weight != s->weight || admin != s->admin;
        s->weight = weight;
        s->admin = admin;
    }
    return HAL9_OK;
}

/* Mode and owner are kept: nginx' helpers may run as somebody else. */
static hal9_status replace(const struct file *f, const char *text, size_t len,
                           struct hal9_error *err) {
    struct stat now;
    hal9_status st = hal9_file_write(f->path, text, len, f->stat.st_mode & 07777, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_close_ int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &now) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", f->path);
    if ((now.st_uid != f->stat.st_uid || now.st_gid != f->stat.st_gid) &&
        hal9_sys_fchown(fd, f->stat.st_uid, f->stat.st_gid) < 0)
        return hal9_error_errno(err, errno, "cannot give %s back to its owner", f->path);
    return HAL9_OK;
}

/* Whether the file is still the one that was read. */
static hal9_status unchanged(const struct file *f, struct hal9_error *err) {
    struct stat now;

    if (stat(f->path, &now) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", f->path);
    if (now.st_ino == f->stat.st_ino && now.st_size == f->stat.st_size &&
        now.st_mtim.tv_sec == f->stat.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == f->stat.st_mtim.tv_nsec)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_DRIFT, "%s was changed meanwhile", f->path);
    hal9_error_hint(err, "see what it is now, and run this again");
    return HAL9_E_DRIFT;
}

static hal9_status drop_note(const char *note, struct hal9_error *err) {
    if (hal9_sys_unlink(note) < 0 && errno != ENOENT)
        return hal9_error_errno(err, errno, "cannot remove %s", note);
    return HAL9_OK;
}

/* The old content comes back, since nginx refuses the new one. */
static hal9_status restore(const struct file *f, const char *note, hal9_status why,
                           struct hal9_error *err) {
    _cleanup_error_ struct hal9_error again = {0};

    if (replace(f, f->text.data, f->text.len, &again) != HAL9_OK)
        hal9_error_hint(err, "%s has the refused content, and the old one can't be put back: %s",
                        f->path, again.message);
    else if (!f->pending)
        (void)drop_note(note, &again);
    return why;
}

static hal9_status set(const struct hal9_balancer_spec *b, const char *backend,
                       const cJSON *servers, const struct hal9_balancer_view *now, int cancel_fd,
                       struct hal9_error *err) {
    _cleanup_(file_clear) struct file f = {0};
    hal9_status st = file_read(b, backend, &f, err);

    if (st == HAL9_OK)
        st = change(&f, now, servers, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *text = ng_upstream_print(&f.upstream, &f.text);
    _cleanup_free_ char *note = ng_note_path(f.path);
    const bool same = strlen(text) == f.text.len && memcmp(text, f.text.data, f.text.len) == 0;
    struct ng_master master = {0};

    if (same && !f.pending)
        return HAL9_OK;
    ng_master_look(b, &master);
    st = f.pending ? HAL9_OK : hal9_file_write(note, "", 0, 0600, err);
    if (st == HAL9_OK)
        st = unchanged(&f, err);
    if (st != HAL9_OK) /* nothing was changed yet */
        return f.pending ? st : (drop_note(note, NULL), st);
    if (!same)
        st = replace(&f, text, strlen(text), err);
    if (st == HAL9_OK)
        st = ng_test(b, cancel_fd, err);
    if (st != HAL9_OK)
        return same ? st : restore(&f, note, st, err);
    st = ng_reload(b, &master, cancel_fd, err);
    return st == HAL9_OK ? drop_note(note, err) : st;
}

const struct hal9_balancer_driver hal9_balancer_nginx = {.key = "nginx", .look = look, .set = set};
