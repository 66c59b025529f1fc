/* hal9-rollback watch: what a decision leads to; remembered before it is done, so that a watch that is killed has tried it. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify-cli.h"
#include "rollback-watch.h"

/* ---- told ---- */

static void add_time(cJSON *r, const char *name, int64_t ms) {
    char text[32];

    if (ms <= 0)
        return;
    hal9_time_format(ms, text);
    hal9_json_add_str(r, name, text);
}

static void emit(const struct watching *w, const struct hal9_watch_decision *d) {
    cJSON *r = hal9_record_new(cli.out, "decision");

    hal9_json_add_str(r, "plan", w->plan->name);
    hal9_json_add_str(r, "action", hal9_watch_action_name(d->action));
    hal9_json_add_str(r, "trigger", d->trigger);
    hal9_json_add_str(r, "service", d->service);
    cJSON_AddNumberToObject(r, "value", d->value);
    cJSON_AddNumberToObject(r, "limit", d->limit);
    hal9_json_add_str(r, "unit", d->unit);
    hal9_json_add_int(r, "window_ms", d->over_ms);
    add_time(r, "since", d->since_ms);
    add_time(r, "at", d->at_ms);
    add_time(r, "until", d->until_ms);
    hal9_json_add_str(r, "reason", d->reason);
    hal9_stream_emit(cli.out, r);
}

/* One incident for each plan, from the first rollback that fails to one that does not. */
static void page(const struct watching *w, const char *state, const char *cause,
                 const char *reason) {
    _cleanup_json_ cJSON *r = hal9_record_new(cli.out, "verdict");
    _cleanup_free_ char *name = hal9_strf("rollback %s", w->plan->name);
    const struct hal9_notify_facts facts = {
        .service = name, .state = state, .cause = cause, .record = r};

    hal9_json_add_str(r, "service", name);
    hal9_json_add_str(r, "state", state);
    hal9_json_add_str(r, "cause", cause);
    hal9_json_add_str(r, "reason", reason);
    cli_notify_facts(&facts);
}

/* ---- remembered ---- */

/* What can't be written is told, and doesn't keep a rescue from being done. */
static void remember(const struct watching *w) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_attempts_save(cli.state, w->plan->name, &w->attempts, &err) != HAL9_OK)
        cli_warn("that it was tried can't be remembered: %s", err.message);
}

static struct hal9_attempt *begin(struct watching *w, const struct hal9_watch_decision *d,
                                  int64_t now_ms) {
    struct hal9_attempt *a = HAL9_APPEND(w->attempts.v, w->attempts.n, w->attempts.cap);

    *a = (struct hal9_attempt){.begun_ms = now_ms, .trigger = hal9_strdup(d->trigger)};
    return a;
}

static void end(struct watching *w, const char *outcome, const char *operation) {
    struct hal9_attempt *a = &w->attempts.v[w->attempts.n - 1];

    a->ended_ms = hal9_now_ms();
    a->outcome = hal9_strdup(outcome);
    a->operation = hal9_strdup(operation && *operation ? operation : NULL);
    remember(w);
    hal9_rollback_watch_acted(w->w, a->ended_ms);
}

/* Nothing was done after all: it was no attempt. */
static void take_back(struct watching *w) {
    hal9_attempt_clear(&w->attempts.v[--w->attempts.n]);
    remember(w);
    hal9_rollback_watch_acted(w->w, hal9_now_ms());
}

static void settle_killed(struct watching *w, struct hal9_attempt *a) {
    _cleanup_(hal9_op_clear) struct hal9_op op = {0};
    _cleanup_free_ char *id = hal9_rollback_since(cli.state, w->plan->name, a->begun_ms);

    if (!id || hal9_op_load(cli.state, id, &op, NULL) != HAL9_OK) {
        a->outcome = hal9_strdup("killed");
        cli_warn("the watch before this one was killed before it rolled back: nothing was done; "
                 "it counts as an attempt");
        return;
    }
    const bool open = op.state == HAL9_OP_OPEN;

    a->operation = hal9_strdup(id);
    a->ended_ms = op.ended_ms > 0 ? op.ended_ms : a->begun_ms;
    a->outcome = hal9_strdup(open ? "open" : op.state == HAL9_OP_FAILED ? "failed" : "done");
    cli_warn("the watch before this one was killed while it rolled back: operation %s is %s%s%s",
             cli_short(id), open ? "unfinished; go on with: hal9-rollback resume " : "",
             open ? cli_short(id) : hal9_op_state_name(op.state), "");
}

void rollback_watch_settle(struct watching *w) {
    bool any = false;

    for (size_t i = 0; i < w->attempts.n; i++) {
        struct hal9_attempt *a = &w->attempts.v[i];

        if (a->ended_ms > 0 || a->outcome)
            continue;
        settle_killed(w, a);
        any = true;
    }
    if (any)
        remember(w);
    if (w->attempts.n > 0) {
        const char *last = w->attempts.v[w->attempts.n - 1].outcome;

        w->paged = hal9_streq(last, "failed") || hal9_streq(last, "open");
    }
    if (w->attempts.stopped_ms > 0)
        cli_warn("plan %s was tried %zu times, and nothing more is; hal9-rollback watch --reset "
                 "begins anew",
                 w->plan->name, w->attempts.n);
}

