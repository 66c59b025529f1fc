/* The log files of a bundle: told to a child, which reads them, and taken from it while there is time. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "sys/archive.h"
#include "workload/bundle.h"

enum { HEADS_MAX = 1 << 20, KILL_WAIT_MS = 100, READ_PIECE = 65536 };

/* Where a file stands in the archive: below logs/ as it does below /, without leaving it. Fresh. */
static char *entry_path(const char *path) {
    char *name = hal9_strf("logs/%s", path + strspn(path, "/"));

    for (char *p = strstr(name, ".."); p; p = strstr(p, ".."))
        p[0] = p[1] = '_';
    return name;
}

/* Reads all that the child has to say, up to a cap. HAL9_OK also when the time was over: *ret_late. */
static hal9_status collect(struct wl_bundle *b, int fd, size_t max, struct hal9_buf *ret,
                           bool *ret_late, struct hal9_error *err) {
    _cleanup_free_ char *piece = hal9_alloc(READ_PIECE);

    while (ret->len < max) {
        _cleanup_error_ struct hal9_error e = {0};
        hal9_status st = hal9_wait_fd(fd, b->deadline_ms, hal9_step_cancel_fd(b->c), &e);

        *ret_late = st == HAL9_E_TIMEOUT;
        if (*ret_late)
            return HAL9_OK;
        if (st != HAL9_OK)
            return hal9_error_move(err, &e);
        ssize_t n = read(fd, piece, READ_PIECE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        hal9_buf_add(ret, piece, (size_t)n);
    }
    return HAL9_OK;
}

static void end_child(struct hal9_child *child) {
    int ignored;

    hal9_proc_signal(child->fd, &child->id, SIGKILL, NULL);
    hal9_child_wait(child, hal9_mono_ms() + KILL_WAIT_MS, -1, &ignored, NULL);
    hal9_child_clear(child);
}

static void take_file(struct wl_bundle *b, const cJSON *head, const char *data, size_t len) {
    const char *path = hal9_json_str(head, "path"), *why = hal9_json_str(head, "why");

    if (why) {
        wl_bundle_leave_out(b, path, why);
        return;
    }
    _cleanup_free_ char *name = entry_path(path);
    struct wl_entry *e = wl_bundle_add(b, name, path);

    hal9_buf_add(&e->data, data, len);
    e->size = hal9_json_u64(head, "size");
    e->mtime_ms = hal9_json_int(head, "mtime", 0);
    e->cut = e->size > len;
    e->log = true;
    b->used += len;
}

static void take_list(struct wl_bundle *b, const cJSON *head, struct hal9_strv *ret) {
    const cJSON *item;

    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(head, "paths"), ret);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(head, "left_out")) {
        wl_bundle_leave_out(b, hal9_json_str(item, "what"), hal9_json_str(item, "why"));
    }
}

/* All whole frames; how many files they were. *ret_paths: all that were to come. */
static size_t take_frames(struct wl_bundle *b, const struct hal9_buf *all,
                          struct hal9_strv *ret_paths) {
    const char *at = all->data, *end = all->data + all->len;
    size_t files = 0;

    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        _cleanup_json_ cJSON *head = NULL;

        if (!line || hal9_json_parse(at, (size_t)(line - at), &head, NULL) != HAL9_OK)
            break;
        uint64_t bytes = hal9_json_u64(head, "bytes");

        if (bytes > (uint64_t)(end - line - 1))
            break;
        if (hal9_json_str(head, "path")) {
            take_file(b, head, line + 1, (size_t)bytes);
            files++;
        } else {
            take_list(b, head, ret_paths);
        }
        at = line + 1 + bytes;
    }
    return files;
}

/* What the service itself writes, and what that was before it was last renamed. */
static cJSON *own_output(const struct wl_bundle *b) {
    cJSON *paths = cJSON_CreateArray();

    if (b->ref.log_path) {
        _cleanup_free_ char *old = hal9_strf("%s.1", b->ref.log_path);

        cJSON_AddItemToArray(paths, cJSON_CreateString(b->ref.log_path));
        cJSON_AddItemToArray(paths, cJSON_CreateString(old));
    }
    return paths;
}

hal9_status wl_bundle_files(struct wl_bundle *b, struct hal9_error *err) {
    _cleanup_json_ cJSON *paths = own_output(b);
    const struct wl_find job = {.globs = cJSON_GetObjectItemCaseSensitive(b->args, "files"),
                                .paths = paths,
                                .max =
                                    b->max - (hal9_json_str(b->args, "journal") ? b->max / 4 : 0),
                                .last_ms = hal9_json_int(b->args, "last_ms", 0)};
    struct hal9_child child = HAL9_CHILD_INIT;
    _cleanup_strv_ struct hal9_strv listed = {0};
    _cleanup_buf_ struct hal9_buf all = {0};
    bool late = false;
    int fd = -1;

    if (cJSON_GetArraySize(paths) == 0 && cJSON_GetArraySize(job.globs) == 0)
        return HAL9_OK;
    hal9_step_progress(b->c, "reading log files");
    hal9_status st = hal9_spawn_call(wl_bundle_find, &job, &child, &fd, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_close_ int own = fd;

    st = collect(b, own, (size_t)job.max + HEADS_MAX, &all, &late, err);
    end_child(&child);
    if (st != HAL9_OK)
        return st;
    size_t came = take_frames(b, &all, &listed);

    for (size_t i = came; i < listed.n; i++)
        wl_bundle_leave_out(b, listed.v[i], late ? "no time was left for it" : "it was not read");
    if (late && listed.n == 0)
        wl_bundle_leave_out(b, "log files", "they were not found in time");
    return HAL9_OK;
}
