/*
 * What the first lines of journals tell, in one file: so that a question about all operations opens one file, not a million. Only a cache:
 * the names of the journals decide which there are, and one that isn't in it, or whose line is damaged, is read itself.
 *
 * A line: ID RUN UNDOES TOUCHES CRC. UNDOES are ids, TOUCHES keys of resources, both with commas between; "-": nothing. CRC-32C of what is before it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define INDEX_MAX ((size_t)4 << 30)
#define TAIL ((off_t)64 << 10)
#define FEW 64 /* so many journals are read faster than the index */

static char *index_path(const struct hal9_state *s) {
    return hal9_state_sub(s, "index", NULL);
}

/* ---- lines */

void hal9_touch_key(const char *resource, char ret[HAL9_TOUCH_KEY + 1]) {
    char sha[65];
    hal9_sha256_hex(resource, strlen(resource), sha);
    memcpy(ret, sha, HAL9_TOUCH_KEY);
    ret[HAL9_TOUCH_KEY] = '\0';
}

static bool plain(const char *word) {
    return word && *word && strlen(word) <= 64 && strcspn(word, " ,\n") == strlen(word) &&
           !hal9_streq(word, "-");
}

/* The fields of a first line, as the index has them. False: they don't fit in there. */
static bool fields_of(const cJSON *first, char **ret_run, char **ret_undoes, char **ret_touches) {
    _cleanup_strv_ struct hal9_strv undoes = {0};
    _cleanup_strv_ struct hal9_strv resources = {0};
    _cleanup_strv_ struct hal9_strv keys = {0};
    const char *run = hal9_json_str(first, "run");
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(first, "undoes"), &undoes);
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(first, "resources"), &resources);
    for (size_t i = 0; i < resources.n; i++) {
        char key[HAL9_TOUCH_KEY + 1];
        hal9_touch_key(resources.v[i], key);
        hal9_strv_add(&keys, key);
    }
    bool fit = !run || plain(run);
    for (size_t i = 0; i < undoes.n; i++)
        fit = fit && hal9_id_valid(undoes.v[i]);
    *ret_run = hal9_strdup(run ? run : "-");
    *ret_undoes = undoes.n > 0 ? hal9_strv_join(&undoes, ",") : hal9_strdup("-");
    *ret_touches = keys.n > 0 ? hal9_strv_join(&keys, ",") : hal9_strdup("-");
    return fit;
}

static void add_line(struct hal9_buf *b, const char *id, const char *run, const char *undoes,
                     const char *touches) {
    _cleanup_free_ char *text = hal9_strf("%s %s %s %s", id, run, undoes, touches);
    hal9_buf_printf(b, "%s %08x\n", text, hal9_crc32c(0, text, strlen(text)));
}

/* ---- the file, as it was read */

struct index {
    struct hal9_buf text;
    const char **lines; /* in the order of their ids */
    size_t n, cap;
};

static void index_free(struct index *x) {
    hal9_buf_free(&x->text);
    free((void *)x->lines);
}

static int line_order(const void *a, const void *b) {
    return memcmp(*(const char *const *)a, *(const char *const *)b, HAL9_ID_LEN);
}

/* What looks like a line; its checksum is looked at when it is wanted. */
static void index_load(const struct hal9_state *s, const char *after, struct index *x) {
    _cleanup_free_ char *path = index_path(s);
    bool sorted = true;
    if (hal9_store_read(path, INDEX_MAX, &x->text, NULL) != HAL9_OK || x->text.len == 0)
        return;
    char *end = x->text.data + x->text.len;
    for (char *line = x->text.data, *newline;
         line < end && (newline = memchr(line, '\n', (size_t)(end - line))); line = newline + 1) {
        *newline = '\0';
        if (newline - line <= HAL9_ID_LEN || line[HAL9_ID_LEN] != ' ' ||
            (after && memcmp(line, after, HAL9_ID_LEN) <= 0))
            continue;
        sorted = sorted && (x->n == 0 || memcmp(x->lines[x->n - 1], line, HAL9_ID_LEN) <= 0);
        *HAL9_APPEND(x->lines, x->n, x->cap) = line;
    }
    if (!sorted)
        qsort((void *)x->lines, x->n, sizeof(*x->lines), line_order);
}

/* Cuts a line into its fields; false when it is damaged. */
static bool take_apart(struct hal9_buf *line, struct hal9_journal_head *ret) {
    char *fields[5] = {line->data};
    size_t n = 1;
    for (char *c = line->data; *c; c++)
        if (*c == ' ' && n < HAL9_ARRAY_LEN(fields))
            fields[n++] = c + 1;
    if (n != HAL9_ARRAY_LEN(fields) || strlen(fields[4]) != 8)
        return false;
    char crc[9];
    snprintf(crc, sizeof(crc), "%08x",
             hal9_crc32c(0, line->data, (size_t)(fields[4] - 1 - line->data)));
    if (strcmp(crc, fields[4]) != 0)
        return false;
    for (size_t i = 1; i < n; i++)
        *(fields[i] - 1) = '\0';
    *ret = (struct hal9_journal_head){.id = fields[0],
                                      .run = strcmp(fields[1], "-") == 0 ? NULL : fields[1],
                                      .undoes = strcmp(fields[2], "-") == 0 ? "" : fields[2],
                                      .touches = fields[3]};
    return hal9_id_valid(ret->id);
}

