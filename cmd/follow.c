/* --follow: acts each time that a round of a watch has come down the pipe whole, the newest first, until the end of input. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "follow.h"
#include "notify-cli.h"

/* When something was done for a service: what was found before that is no news any more. */
static struct acted {
    char *service;
    int64_t time_ms;
} * acted;
static size_t n_acted, cap_acted;

static struct acted *find(const char *service) {
    for (size_t i = 0; i < n_acted; i++)
        if (hal9_streq(acted[i].service, service))
            return &acted[i];
    return NULL;
}

void cli_follow_acted(const char *service) {
    struct acted *a = find(service);

    if (!a) {
        a = HAL9_APPEND(acted, n_acted, cap_acted);
        a->service = hal9_strdup(service);
    }
    a->time_ms = hal9_now_ms();
}

bool cli_follow_stale(const char *service, const struct hal9_upstream *up) {
    const struct acted *a = find(service);
    const bool stale = a && up->begin_ms < a->time_ms;

    if (stale)
        hal9_log(1, "%s: this round began before it was seen to; nothing done", service);
    return stale;
}

static void forget(void) {
    for (size_t i = 0; i < n_acted; i++)
        free(acted[i].service);
    free(acted);
    acted = NULL;
    n_acted = cap_acted = 0;
}

static int one_round(const struct hal9_upstream *up, int (*act)(const struct hal9_upstream *up)) {
    if (up->complete)
        return act(up);
    const struct hal9_stage_result end = {.exit = cli_error(&up->broken), .round = (int)up->round};

    hal9_stream_end(cli.out, &end);
    return end.exit;
}

/* Between two rounds nothing is under way: what is to be said is said, what was opened is closed. */
static void settle(void) {
    cli_say_next();
    cli_notify_flush();
    hal9_state_close(cli.state);
    cli.state = NULL;
    cli.acting = false;
}

/* How the input ended; code: of the last round. */
static int at_end(const struct hal9_upstream *up, int code) {
    if (up->complete)
        return hal9_upstream_exit(up, code);
    return hal9_upstream_exit(up, cli_error(&up->broken));
}

int cli_follow(int (*act)(const struct hal9_upstream *up)) {
    struct hal9_follow *f;
    bool over = false;
    int code = CLI_HOLDS;

    if (isatty(STDIN_FILENO))
        return cli_usage("- reads records from a pipe, but stdin is a terminal; for example: "
                         "hal9-health watch -o json | %s --follow -",
                         cli.command->name);
    cli_arm_deadline();
    f = hal9_follow_new(cli.out, STDIN_FILENO, cli.cancel.soft_fd);
    while (!over && !cli.cancel.signal && !cli.cancel.timed_out) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_upstream up = {.exit = -1};

        if (hal9_follow_next(f, &up, &over, &err) != HAL9_OK) {
            /* At the end of --timeout the last round's finding is what there is to say. */
            if (cli.cancel.signal || !cli.cancel.timed_out)
                code = cli_error(&err);
            break;
        }
        code = over ? at_end(&up, code) : one_round(&up, act);
        settle();
        hal9_upstream_clear(&up);
    }
    hal9_follow_free(f);
    forget();
    return code;
}

int cli_need_follow(const struct hal9_upstream *up) {
    if (!up->rounds)
        return CLI_HOLDS;
    return cli_usage("these are rounds of a watch: to act on each as it comes, say --follow; "
                     "nothing was done");
}