int rollback_watch_reset(const struct hal9_rollback_spec *plan) {
    _cleanup_error_ struct hal9_error err = {0};
    const struct watching w = {.plan = plan};
    struct hal9_stage_result r = {.exit = CLI_HOLDS};
    bool there = false;

    hal9_stream_begin(cli.out, NULL);
    if (cli.dry_run)
        cli_say("the attempts of plan %s would be forgotten\n", plan->name);
    else if (hal9_attempts_reset(cli.state, plan->name, &there, &err) != HAL9_OK)
        r.exit = cli_error(&err);
    else
        cli_say(there ? "the attempts of plan %s are forgotten: its watch begins anew\n"
                      : "plan %s has no attempts; nothing to do\n",
                plan->name);
    if (there)
        page(&w, "healthy", NULL, "its attempts were forgotten");
    hal9_stream_end(cli.out, &r);
    return r.exit;
}

/* ---- done ---- */

static void failed(struct watching *w, const char *outcome, const struct hal9_op_result *r,
                   const char *why) {
    _cleanup_free_ char *words = hal9_strf("a rollback of plan %s came to no good end%s%s: %s",
                                           w->plan->name, r->id[0] ? ": operation " : "",
                                           r->id[0] ? cli_short(r->id) : "", why ? why : "?");

    end(w, outcome, r->id);
    page(w, "failing", "rollback_failed", words);
    w->paged = true;
}

void rollback_watch_recovered(struct watching *w) {
    if (!w->paged || w->attempts.stopped_ms > 0 || !hal9_rollback_watch_well(w->w))
        return;
    w->paged = false;
    w->code = CLI_HOLDS;
    page(w, "healthy", NULL, "all is within its limits again");
}

static void done(struct watching *w, const struct hal9_op_result *r) {
    if (r->state == HAL9_OP_FAILED) {
        w->code = rollback_failed(r);
        failed(w, "failed", r, r->error.message);
        return;
    }
    w->code = CLI_HOLDS;
    end(w, r->nothing ? "nothing" : "done", r->id);
    if (r->nothing) {
        cli_warn("all is as in the snapshot already: what is wrong is nothing that plan %s covers",
                 w->plan->name);
        return;
    }
    cli_say("rolled back to %s. Undo: hal9-rollback undo %s\n", w->plan->trigger->to,
            cli_short(r->id));
    page(w, "healthy", NULL, "rolled back");
    w->paged = false;
}

static void not_done(struct watching *w, const struct hal9_op_result *r,
                     const struct hal9_error *err) {
    const bool stopped = err->code == HAL9_E_INTERRUPTED;
    const int code = r->id[0] ? rollback_held(r, err) : cli_error(err);

    if (!r->id[0] && (stopped || err->code == HAL9_E_BUSY)) {
        take_back(w);
        return;
    }
    if (stopped) {
        end(w, "open", r->id);
        return;
    }
    w->code = code == CLI_USAGE ? CLI_NOT : code;
    failed(w, r->resumable ? "open" : "failed", r, err->message);
}

static void told(void *data, const char *words) {
    (void)data;
    cli_warn("%s", words);
}

static void act(struct watching *w, const struct hal9_watch_decision *d) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result r = {0};
    struct hal9_op_env env;
    struct hal9_rollback_to job = {
        .config = cli.config,
        .state = cli.state,
        .snapshot = w->plan->trigger->to,
        .plan = w->plan->name,
        .hold_ms = -1,
        .cancel_fd = cli.cancel.soft_fd,
        .told = told,
    };

    begin(w, d, hal9_now_ms());
    remember(w);
    cli_acts();
    cli_op_env(&env);
    if (!cli.lock_timeout_option)
        env.lock_timeout_ms = 0;
    hal9_strategy_parse(w->plan->trigger->strategy, &job.strategy);
    if (hal9_rollback_to(&job, &env, &r, &err) == HAL9_OK)
        done(w, &r);
    else
        not_done(w, &r, &err);
    hal9_op_result_clear(&r);
    free(job.ret_id);
    free(job.ret_name);
}

/* In a dry run it counts as tried, and as done. */
static void would_act(struct watching *w, const struct hal9_watch_decision *d) {
    struct hal9_attempt *a = begin(w, d, d->at_ms);

    a->ended_ms = d->at_ms;
    a->outcome = hal9_strdup("done");
    w->fired = true;
    hal9_rollback_watch_acted(w->w, d->at_ms);
}

static void stop(struct watching *w, const struct hal9_watch_decision *d) {
    if (w->attempts.stopped_ms > 0)
        return;
    w->attempts.stopped_ms = cli.dry_run ? d->at_ms : hal9_now_ms();
    if (cli.dry_run)
        return;
    remember(w);
    cli_headline("ROLLBACK GIVES UP");
    cli_next("hal9-rollback history   (what was tried)");
    cli_next("hal9-rollback watch --reset --plan %s   (it may try again)", w->plan->name);
    page(w, "failing", "rollback_attempts", d->reason);
}

void rollback_watch_decided(struct watching *w, const struct hal9_watch_decision *d) {
    if (d->action == HAL9_WATCH_FIRED && !cli.dry_run)
        cli_headline("ROLLING BACK");
    emit(w, d);
    if (d->action == HAL9_WATCH_FIRED && cli.dry_run)
        would_act(w, d);
    else if (d->action == HAL9_WATCH_FIRED)
        act(w, d);
    else if (d->action == HAL9_WATCH_ATTEMPTS)
        stop(w, d);
}
