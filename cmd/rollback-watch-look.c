/* hal9-rollback watch without a pipe: the plan's Prometheus server is asked, and its services are probed, round by round. */
#include <string.h>

#include "base/cleanup.h"
#include "rollback-watch.h"

/* Told once for each metric, until it changes. */
static struct hal9_strv blind;

static void tell_blind(const char *metric, const char *why) {
    _cleanup_free_ char *words = hal9_strf("%s: %s", metric, why ? why : "no data");

    if (hal9_strv_has(&blind, words))
        return;
    if (blind.n >= 100)
        hal9_strv_free(&blind);
    hal9_strv_add(&blind, words);
    cli_warn("%s; that neither fires nor clears anything", words);
}

static void tell(void *data, cJSON *members) {
    const bool has = cJSON_GetObjectItemCaseSensitive(members, "value");
    const char *reason = hal9_json_str(members, "reason");
    cJSON *r = has ? hal9_record_new(cli.out, "sample") : NULL, *one;

    (void)data;
    if (reason)
        tell_blind(hal9_json_str(members, "metric"), reason);
    cJSON_DeleteItemFromObjectCaseSensitive(members, "reason");
    while (r && (one = members->child)) {
        cJSON_DetachItemViaPointer(members, one);
        cJSON_AddItemToObject(r, one->string, one);
    }
    if (r)
        hal9_stream_emit(cli.out, r);
    cJSON_Delete(members);
}

/* As the record of a verdict: the same way in as that of one of the pipe. */
static void take_verdict(struct watching *w, const struct hal9_verdict *v) {
    cJSON *r = hal9_record_new(cli.out, "sample");
    const bool known =
        v->state == HAL9_HEALTHY || v->state == HAL9_DEGRADED || v->state == HAL9_FAILING;

    hal9_json_add_str(r, "metric", "score");
    hal9_json_add_str(r, "service", v->service);
    cJSON_AddNumberToObject(r, "value", v->score);
    if (known && !hal9_streq(v->cause, "operation")) {
        hal9_rollback_watch_record(w->w, r);
        hal9_stream_emit(cli.out, r);
        return;
    }
    tell_blind(v->service, v->reason);
    cJSON_Delete(r);
}

static hal9_status probe(struct watching *w, struct hal9_error *err) {
    struct hal9_verdicts v = {0};
    const struct hal9_health h = {.config = cli.config,
                                  .state = cli.state,
                                  .services = &w->plan->health,
                                  .only = true,
                                  .deadline_ms = cli.deadline_ms,
                                  .cancel_fd = cli.cancel.soft_fd};
    hal9_status st = HAL9_OK;

    if (w->plan->trigger->score)
        st = hal9_health_run(&h, &v, err);
    for (size_t i = 0; st == HAL9_OK && i < v.n; i++)
        take_verdict(w, &v.v[i]);
    hal9_verdicts_clear(&v);
    return st;
}

static void one_round(struct watching *w, int number) {
    _cleanup_error_ struct hal9_error err = {0};
    cJSON *planned = cJSON_CreateObject();
    struct hal9_stage_result r = {.planned = 1, .round = number};

    hal9_json_add_int(planned, "round", number);
    hal9_stream_begin(cli.out, planned);
    hal9_status st = hal9_rollback_watch_ask(w->w, cli.cancel.soft_fd, tell, w, &err);

    if (st == HAL9_OK)
        st = probe(w, &err);
    if (st == HAL9_OK)
        rollback_watch_count(w);
    else
        hal9_rollback_watch_drop(w->w);
    r.ran = st == HAL9_OK;
    r.failed = hal9_rollback_watch_stands(w->w);
    r.passed = r.ran && !r.failed;
    r.exit = st == HAL9_OK || st == HAL9_E_INTERRUPTED ? rollback_watch_code(w) : cli_error(&err);
    hal9_stream_end(cli.out, &r);
    cli_progress("round %d: %s", number, r.failed ? "beyond a limit" : "nothing to do");
}

/* Each is due a whole number of `every` after the first; what is missed is left out. */
int rollback_watch_look(struct watching *w) {
    const int64_t first = hal9_mono_ms();

    cli_say("watching plan %s, every %.3g s: it would go back to %s\n", w->plan->name,
            (double)w->every_ms / 1000, w->plan->trigger->to);
    for (int number = 1; !cli.cancel.signal && !cli.cancel.timed_out; number++) {
        one_round(w, number);
        if (number == w->rounds)
            break;
        const int64_t past = hal9_mono_ms() - first;

        hal9_wait_fd(-1, first + (past / w->every_ms + 1) * w->every_ms, cli.cancel.soft_fd, NULL);
    }
    hal9_strv_free(&blind);
    return rollback_watch_code(w);
}
