/* Finding and reading log files, in a child of its own: a file system that hangs takes only that along. A frame is a line of JSON and, for a file,
 * as many bytes as that tells. The first has the paths of all that will come. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "workload/bundle.h"

enum { FILES_MAX = 200 };

struct file {
    char *path;
    struct stat st;
    uint64_t share; /* how many of its last bytes are taken */
};
struct search {
    const struct wl_find *job;
    struct file *v;
    size_t n, cap;
    cJSON *left_out;
};

static void leave_out(struct search *s, const char *what, const char *why) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "what", what);
    hal9_json_add_str(j, "why", why);
    cJSON_AddItemToArray(s->left_out, j);
}

/* A link that somebody else has laid to a file that isn't his may lead anywhere. */
static const char *bad_link(const char *path, const struct stat *target) {
    struct stat link;

    if (lstat(path, &link) < 0 || !S_ISLNK(link.st_mode) || link.st_uid == 0 ||
        link.st_uid == geteuid() || link.st_uid == target->st_uid)
        return NULL;
    return "a link to a file of somebody else";
}

static void take(struct search *s, const char *path, bool told) {
    struct file f = {.path = NULL};
    const char *why = NULL;

    if (stat(path, &f.st) < 0) {
        if (told)
            leave_out(s, path, strerror(errno));
        return;
    }
    if (!S_ISREG(f.st.st_mode))
        why = S_ISFIFO(f.st.st_mode) ? "a FIFO" : "not a regular file";
    else
        why = bad_link(path, &f.st);
    if (why) {
        leave_out(s, path, why);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].st.st_dev == f.st.st_dev && s->v[i].st.st_ino == f.st.st_ino)
            return; /* the same by another name */
    f.path = hal9_strdup(path);
    *HAL9_APPEND(s->v, s->n, s->cap) = f;
}

static void expand(struct search *s, const char *pattern) {
    glob_t found = {0};
    int rc = glob(pattern, GLOB_NOSORT, NULL, &found);

    if (rc != 0)
        leave_out(s, pattern, rc == GLOB_NOMATCH ? "no such file" : "cannot be searched for");
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        take(s, found.gl_pathv[i], true);
    globfree(&found);
}

static int by_age(const void *a, const void *b) {
    const struct file *x = a, *y = b;

    if (x->st.st_mtim.tv_sec != y->st.st_mtim.tv_sec)
        return x->st.st_mtim.tv_sec > y->st.st_mtim.tv_sec ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* The newest, and what was written within `last` before that: a service that is down for long has its last words there all the same. */
static void drop_old(struct search *s) {
    int64_t least =
        s->n > 0 ? (int64_t)s->v[0].st.st_mtim.tv_sec - (s->job->last_ms + 999) / 1000 : 0;
    size_t kept = 0;

    while (kept < s->n && kept < FILES_MAX && (int64_t)s->v[kept].st.st_mtim.tv_sec >= least)
        kept++;
    for (size_t i = kept; i < s->n; i++)
        leave_out(s, s->v[i].path,
                  i >= FILES_MAX ? "too many files" : "older than the others by far");
    s->n = kept;
}

/* Small files whole; what they leave of their shares goes to the larger ones. */
static void share_out(struct search *s) {
    uint64_t left = s->job->max;
    size_t waiting = s->n;

    for (bool settled = true; settled && waiting > 0;) {
        uint64_t each = left / waiting;

        settled = false;
        for (size_t i = 0; i < s->n; i++) {
            uint64_t size = (uint64_t)s->v[i].st.st_size;

            if (s->v[i].share > 0 || size == 0 || size > each)
                continue;
            s->v[i].share = size;
            left -= size;
            waiting--;
            settled = true;
        }
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].share == 0 && s->v[i].st.st_size > 0)
            s->v[i].share = left / (waiting > 0 ? waiting : 1);
}

static bool send_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_frame(int fd, const cJSON *head, const char *data, size_t len) {
    _cleanup_free_ char *text = hal9_json_text(head);

    return send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1) && send_all(fd, data, len);
}

static bool send_list(const struct search *s, int fd) {
    _cleanup_json_ cJSON *head = cJSON_CreateObject();
    cJSON *paths = cJSON_AddArrayToObject(head, "paths");

    for (size_t i = 0; i < s->n; i++)
        cJSON_AddItemToArray(paths, cJSON_CreateString(s->v[i].path));
    cJSON_AddItemToObject(head, "left_out", cJSON_Duplicate(s->left_out, true));
    return send_frame(fd, head, NULL, 0);
}

/* The last bytes as they are now. A line that the first of them stand in the middle of is left out. */
static const char *read_end(const struct file *f, struct hal9_buf *ret, uint64_t *ret_size) {
    _cleanup_close_ int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return strerror(errno);
    if (st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino)
        return "it was replaced meanwhile";
    uint64_t size = (uint64_t)st.st_size, start = size > f->share ? size - f->share : 0;
    char chunk[65536];
    off_t data = lseek(fd, (off_t)start, SEEK_DATA); /* holes tell nothing */

    if (data >= 0 || errno == ENXIO)
        start = data >= 0 ? (uint64_t)data : size;
    for (uint64_t at = start; at < size;) {
        size_t want = size - at < sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);
        ssize_t n = pread(fd, chunk, want, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return strerror(errno);
        if (n == 0)
            break; /* cut meanwhile */
        hal9_buf_add(ret, chunk, (size_t)n);
        at += (uint64_t)n;
    }
    const char *line = start > 0 && ret->len > 0 ? memchr(ret->data, '\n', ret->len - 1) : NULL;

    if (line) {
        size_t skipped = (size_t)(line + 1 - ret->data);

        memmove(ret->data, line + 1, ret->len - skipped);
        ret->len -= skipped;
    }
    *ret_size = size;
    return NULL;
}

static bool send_file(const struct file *f, int fd) {
    _cleanup_json_ cJSON *head = cJSON_CreateObject();
    _cleanup_buf_ struct hal9_buf data = {0};
    uint64_t size = 0;
    const char *why = read_end(f, &data, &size);

    hal9_json_add_str(head, "path", f->path);
    hal9_json_add_str(head, "why", why);
    hal9_json_add_u64(head, "size", size);
    hal9_json_add_int(head, "mtime", (int64_t)f->st.st_mtim.tv_sec * 1000);
    hal9_json_add_u64(head, "bytes", why ? 0 : data.len);
    return send_frame(fd, head, data.data, why ? 0 : data.len);
}

void wl_bundle_find(const void *job, int fd) {
    struct search s = {.job = job, .left_out = cJSON_CreateArray()};
    const cJSON *item;

    cJSON_ArrayForEach(item, s.job->paths) {
        take(&s, item->valuestring, false);
    }
    cJSON_ArrayForEach(item, s.job->globs) {
        expand(&s, item->valuestring);
    }
    if (s.n > 0)
        qsort(s.v, s.n, sizeof(*s.v), by_age);
    drop_old(&s);
    share_out(&s);
    bool sent = send_list(&s, fd);

    for (size_t i = 0; sent && i < s.n; i++)
        sent = send_file(&s.v[i], fd);
}
