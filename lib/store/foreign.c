/*
 * Another state directory, which a note in a lock file has named: anybody's, and its owner may change it while it is worked on. So no link is followed
 * on the way to it, and its folders are held by descriptors from when they were looked at: whatever is put in their place later is not met.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

static const char *const parts[HAL9_PINS] = {"journal", "open", "blobs"};

static hal9_status not_plain(const char *path, const char *why, struct hal9_error *err) {
    return hal9_error_set(err, HAL9_E_REFUSED, "the directory %s is not a plain one: %s", path,
                          why);
}

static hal9_status failed(const char *path, const char *name, struct hal9_error *err) {
    if (errno == ELOOP || errno == ENOTDIR)
        return not_plain(path, "a link, or no directory, stands on the way", err);
    return hal9_error_errno(err, errno, "cannot open '%s' of %s", name, path);
}

/* Component by component. */
static hal9_status walk(const char *path, int *ret_fd, struct hal9_error *err) {
    const int way = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int top = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = HAL9_AGAIN(open("/", way));
    if (fd < 0 || *path != '/')
        return not_plain(path, "it is not named from the root on", err);
    for (const char *c = path; *c;) {
        size_t len;
        c += strspn(c, "/");
        len = strcspn(c, "/");
        if (len == 0)
            break;
        _cleanup_free_ char *name = hal9_strndup(c, len);
        c += len;
        bool last = c[strspn(c, "/")] == '\0';
        int next = strcmp(name, "..") == 0 ? (errno = ELOOP, -1)
                                           : HAL9_AGAIN(openat(fd, name, last ? top : way));
        int why = errno;
        close(fd);
        errno = why;
        fd = next;
        if (fd < 0)
            return failed(path, name, err);
    }
    *ret_fd = fd;
    return HAL9_OK;
}

static hal9_status pin_part(struct hal9_state *s, int top, const struct stat *owner, size_t i,
                            struct hal9_error *err) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;
    s->pins[i] = HAL9_AGAIN(openat(top, parts[i], flags));
    if (s->pins[i] < 0)
        return errno == ENOENT ? HAL9_OK : failed(s->shown, parts[i], err);
    if (fstat(s->pins[i], &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s/%s", s->shown, parts[i]);
    if (st.st_uid != owner->st_uid || st.st_mode & S_IWOTH)
        return not_plain(s->shown, "its parts are not its owner's", err);
    return HAL9_OK;
}

static hal9_status pin(struct hal9_state *s, struct hal9_error *err) {
    struct stat st;
    hal9_status status = walk(s->shown, &s->pin_top, err);
    if (status != HAL9_OK)
        return status;
    if (fstat(s->pin_top, &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", s->shown);
    if (st.st_mode & S_IWOTH)
        return not_plain(s->shown, "it may be written by anybody", err);
    s->path = hal9_strf("/proc/self/fd/%d", s->pin_top);
    s->shared = (st.st_mode & 02070) == 02070;
    s->owner = st.st_uid;
    for (size_t i = 0; status == HAL9_OK && i < HAL9_PINS; i++)
        status = pin_part(s, s->pin_top, &st, i, err);
    return status;
}

hal9_status hal9_state_open_foreign(const char *path, struct hal9_state **ret,
                                    struct hal9_error *err) {
    struct hal9_state *s = hal9_alloc(sizeof(*s));
    *s = (struct hal9_state){.shown = hal9_strdup(path),
                             .hold = -1,
                             .mode = HAL9_STATE_WRITE,
                             .foreign = true,
                             .pin_top = -1,
                             .pins = {-1, -1, -1},
                             .names = hal9_names_cache_new()};
    hal9_status status = pin(s, err);
    if (status == HAL9_OK)
        status = hal9_state_format(s, err);
    if (status != HAL9_OK) {
        hal9_state_close(s);
        return status;
    }
    *ret = s;
    return HAL9_OK;
}

char *hal9_state_part(const struct hal9_state *s, const char *dir) {
    for (size_t i = 0; s->foreign && i < HAL9_PINS; i++)
        if (strcmp(parts[i], dir) == 0) /* of one that wasn't there nothing is found, ever */
            return hal9_strf("/proc/self/fd/%d", s->pins[i]);
    return hal9_strf("%s/%s", s->path, dir);
}

void hal9_state_unpin(struct hal9_state *s) {
    for (size_t i = 0; s->foreign && i < HAL9_PINS; i++)
        if (s->pins[i] >= 0)
            close(s->pins[i]);
    if (s->foreign && s->pin_top >= 0)
        close(s->pin_top);
}

static void replace(char **text, const char *from, const char *to) {
    char *at;
    while (*text && (at = strstr(*text, from))) {
        char *fresh = hal9_strf("%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from));
        free(*text);
        *text = fresh;
    }
}

void hal9_state_say(const struct hal9_state *s, struct hal9_error *err) {
    for (size_t i = 0; s->foreign && i < HAL9_PINS; i++) {
        _cleanup_free_ char *from = hal9_strf("/proc/self/fd/%d/", s->pins[i]);
        _cleanup_free_ char *to = hal9_strf("%s/%s/", s->shown, parts[i]);
        replace(&err->message, from, to);
        replace(&err->file, from, to);
    }
    if (s->foreign) {
        _cleanup_free_ char *from = hal9_strf("/proc/self/fd/%d/", s->pin_top);
        _cleanup_free_ char *to = hal9_strf("%s/", s->shown);
        replace(&err->message, from, to);
    }
}
