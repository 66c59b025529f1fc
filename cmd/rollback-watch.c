/* hal9-rollback watch: which plan, one watcher for each, and the records that come down the pipe. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "notify-cli.h"
#include "rollback-watch.h"

#define MAX_AGE_MS (INT64_C(5) * 60 * 1000)

/* ---- what is asked for ---- */

static bool is_watched(const struct hal9_rollback_spec *plan) {
    const char *name = rollback_options.plan;

    return plan->trigger && (!name || strcmp(plan->name, name) == 0);
}

/* Why there is none, or more than one; names: of the plans that could be meant. */
static void tell_plan(const struct hal9_strv *all, const struct hal9_strv *with) {
    _cleanup_free_ char *names = hal9_strv_join(with->n > 0 ? with : all, ", ");
    const char *name = rollback_options.plan;
    const char *near = name ? hal9_suggest(name, (const char *const *)all->v, all->n) : NULL;

    if (with->n > 1)
        cli_usage("which plan? %s have a trigger; name one with --plan", names);
    else if (name && hal9_strv_has(all, name))
        cli_usage("plan %s has no trigger: nothing says when it is due; see hal9.yaml(5)", name);
    else if (name && all->n > 0)
        cli_usage("no plan '%s' in %s; %s '%s'?", name, cli.config->path,
                  near ? "did you mean" : "was it one of", near ? near : names);
    else
        cli_usage("no plan with a trigger in %s; see trigger in hal9.yaml(5)",
                  cli.config->path ? cli.config->path : "any configuration");
}

/* The plan that is named, or the only one with a trigger; NULL: all is told. */
static const struct hal9_rollback_spec *find_plan(void) {
    const struct hal9_list *plans = &cli.config->rollback;
    _cleanup_strv_ struct hal9_strv all = {0}, with = {0};
    const struct hal9_rollback_spec *found = NULL;

    for (size_t i = 0; i < plans->n; i++) {
        const struct hal9_rollback_spec *plan = plans->v[i];

        hal9_strv_add(&all, plan->name);
        if (!is_watched(plan))
            continue;
        found = plan;
        hal9_strv_add(&with, plan->name);
    }
    if (with.n == 1)
        return found;
    tell_plan(&all, &with);
    return NULL;
}

static int read_options(struct watching *w) {
    _cleanup_error_ struct hal9_error err = {0};

    if (cli.operands.n > 2 || (cli.operands.n == 2 && !cli.from_stdin))
        return cli_usage("watch reads records with -, or looks itself without: no '%s'",
                         cli.operands.v[cli.operands.n - 1]);
    w->every_ms = w->plan->trigger->every_ms;
    if (rollback_options.every &&
        hal9_parse_duration(rollback_options.every, &w->every_ms, &err) != HAL9_OK)
        return cli_usage("--every: %s", err.message);
    if (w->every_ms < 100)
        return cli_usage("--every: %s is shorter than 100ms", rollback_options.every);
    if (rollback_options.rounds &&
        hal9_parse_int(rollback_options.rounds, 1, INT_MAX, &w->rounds, &err) != HAL9_OK)
        return cli_usage("--rounds: %s", err.message);
    if (cli.from_stdin && isatty(STDIN_FILENO))
        return cli_usage("- reads records from a pipe, but stdin is a terminal; for example: "
                         "hal9-health watch -o json | hal9-rollback watch -");
    return CLI_HOLDS;
}

/* ---- one watcher for each plan ---- */

static void waits(void *data, const char *resource, const struct hal9_lock_note *note) {
    (void)resource;
    if (note && !*(char **)data)
        *(char **)data =
            hal9_strf(" by %s (pid %d, user %s)", note->tool, (int)note->pid, note->user);
}

static int lock(const struct watching *w, struct hal9_locks **ret) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_free_ char *who = NULL, *user = hal9_user_name(geteuid());
    char id[HAL9_ID_LEN + 1];
    const struct hal9_lock_opts opts = {
        .timeout_ms = 1, .cancel_fd = -1, .waiting = waits, .data = &who};

    hal9_strv_take(&names,
                   hal9_strf("rollback-watch:%s/%s", hal9_state_path(cli.state), w->plan->name));
    const hal9_status st = hal9_locks_take(&names, &opts, ret, &err);

    if (st == HAL9_E_BUSY) {
        hal9_error_clear(&err);
        hal9_error_set(&err, HAL9_E_BUSY, "plan %s is watched already%s", w->plan->name,
                       who ? who : "");
    }
    if (st != HAL9_OK)
        return cli_error(&err);
    hal9_id_new(id);
    const struct hal9_lock_note note = {.operation = id,
                                        .state_dir = (char *)hal9_state_path(cli.state),
                                        .tool = "hal9-rollback watch",
                                        .user = user,
                                        .pid = getpid(),
                                        .time_ms = hal9_now_ms()};

    hal9_locks_note(*ret, &note, NULL); /* a hint for who comes second */
    return CLI_HOLDS;
}

/* ---- what is measured ---- */