/* The line of an id, from *at on; *ret_raw is the whole line, NULL-able. */
static bool index_find(const struct index *x, size_t *at, const char *id, struct hal9_buf *line,
                       struct hal9_journal_head *ret, const char **ret_raw) {
    while (*at < x->n && memcmp(x->lines[*at], id, HAL9_ID_LEN) < 0)
        ++*at;
    for (size_t i = *at; i < x->n && memcmp(x->lines[i], id, HAL9_ID_LEN) == 0; i++) {
        hal9_buf_reset(line);
        hal9_buf_puts(line, x->lines[i]);
        if (ret_raw)
            *ret_raw = x->lines[i];
        if (take_apart(line, ret))
            return true;
    }
    return false;
}

/* ---- writing */

/* The file, locked, and still the one that the path names. -1: not now. */
static int index_open(const struct hal9_state *s, const char *path) {
    const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    for (int attempt = 0; attempt < 100; attempt++) {
        _cleanup_close_ int fd = HAL9_AGAIN(hal9_sys_open(path, flags, hal9_state_file_mode(s)));
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return -1;
        if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) < 0) {
            hal9_wait_fd(-1, hal9_mono_ms() + 1, -1, NULL);
            continue;
        }
        if (st.st_uid == geteuid() && (st.st_mode & 07777) != hal9_state_file_mode(s) &&
            hal9_sys_fchmod(fd, hal9_state_file_mode(s)) < 0)
            return -1;
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return HAL9_TAKE_FD(fd);
    }
    return -1;
}

/* A killed writer's half line must not spoil the next one. */
static bool ends_whole(int fd) {
    char last = '\n';
    struct stat st;
    return fstat(fd, &st) == 0 &&
           (st.st_size == 0 || (pread(fd, &last, 1, st.st_size - 1) == 1 && last == '\n'));
}

/* An index that lacks the newest operation is worse than none: its end tells what the newest is. */
static void index_append(const struct hal9_state *s, const struct hal9_buf *lines) {
    _cleanup_free_ char *path = index_path(s);
    _cleanup_close_ int fd = index_open(s, path);
    bool added = fd >= 0 && (ends_whole(fd) || hal9_fd_write_all(fd, "\n", 1, NULL) == HAL9_OK) &&
                 hal9_fd_write_all(fd, lines->data, lines->len, NULL) == HAL9_OK;
    if (!added && hal9_sys_unlink(path) < 0 && errno != ENOENT)
        hal9_log(1, "cannot write %s, nor remove it: %s", path, strerror(errno));
}

void hal9_index_add(const struct hal9_state *s, const char *id, const cJSON *first) {
    _cleanup_free_ char *run = NULL;
    _cleanup_free_ char *undoes = NULL;
    _cleanup_free_ char *touches = NULL;
    _cleanup_buf_ struct hal9_buf line = {0};
    if (!fields_of(first, &run, &undoes, &touches))
        return;
    add_line(&line, id, run, undoes, touches);
    index_append(s, &line);
}

/* ---- the newest */

static void newer(const char *line, char ret[HAL9_ID_LEN + 1]) {
    _cleanup_free_ char *copy = hal9_strndup(line, strcspn(line, "\n"));
    struct hal9_buf text = {.data = copy, .len = strlen(copy)};
    struct hal9_journal_head h;
    if (take_apart(&text, &h) && strcmp(h.id, ret) > 0)
        memcpy(ret, h.id, HAL9_ID_LEN + 1);
}

