/* Lines for people on stderr, each one write. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

static char tool_name[32] = "hal9ops";
static int shown_level;

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
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* where stderr is gone, there is nobody to tell */
}
