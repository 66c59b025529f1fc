/* What a lock file says of its last operation. Anybody may write there: it is shown and followed
 * up, never believed. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

void hal9_lock_note_clear(struct hal9_lock_note *n) {
    free(n->operation);
    free(n->state_dir);
    free(n->tool);
    free(n->user);
    *n = (struct hal9_lock_note){0};
}

/* Without what a terminal would act on. Fresh; "?" when there is nothing. */
static char *harmless(const char *text) {
    if (!text || !*text)
        return hal9_strdup("?");
    char *copy = hal9_strndup(text, 64);
    for (char *c = copy; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
    return copy;
}

static bool note_parse(const cJSON *j, struct hal9_lock_note *ret) {
    const char *operation = hal9_json_str(j, "operation");
    const char *state_dir = hal9_json_str(j, "state_dir");
    int64_t pid = hal9_json_int(j, "pid", 0);
    int64_t time_ms = hal9_json_int(j, "time", 0);
    if (!hal9_id_valid(operation) || !state_dir || *state_dir != '/' || pid <= 0 || pid > INT_MAX ||
        time_ms < 0)
        return false;
    *ret = (struct hal9_lock_note){
        .operation = hal9_strdup(operation),
        .state_dir = hal9_strdup(state_dir),
        .tool = harmless(hal9_json_str(j, "tool")),
        .user = harmless(hal9_json_str(j, "user")),
        .pid = (pid_t)pid,
        .ended = hal9_json_bool(j, "ended", false),
        .time_ms = time_ms,
    };
    return true;
}

bool hal9_note_read(int fd, struct hal9_lock_note *ret) {
    char text[HAL9_NOTE_MAX + 1] = {0};
    ssize_t n = HAL9_AGAIN(pread(fd, text, sizeof(text), 0));
    /* The first line counts: behind it may stand the rest of a longer one, when the writer was
     * killed before it could cut that off. */
    const char *newline = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
    _cleanup_json_ cJSON *j = NULL;
    return newline && (size_t)n <= HAL9_NOTE_MAX &&
           hal9_json_parse(text, (size_t)(newline - text), &j, NULL) == HAL9_OK &&
           cJSON_IsObject(j) && note_parse(j, ret);
}

bool hal9_note_current(int fd, struct hal9_lock_note *ret) {
    struct hal9_lock_note note = {0};
    if (!hal9_note_read(fd, &note))
        return false;
    struct hal9_proc_id holder = {.pid = note.pid};
    if (note.ended || hal9_proc_alive(&holder) == HAL9_GONE) {
        hal9_lock_note_clear(&note);
        return false;
    }
    *ret = note;
    return true;
}

hal9_status hal9_note_write(int fd, const struct hal9_lock_note *note, const char *path,
                            struct hal9_error *err) {
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "operation", note->operation);
    hal9_json_add_str(j, "state_dir", note->state_dir);
    hal9_json_add_str(j, "tool", note->tool);
    hal9_json_add_str(j, "user", note->user);
    hal9_json_add_int(j, "pid", note->pid);
    cJSON_AddBoolToObject(j, "ended", note->ended);
    hal9_json_add_int(j, "time", note->time_ms);
    _cleanup_free_ char *text = hal9_json_text(j);
    _cleanup_free_ char *line = hal9_strf("%s\n", text);
    size_t len = strlen(line);
    if (len > HAL9_NOTE_MAX)
        return hal9_error_set(err, HAL9_E_LIMIT, "the note for %s is too long: %zu bytes", path,
                              len);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return hal9_error_errno(err, errno, "cannot write %s", path);
    hal9_status status = hal9_fd_write_all(fd, line, len, err);
    if (status != HAL9_OK) {
        hal9_error_prefix(err, "%s", path);
        return status;
    }
    if (hal9_sys_ftruncate(fd, (off_t)len) < 0)
        return hal9_error_errno(err, errno, "cannot cut %s", path);
    return HAL9_OK;
}

char *hal9_resource_words(const char *resource) {
    const char *colon = strchr(resource, ':');
    if (!colon)
        return hal9_strdup(resource);
    const char *rest = colon + 1;
    if (hal9_startswith(resource, "port:") && strrchr(rest, '/'))
        rest = strrchr(rest, '/') + 1; /* which network namespace is for the machine */
    return hal9_strf("%.*s %s", (int)(colon - resource), resource, rest);
}

char *hal9_note_words(const char *resource, const struct hal9_lock_note *note) {
    _cleanup_free_ char *what = hal9_resource_words(resource);
    if (!note)
        return hal9_strf("%s is held by another process", what);
    char clock[16];
    hal9_time_clock(note->time_ms, clock);
    return hal9_strf("%s is held by operation %s (%s, user %s, pid %d, since %s)", what,
                     note->operation, note->tool, note->user, (int)note->pid, clock);
}
