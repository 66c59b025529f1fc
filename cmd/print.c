/* Words on stdout and stderr, for readers who may be slow, may stall, may have gone: none of that may stop an operation. */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

#define PATIENCE_MS 2000

/* What was closed by whoever started us: the first file opened would stand there, a journal even, and take the records. */
void cli_stdio(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_NOCTTY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void cli_patience(void) {
    int64_t ms = cli.acting ? PATIENCE_MS : -1;

    hal9_stream_cancel(cli.out, cli.cancel.soft_fd);
    hal9_stream_patience(cli.out, ms);
    hal9_log_patience(ms);
}

void cli_acts(void) {
    cli.acting = true;
    cli_patience();
}

/* Whole lines, each with one write. */
void cli_print(const char *fmt, ...) {
    static char *line; /* what has no newline yet */
    va_list ap;

    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    _cleanup_free_ char *whole = line ? hal9_strf("%s%s", line, text) : HAL9_TAKE_PTR(text);

    free(line);
    line = NULL;
    if (hal9_endswith(whole, "\n")) {
        _cleanup_buf_ struct hal9_buf clean = {0};

        hal9_redact_words(whole, strlen(whole), &clean);
        _cleanup_free_ char *shown = cli_fit(clean.data, cli.terminal ? (int)cli.width : 0);

        hal9_stream_text(cli.out, shown, strlen(shown));
    } else {
        line = HAL9_TAKE_PTR(whole);
    }
}

void cli_complain(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    _cleanup_free_ char *shown = cli_fit(text, cli_error_columns());

    hal9_log_text(shown, strlen(shown));
}

int cli_error_columns(void) {
    struct winsize size = {0};

    /* stdout may be a pipe while this is a terminal. */
    if (!isatty(STDERR_FILENO))
        return 0;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 3 ? size.ws_col : 80;
}