/* Newer than the journals' folder: no journal was made since its last line, among which the newest is then. */
static bool newest_by_index(const struct hal9_state *s, char ret[HAL9_ID_LEN + 1]) {
    _cleanup_free_ char *path = index_path(s);
    _cleanup_free_ char *dir = hal9_state_sub(s, "journal", NULL);
    struct stat journals;
    struct stat st;
    int opened;
    if (stat(dir, &journals) < 0 || hal9_store_open(path, &opened, NULL) != HAL9_OK)
        return false;
    _cleanup_close_ int fd = opened;
    if (fstat(fd, &st) < 0 || st.st_mtim.tv_sec < journals.st_mtim.tv_sec ||
        (st.st_mtim.tv_sec == journals.st_mtim.tv_sec &&
         st.st_mtim.tv_nsec < journals.st_mtim.tv_nsec))
        return false;
    _cleanup_free_ char *tail = hal9_alloc((size_t)TAIL + 1);
    ssize_t n = pread(fd, tail, (size_t)TAIL, st.st_size > TAIL ? st.st_size - TAIL : 0);
    if (n <= 0 || tail[n - 1] != '\n')
        return false;
    tail[n - 1] = '\0';
    ret[0] = '\0';
    /* operations that began at the same time may have come here in another order */
    for (const char *line = tail; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        newer(line, ret);
    return ret[0] != '\0';
}

/* ---- asking */

static void read_first(struct hal9_state *s, const char *id, struct hal9_buf *line,
                       struct hal9_journal_head *ret, struct hal9_buf *missing) {
    _cleanup_json_ cJSON *first = NULL;
    _cleanup_free_ char *run = NULL;
    _cleanup_free_ char *undoes = NULL;
    _cleanup_free_ char *touches = NULL;
    *ret = (struct hal9_journal_head){0};
    if (hal9_journal_first(s, id, &first, NULL) != HAL9_OK)
        return; /* it never began, or reading it will tell of the damage */
    bool fit = fields_of(first, &run, &undoes, &touches);
    hal9_buf_reset(line);
    add_line(line, id, fit ? run : "-", undoes, touches);
    if (fit)
        hal9_buf_add(missing, line->data, line->len);
    line->data[--line->len] = '\0';
    if (!take_apart(line, ret))
        *ret = (struct hal9_journal_head){0};
    if (ret->id && !fit)
        ret->run = hal9_json_str(first, "run");
}

hal9_status hal9_journal_heads(struct hal9_state *s, const char *after,
                               int (*fn)(void *data, const struct hal9_journal_head *h), void *data,
                               struct hal9_error *err) {
    struct hal9_names names = {0};
    _cleanup_(index_free) struct index x = {0};
    _cleanup_buf_ struct hal9_buf line = {0};
    _cleanup_buf_ struct hal9_buf missing = {0};
    char newest[HAL9_ID_LEN + 1];
    if (after && newest_by_index(s, newest) && strcmp(newest, after) <= 0)
        return HAL9_OK;
    hal9_status status = hal9_names_read(s, after, 0, &names, err);
    if (status != HAL9_OK)
        return status;
    if (names.n > FEW)
        index_load(s, after, &x);
    size_t at = 0;
    int end = 0;
    for (size_t i = 0; i < names.n && end == 0; i++) {
        struct hal9_journal_head h;
        if (!index_find(&x, &at, names.v[i], &line, &h, NULL))
            read_first(s, names.v[i], &line, &h, &missing);
        if (h.id)
            end = fn(data, &h);
    }
    /* the newest comes last, as hal9_journal_newest() wants it */
    if (missing.len > 0 && names.n > FEW && s->mode == HAL9_STATE_WRITE) {
        struct hal9_journal_head h;
        const char *raw;
        at = 0;
        if (index_find(&x, &at, names.v[names.n - 1], &line, &h, &raw))
            hal9_buf_printf(&missing, "%s\n", raw);
        index_append(s, &missing);
    }
    hal9_names_free(&names);
    return HAL9_OK;
}

bool hal9_head_touches(const struct hal9_journal_head *h, const struct hal9_strv *resources) {
    for (size_t i = 0; i < resources->n; i++) {
        char key[HAL9_TOUCH_KEY + 1];
        hal9_touch_key(resources->v[i], key);
        if (strstr(h->touches, key))
            return true;
    }
    return false;
}

bool hal9_journal_newest(struct hal9_state *s, char ret[HAL9_ID_LEN + 1]) {
    struct hal9_names names = {0};
    if (newest_by_index(s, ret))
        return true;
    if (hal9_names_read(s, NULL, 1, &names, NULL) != HAL9_OK || names.n == 0)
        return false;
    memcpy(ret, names.v[0], HAL9_ID_LEN + 1);
    hal9_names_free(&names);
    return true;
}

/* ---- after a prune */

hal9_status hal9_index_prune(struct hal9_state *s, struct hal9_error *err) {
    struct hal9_names names = {0};
    _cleanup_(index_free) struct index x = {0};
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_buf_ struct hal9_buf line = {0};
    _cleanup_free_ char *path = index_path(s);
    _cleanup_close_ int fd = index_open(s, path);
    hal9_status status = fd < 0 ? hal9_error_errno(err, errno, "cannot open %s", path) : HAL9_OK;
    if (status == HAL9_OK)
        status = hal9_names_read(s, NULL, 0, &names, err);
    if (status != HAL9_OK)
        return status;
    index_load(s, NULL, &x);
    size_t at = 0;
    for (size_t i = 0; i < names.n; i++) {
        struct hal9_journal_head h;
        const char *raw;
        if (index_find(&x, &at, names.v[i], &line, &h, &raw))
            hal9_buf_printf(&text, "%s\n", raw);
    }
    hal9_names_free(&names);
    return hal9_file_write(path, text.data ? text.data : "", text.len, hal9_state_file_mode(s),
                           err);
}
