/* Errors, warnings, next steps: what people read besides records. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

const char *cli_style(const char *name) {
    static const char *const styles[][2] = {
        {"bold", "\033[1m"},    {"red", "\033[31m"}, {"green", "\033[32m"},
        {"yellow", "\033[33m"}, {"dim", "\033[2m"},  {"off", "\033[0m"},
    };

    for (size_t i = 0; cli.colour && i < HAL9_ARRAY_LEN(styles); i++)
        if (strcmp(styles[i][0], name) == 0)
            return styles[i][1];
    return "";
}

int cli_exit_code(const struct hal9_error *err) {
    switch (err->code) {
    case HAL9_OK:
        return CLI_HOLDS;
    case HAL9_E_USAGE:
    case HAL9_E_CONFIG:
    case HAL9_E_UNSUPPORTED:
    case HAL9_E_NOT_FOUND:
        return CLI_USAGE;
    case HAL9_E_BUSY:
        return CLI_BUSY;
    case HAL9_E_INTERRUPTED:
        return cli.cancel.signal ? CLI_SIGNAL + cli.cancel.signal : CLI_UNFINISHED;
    case HAL9_E_REFUSED:
    case HAL9_E_FAILED:
    case HAL9_E_DRIFT:
        return CLI_NOT;
    default:
        return CLI_UNKNOWN;
    }
}

/* "hal9.yaml:7:12: what is wrong" */
static char *error_text(const struct hal9_error *err) {
    const char *message = err->message ? err->message : hal9_status_name(err->code);

    if (!err->file)
        return hal9_strdup(message);
    return err->line ? hal9_strf("%s:%u:%u: %s", err->file, err->line, err->col, message)
                     : hal9_strf("%s: %s", err->file, message);
}

int cli_error(const struct hal9_error *err) {
    _cleanup_free_ char *text = error_text(err);
    _cleanup_free_ char *hint = err->hint ? hal9_strf("  %s\n", err->hint) : hal9_strdup("");

    cli_progress_clear();
    cli_complain("%s: %s\n%s", cli.command->name, text, hint);
    if (!cli.trouble)
        cli.trouble = HAL9_TAKE_PTR(text);
    if (cli.out && !cli.text) {
        /* An error before the stage has begun is a stage all the same: its end carries the exit code down the pipe. */
        hal9_stream_begin(cli.out, NULL);
        hal9_stream_problem(cli.out, err);
    }
    return cli_exit_code(err);
}

int cli_errors(const struct hal9_errors *errors) {
    int code = CLI_HOLDS;

    for (size_t i = 0; i < errors->n; i++) {
        int this = cli_error(&errors->v[i]);

        code = code == CLI_HOLDS ? this : code;
    }
    return code;
}

int cli_usage(const char *fmt, ...) {
    struct hal9_error err = {0};
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(&err, HAL9_E_USAGE, "%s", text);
    cli_error(&err);
    hal9_error_clear(&err);
    return CLI_USAGE;
}

void cli_say(const char *fmt, ...) {
    va_list ap;

    if (!cli.text || cli.quiet)
        return;
    cli_progress_clear();
    cli_banner_due();
    cli_own_heading();
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    cli_print("%s", text);
}

void cli_warn(const char *fmt, ...) {
    va_list ap;

    cli_progress_clear();
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    cli_complain("%s: %s\n", cli.command->name, text);
}

void cli_next(const char *fmt, ...) {
    va_list ap;
    _cleanup_free_ char *text = NULL;

    va_start(ap, fmt);
    text = hal9_vstrf(fmt, ap);
    va_end(ap);
    if (!hal9_strv_has(&cli.next, text))
        hal9_strv_add(&cli.next, text);
}

/* What is to be typed stays on one line; what is only said may be broken. */
static void glue(char *command) {
    if (!hal9_startswith(command, "hal9-"))
        return;
    for (char *p = command; *p; p++)
        if (*p == ' ')
            *p = CLI_GLUE[0];
}

void cli_say_next(void) {
    const bool said = cli.text && !cli.quiet;

    if (said && cli.night && cli.next.n > 0)
        cli_print("\nWhat to do next:\n");
    for (size_t i = 0; said && i < cli.next.n; i++) {
        glue(cli.next.v[i]);
        if (cli.night)
            cli_print("  %zu. %s\n", i + 1, cli.next.v[i]);
        else
            cli_print("%s%s\n", i == 0 ? "Next: " : "  or: ", cli.next.v[i]);
    }
    hal9_strv_free(&cli.next);
    free(cli.headline);
    cli.headline = NULL;
    cli.headline_shown = false;
}

void cli_headline(const char *fmt, ...) {
    va_list ap;

    if (cli.headline)
        return;
    va_start(ap, fmt);
    cli.headline = hal9_vstrf(fmt, ap);
    va_end(ap);
}