void rollback_watch_count(struct watching *w) {
    struct hal9_watch_decision d = {0};

    while (!cli.cancel.signal && hal9_rollback_watch_next(w->w, &w->attempts, &d)) {
        rollback_watch_decided(w, &d);
        hal9_watch_decision_clear(&d);
    }
    rollback_watch_recovered(w);
    cli_say_next();
    cli_notify_flush();
    cli.acting = false;
    cli_patience();
}

int rollback_watch_code(const struct watching *w) {
    if (cli.cancel.signal)
        return CLI_SIGNAL + cli.cancel.signal;
    if (cli.dry_run)
        return w->fired ? CLI_NOT : CLI_HOLDS;
    if (w->code != CLI_HOLDS)
        return w->code;
    return w->attempts.stopped_ms > 0 || hal9_rollback_watch_stands(w->w) ? CLI_NOT : CLI_HOLDS;
}

static void take(void *data, const cJSON *record) {
    hal9_rollback_watch_record(data, record);
}

static void end_stage(const struct watching *w, int round, int code) {
    const bool stands = hal9_rollback_watch_stands(w->w);
    const struct hal9_stage_result end = {.planned = 1,
                                          .ran = 1,
                                          .passed = !stands,
                                          .failed = stands,
                                          .exit = code,
                                          .resumable = code == CLI_UNFINISHED,
                                          .round = round};

    hal9_stream_end(cli.out, &end);
}

/* One that was cut off tells nothing. */
static void one_round(struct watching *w, const struct hal9_upstream *up) {
    if (up->complete) {
        rollback_watch_count(w);
    } else {
        cli_warn("%s; nothing of it counts", up->broken.message);
        hal9_rollback_watch_drop(w->w);
    }
    if (!up->loose)
        end_stage(w, (int)up->round, rollback_watch_code(w));
}

/* How the input ended: all that was whole has counted. */
static int at_end(struct watching *w, const struct hal9_upstream *up) {
    int code = rollback_watch_code(w);

    hal9_rollback_watch_drop(w->w);
    if (!up->complete)
        code = cli_error(&up->broken);
    code = hal9_upstream_exit(up, code);
    if (hal9_stream_begun(cli.out))
        end_stage(w, (int)up->round, code);
    return code;
}

static int follow(struct watching *w) {
    struct hal9_follow *f = hal9_follow_new(cli.out, STDIN_FILENO, cli.cancel.soft_fd);
    bool over = false;
    int code = CLI_HOLDS;

    hal9_follow_each(f, take, w->w);
    while (!over && !cli.cancel.signal && !cli.cancel.timed_out) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_upstream up = {.exit = -1};

        if (hal9_follow_next(f, &up, &over, &err) != HAL9_OK) {
            code = cli.cancel.signal || cli.cancel.timed_out ? rollback_watch_code(w)
                                                             : cli_error(&err);
            if (hal9_stream_begun(cli.out))
                end_stage(w, 0, code);
            break;
        }
        if (over)
            code = at_end(w, &up);
        else
            one_round(w, &up);
        if (!over)
            code = rollback_watch_code(w);
        hal9_upstream_clear(&up);
    }
    hal9_follow_free(f);
    return code;
}

/* ---- */

static int start(struct watching *w, struct hal9_locks **ret) {
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_rollback_watch_opts o = {
        .config = cli.config,
        .plan = w->plan,
        .state = cli.state,
        .machine = cli.dry_run ? NULL : hal9_host_machine_id(),
        .max_age_ms = cli.dry_run && cli.from_stdin ? 0 : MAX_AGE_MS,
    };

    if (!cli.from_stdin && hal9_rollback_watch_sources(w->plan, &err) != HAL9_OK)
        return cli_error(&err);
    if (!cli.dry_run && lock(w, ret) != CLI_HOLDS)
        return CLI_BUSY;
    if (!cli.dry_run && hal9_attempts_load(cli.state, w->plan->name, &w->attempts, &err) != HAL9_OK)
        return cli_error(&err);
    if (hal9_rollback_watch_new(&o, &w->w, &err) != HAL9_OK)
        return cli_error(&err);
    if (cli.dry_run)
        return CLI_HOLDS;
    rollback_watch_settle(w);
    /* Better said now than when it is due. */
    if (hal9_rollback_watch_target(w->w, &err) != HAL9_OK)
        cli_warn("there is nothing to roll back to yet: %s", err.message);
    return CLI_HOLDS;
}

int rollback_watch(void) {
    struct watching w = {.plan = find_plan()};
    struct hal9_locks *locks = NULL;

    if (!w.plan)
        return CLI_USAGE;
    int code = read_options(&w);

    if (code == CLI_HOLDS)
        code = cli_open_state(cli.dry_run ? HAL9_STATE_READ : HAL9_STATE_WRITE);
    if (code != CLI_HOLDS)
        return code;
    if (rollback_options.reset)
        return rollback_watch_reset(w.plan);
    cli_arm_deadline();
    code = start(&w, &locks);
    if (code == CLI_HOLDS)
        code = cli.from_stdin ? follow(&w) : rollback_watch_look(&w);
    hal9_locks_release(locks);
    hal9_rollback_watch_free(w.w);
    hal9_attempts_clear(&w.attempts);
    return code;
}
