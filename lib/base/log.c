/* Lines for people on stderr, each one write. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

static char tool_name[32] = "hal9ops";
static int shown_level;
static atomic_llong patience_ms = -1;
static size_t (*cleaner)(const char *text, size_t len, struct hal9_buf *ret);
static atomic_bool gone; /* stderr's reader has stalled for too long */

void hal9_log_setup(const char *tool, int verbosity) {
    snprintf(tool_name, sizeof(tool_name), "%s", tool);
    shown_level = verbosity > 0 ? verbosity : 0; /* errors are always told */
}

/* One message stays one line, whatever a stranger's argv or answer has in it. */
static void flatten(char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\t')
            text[i] = ' ';
        else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
}

void hal9_log_patience(int64_t ms) {
    atomic_store(&patience_ms, ms);
}

/* Whether stderr takes bytes before patience is over. A descriptor that was inherited is never set to O_NONBLOCK: others share it. */
static bool takes_bytes(int64_t patience) {
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    int64_t deadline = hal9_mono_ms() + patience;
    for (;;) {
        int64_t left = deadline - hal9_mono_ms();
        int n = poll(&p, 1, patience < 0 ? -1 : left > 0 ? (int)left : 0);
        if (n > 0)
            return true; /* broken counts: the write tells */
        if (n == 0 || errno != EINTR)
            return false;
    }
}

void hal9_log_cleaner(size_t (*clean)(const char *text, size_t len, struct hal9_buf *ret)) {
    cleaner = clean;
}

/* A pipe that can be written takes PIPE_BUF bytes without waiting (POSIX, write()). */
static void put(const char *text, size_t len) {
    int64_t patience = atomic_load(&patience_ms);
    bool ask = patience >= 0;
    while (len > 0 && !atomic_load(&gone)) {
        if (ask && !takes_bytes(patience)) {
            atomic_store(&gone, true);
            return;
        }
        ssize_t n = write(STDERR_FILENO, text, ask && len > PIPE_BUF ? (size_t)PIPE_BUF : len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return; /* where stderr is gone, there is nobody to tell */
        ask = ask || n < 0;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
}

void hal9_log_text(const char *text, size_t len) {
    _cleanup_buf_ struct hal9_buf clean = {0};

    if (!cleaner || cleaner(text, len, &clean) == 0)
        put(text, len);
    else
        put(clean.data, clean.len);
}

void hal9_log(int level, const char *fmt, ...) {
    if (level > shown_level)
        return;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    _cleanup_free_ char *line = hal9_strf("%s: %s\n", tool_name, text);
    size_t len = strlen(line);
    flatten(line, len - 1);
    hal9_log_text(line, len);
}
