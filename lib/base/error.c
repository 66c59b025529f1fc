/* Errors: a code, words, the place in the user's input, what to do next. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

#undef hal9_error_set /* base.h has macros of them for the analyzer */
#undef hal9_error_errno

/* Words are formatted before the old error goes: they may quote it. */
static void replace(struct hal9_error *err, hal9_status code, int errnum, char *message) {
    hal9_error_clear(err);
    *err = (struct hal9_error){.code = code, .errnum = errnum, .message = message};
}

hal9_status hal9_error_set(struct hal9_error *err, hal9_status code, const char *fmt, ...) {
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    char *message = hal9_vstrf(fmt, ap);
    va_end(ap);
    replace(err, code, 0, message);
    return code;
}

static hal9_status status_of_errno(int errnum) {
    switch (errnum) {
    case EACCES:
    case EPERM:
        return HAL9_E_PERM;
    case ENOENT:
        return HAL9_E_NOT_FOUND;
    case EEXIST:
        return HAL9_E_EXISTS;
    case ETIMEDOUT:
        return HAL9_E_TIMEOUT;
    default:
        return HAL9_E_IO;
    }
}

hal9_status hal9_error_errno(struct hal9_error *err, int errnum, const char *fmt, ...) {
    hal9_status code = status_of_errno(errnum);
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *what = hal9_vstrf(fmt, ap);
    va_end(ap);
    replace(err, code, errnum, hal9_strf("%s: %s", what, strerror(errnum)));
    return code;
}

void hal9_error_place(struct hal9_error *err, const char *file, unsigned line, unsigned col) {
    if (!err)
        return;
    char *copy = hal9_strdup(file);
    free(err->file);
    err->file = copy;
    err->line = line;
    err->col = col;
}

void hal9_error_hint(struct hal9_error *err, const char *fmt, ...) {
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    char *hint = hal9_vstrf(fmt, ap);
    va_end(ap);
    free(err->hint);
    err->hint = hint;
}

void hal9_error_prefix(struct hal9_error *err, const char *fmt, ...) {
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *prefix = hal9_vstrf(fmt, ap);
    va_end(ap);
    char *message = hal9_strf("%s: %s", prefix, err->message ? err->message : "");
    free(err->message);
    err->message = message;
}

hal9_status hal9_error_move(struct hal9_error *to, struct hal9_error *from) {
    hal9_status code = from->code;
    if (to == from)
        return code;
    if (!to) {
        hal9_error_clear(from);
        return code;
    }
    hal9_error_clear(to);
    *to = *from;
    *from = (struct hal9_error){0};
    return code;
}

void hal9_error_clear(struct hal9_error *err) {
    if (!err)
        return;
    free(err->message);
    free(err->file);
    free(err->hint);
    *err = (struct hal9_error){0};
}

char *hal9_error_text(const struct hal9_error *err) {
    struct hal9_buf text = {0};
    if (!err)
        return hal9_buf_take(&text);
    if (err->file)
        hal9_buf_printf(&text, "%s:", err->file);
    if (err->line)
        hal9_buf_printf(&text, "%u:", err->line);
    if (err->line && err->col)
        hal9_buf_printf(&text, "%u:", err->col);
    if (text.len > 0)
        hal9_buf_putc(&text, ' ');
    hal9_buf_puts(&text, err->message ? err->message : hal9_status_name(err->code));
    if (err->hint)
        hal9_buf_printf(&text, "; %s", err->hint);
    return hal9_buf_take(&text);
}

const char *hal9_status_name(hal9_status status) {
    static const char *const names[] = {
        [HAL9_OK] = "ok",
        [HAL9_E_USAGE] = "usage",
        [HAL9_E_CONFIG] = "config",
        [HAL9_E_UNSUPPORTED] = "unsupported",
        [HAL9_E_IO] = "io",
        [HAL9_E_PERM] = "perm",
        [HAL9_E_BUSY] = "busy",
        [HAL9_E_NOT_FOUND] = "not_found",
        [HAL9_E_EXISTS] = "exists",
        [HAL9_E_TIMEOUT] = "timeout",
        [HAL9_E_CORRUPT] = "corrupt",
        [HAL9_E_DRIFT] = "drift",
        [HAL9_E_REFUSED] = "refused",
        [HAL9_E_UNKNOWN] = "unknown",
        [HAL9_E_FAILED] = "failed",
        [HAL9_E_INTERRUPTED] = "interrupted",
        [HAL9_E_LIMIT] = "limit",
        [HAL9_E_PROTOCOL] = "protocol",
    };
    if ((size_t)status >= HAL9_ARRAY_LEN(names))
        return "invalid";
    return names[status];
}
