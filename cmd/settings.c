/* What the common options mean on this terminal, at this hour. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

static int one_of(const char *option, const char *value, const char *const *words, size_t n,
                  size_t *ret) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        *ret = i;
        return CLI_HOLDS;
    }
    const char *near = hal9_suggest(value, words, n);

    if (near)
        return cli_usage("--%s: '%s' is not one of its words; did you mean '%s'?", option, value,
                         near);
    struct hal9_strv all = {0};

    for (size_t i = 0; i < n; i++)
        hal9_strv_add(&all, words[i]);
    _cleanup_free_ char *text = hal9_strv_join(&all, ", ");

    hal9_strv_free(&all);
    return cli_usage("--%s: '%s' is not one of its words: %s", option, value, text);
}

static int output(void) {
    const char *words[16] = {"text", "json"};
    size_t n = 2, at = cli.terminal ? 0 : 1;

    for (const char *const *o = cli.command->outputs; o && *o && n < HAL9_ARRAY_LEN(words); o++)
        words[n++] = *o;
    if (cli.output_option && one_of("output", cli.output_option, words, n, &at) != CLI_HOLDS)
        return CLI_USAGE;
    cli.text = at == 0;
    cli.form = at > 1 ? words[at] : NULL;
    cli.json_told = cli.output_option && at == 1;
    return CLI_HOLDS;
}

static int tone(void) {
    static const char *const words[] = {"plain", "3am", "salty"};
    const char *told = cli.tone_option ? cli.tone_option : getenv("HAL9OPS_TONE");
    size_t at = 0;
    int hour = hal9_time_local_hour(hal9_now_ms());

    if (told && *told && one_of("tone", told, words, HAL9_ARRAY_LEN(words), &at) != CLI_HOLDS)
        return CLI_USAGE;
    cli.tone = (enum cli_tone)at;
    /* Scripts and pipes never see a banner, nor does a terminal too narrow for its letters. */
    cli.night = cli.text && cli.terminal && cli.width >= 60 &&
                (cli.tone != CLI_PLAIN || (!told && hour < 6));
    return CLI_HOLDS;
}

static int colour(void) {
    static const char *const words[] = {"auto", "always", "never"};
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    size_t at = 0;

    if (cli.color_option &&
        one_of("color", cli.color_option, words, HAL9_ARRAY_LEN(words), &at) != CLI_HOLDS)
        return CLI_USAGE;
    cli.colour =
        at == 1 || (at == 0 && cli.terminal && !(no && *no) && term && strcmp(term, "dumb") != 0);
    return CLI_HOLDS;
}

static int span(const char *option, const char *told, int64_t dflt, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    *ret = dflt;
    if (told && hal9_parse_duration(told, ret, &err) != HAL9_OK)
        return cli_usage("--%s: %s", option, err.message);
    return CLI_HOLDS;
}

static int guards(void) {
    static const char *const words[] = {"holder",      "drift",   "flap",   "depends",
                                        "last-server", "foreign", "no-data"};
    size_t at;

    for (char **f = cli.force_option; f && *f; f++) {
        if (one_of("force", *f, words, HAL9_ARRAY_LEN(words), &at) != CLI_HOLDS)
            return CLI_USAGE;
        hal9_strv_add(&cli.force, *f);
    }
    return CLI_HOLDS;
}

int cli_settings(void) {
    struct winsize size = {0};

    cli.terminal = isatty(STDOUT_FILENO);
    cli.width = cli.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
                    ? size.ws_col
                    : 80;
    if (output() || tone() || colour() || guards())
        return CLI_USAGE;
    if (span("timeout", cli.timeout_option, -1, &cli.timeout_ms) ||
        span("lock-timeout", cli.lock_timeout_option, isatty(STDERR_FILENO) ? -1 : 0,
             &cli.lock_timeout_ms))
        return CLI_USAGE;
    cli.deadline_ms = cli.timeout_ms < 0 ? -1 : hal9_mono_ms() + cli.timeout_ms;
    return CLI_HOLDS;
}
