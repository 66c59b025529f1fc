/* A journal's files: their names, the writer's lock, reading all of it. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

char *hal9_journal_path(const struct hal9_state *s, const char *id) {
    _cleanup_free_ char *dir = hal9_state_part(s, "journal");
    return hal9_strf("%s/%s.ndjson", dir, id);
}

char *hal9_mark_path(const struct hal9_state *s, const char *id) {
    return hal9_state_sub(s, "open", id);
}

hal9_status hal9_journal_id_check(const char *id, struct hal9_error *err) {
    if (hal9_id_valid(id))
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_USAGE, "'%.40s' is not the id of an operation", id ? id : "");
}

hal9_status hal9_journal_missing(const struct hal9_state *s, const char *id,
                                 struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_NOT_FOUND, "no operation %s in %s", id, s->shown);
    hal9_error_hint(err, "hal9-rollback history lists them");
    return HAL9_E_NOT_FOUND;
}

bool hal9_journal_flock(int fd) {
    /* A reader has its shared lock for the time between two system calls; some rounds of yielding
     * outlast any number of them, unless one was stopped just there. */
    for (int round = 0; round < 10000; round++) {
        if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) == 0)
            return true;
        if (HAL9_AGAIN(flock(fd, LOCK_SH | LOCK_NB)) < 0)
            return false; /* a writer */
        flock(fd, LOCK_UN);
        sched_yield();
    }
    return false;
}

bool hal9_journal_flocked(int fd) {
    if (HAL9_AGAIN(flock(fd, LOCK_SH | LOCK_NB)) < 0)
        return errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return false;
}

bool hal9_journal_running(struct hal9_state *s, const char *id) {
    if (!hal9_id_valid(id))
        return false;
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    int fd;
    if (hal9_store_open(path, &fd, NULL) != HAL9_OK)
        return false;
    _cleanup_close_ int own = fd;
    return hal9_journal_flocked(own);
}

hal9_status hal9_journal_read(struct hal9_state *s, const char *id, cJSON **ret_lines,
                              bool *ret_torn, struct hal9_error *err) {
    hal9_status status = hal9_journal_id_check(id, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    status = hal9_store_read(path, HAL9_JOURNAL_MAX, &text, &e);
    if (status == HAL9_E_NOT_FOUND)
        return hal9_journal_missing(s, id, err);
    if (status != HAL9_OK)
        return hal9_error_move(err, &e);
    struct hal9_scan scan;
    status = hal9_scan_lines(text.len > 0 ? text.data : "", text.len, path, id, &scan, err);
    if (status != HAL9_OK)
        return status;
    *ret_lines = scan.array;
    if (ret_torn)
        *ret_torn = scan.torn;
    return HAL9_OK;
}

/* Reads until there is a newline. */
static hal9_status read_first(const char *path, struct hal9_buf *ret, struct hal9_error *err) {
    int opened;
    hal9_status status = hal9_store_open(path, &opened, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_close_ int fd = opened;
    char chunk[8192];
    while (ret->len < HAL9_JOURNAL_MAX) {
        ssize_t n = HAL9_AGAIN(read(fd, chunk, sizeof(chunk)));
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot read %s", path);
        const char *newline = memchr(chunk, '\n', (size_t)n);
        hal9_buf_add(ret, chunk, newline ? (size_t)(newline - chunk) + 1 : (size_t)n);
        if (newline || n == 0)
            return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_LIMIT, "the first line of %s is too long", path);
}

hal9_status hal9_journal_first(struct hal9_state *s, const char *id, cJSON **ret_line,
                               struct hal9_error *err) {
    hal9_status status = hal9_journal_id_check(id, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    status = read_first(path, &text, &e);
    if (status == HAL9_E_NOT_FOUND)
        return hal9_journal_missing(s, id, err);
    if (status != HAL9_OK)
        return hal9_error_move(err, &e);
    struct hal9_scan scan;
    status = hal9_scan_lines(text.len > 0 ? text.data : "", text.len, path, id, &scan, err);
    if (status != HAL9_OK)
        return status;
    cJSON *first = cJSON_DetachItemFromArray(scan.array, 0);
    cJSON_Delete(scan.array);
    if (!first)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "operation %s never began", id);
    *ret_line = first;
    return HAL9_OK;
}
