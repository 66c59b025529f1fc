/* What hal9-restart says: what is found, how it ended, what is counted. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "notify-cli.h"
#include "restart.h"

void restart_worse(struct restart_job *j, int code) {
    if (j->own == CLI_HOLDS || (j->own == CLI_UNKNOWN && code != CLI_HOLDS))
        j->own = code;
}

/* ---- what is found ---- */

/* What is shown in words already is an entry of the list at 3am. */
void restart_next_at_night(const struct hal9_error *err) {
    if (cli.night && err->hint)
        cli_next("%s", err->hint);
}

/* It was restarted again and again and nobody was asked: somebody should know. One incident, however often a run comes by. */
static void page(const struct hal9_restart_finding *f) {
    _cleanup_json_ cJSON *r = hal9_record_new(cli.out, "verdict");
    const struct hal9_notify_facts facts = {
        .service = f->service->name, .state = "failing", .cause = "restart_limit", .record = r};

    hal9_json_add_str(r, "service", facts.service);
    hal9_json_add_str(r, "state", facts.state);
    hal9_json_add_str(r, "cause", facts.cause);
    hal9_json_add_str(r, "reason", f->refusal.message);
    cli_notify_facts(&facts);
}

static void tell_refusal(struct restart_job *j, const struct hal9_restart_finding *f) {
    int code = cli_error(&f->refusal);

    cli_headline("%s is blocked", f->service->name);
    if (f->flaps && !j->asked)
        page(f);
    restart_next_at_night(&f->refusal);
    /* In a pipe the others are seen to: then "nothing touched" would not be true.
   */
    restart_worse(j, j->restart.leave_refused && code == CLI_USAGE ? CLI_NOT : code);
}

static void tell_to_do(const struct hal9_restart_finding *f) {
    if (!f->running) {
        cli_headline("%s is down", f->service->name);
        cli_say("%s\n", f->words);
    } else if (f->because) {
        cli_say("%s, and depends on %s: %s\n", f->words, f->because,
                cli.dry_run ? "it would be restarted, too" : "it is restarted after it");
    } else {
        if (f->ill)
            cli_headline("%s is failing", f->service->name);
        cli_say("%s%s%s: %s\n", f->words, f->ill ? ", but " : "", f->ill ? f->ill : "",
                cli.dry_run ? "it would be restarted" : "restarting it");
    }
    for (size_t i = 0; i < f->left.n; i++)
        cli_say("%s depends on %s and is left as it is (restart.dependants)\n", f->left.v[i],
                f->service->name);
}

/* Says what is found; of how many something is to be done. */
size_t restart_tell_found(struct restart_job *j) {
    size_t wanted = 0;

    for (size_t i = 0; i < j->found.n; i++) {
        const struct hal9_restart_finding *f = &j->found.v[i];

        if (f->answer == HAL9_RESTART_REFUSED) {
            tell_refusal(j, f);
        } else if (f->answer == HAL9_RESTART_HEALTHY) {
            cli_say("%s is healthy already; nothing done\n", f->service->name);
            hal9_strv_add(&j->told, f->service->name);
            wanted += f->unfinished && !cli.dry_run;
        } else {
            tell_to_do(f);
            wanted++;
        }
    }
    return wanted;
}

/* ---- how it ended ---- */

static void tell_failed(struct restart_job *j, const struct hal9_restart_finding *f,
                        const struct hal9_op_result *res) {
    struct hal9_error err = {0};

    hal9_error_set(&err, HAL9_E_FAILED, "%s", f->end_words);
    restart_worse(j, cli_error(&err));
    hal9_error_clear(&err);
    cli_headline(f->end == HAL9_RESTART_IS_REVERTED ? "%s: new release failed" : "%s is down",
                 f->service->name);
    cli_next("hal9-health %s -v", f->service->name);
    cli_next("hal9-rollback show %s", cli_short(res->id));
    if (f->end == HAL9_RESTART_IS_REVERTED)
        cli_next("with a good release at %s: hal9-restart %s", f->service->release->current,
                 f->service->name);
    if (f->ref.unit)
        cli_next("journalctl -u %s -n 50", f->ref.unit);
    else if (f->ref.log_path)
        cli_next("less +G %s", f->ref.log_path);
    if (f->running && f->end == HAL9_RESTART_HAS_FAILED)
        cli_next("hal9-rollback undo %s", cli_short(res->id));
}

/* Nobody's releases are removed; that there are more than are to be kept is told. */
static void tell_old_releases(const struct hal9_restart_finding *f) {
    _cleanup_strv_ struct hal9_strv old = {0};

    hal9_restart_old_releases(f->service, &old);
    _cleanup_free_ char *names = hal9_strv_join(&old, ", ");

    if (old.n > 0)
        cli_say("%s keeps %lld releases; %zu more %s there: %s\n", f->service->name,
                (long long)f->service->release->keep, old.n, old.n == 1 ? "is" : "are", names);
}

static void tell_end(struct restart_job *j, const struct hal9_restart_finding *f,
                     const struct hal9_op_result *res) {
    switch (f->end) {
    case HAL9_RESTART_HAS_FAILED:
    case HAL9_RESTART_NOT_REACHED:
    case HAL9_RESTART_IS_REVERTED:
        tell_failed(j, f, res);
        break;
    case HAL9_RESTART_IS_STARTED:
        if (j->restart.gate)
            restart_worse(j, CLI_UNKNOWN);
        /* fall through */
    case HAL9_RESTART_IS_HEALTHY:
        tell_old_releases(f);
        if (res->id[0] && j->found.n == 1)
            cli_say("%s. Undo: hal9-rollback undo %s\n", f->end_words, cli_short(res->id));
        else
            cli_say("%s\n", f->end_words);
        break;
    case HAL9_RESTART_UNTOUCHED:
        break;
    }
}

/* What has passed its gate is what last-healthy means. Nobody waits for a rescue to be told of a snapshot that failed: it only warns. */
static void keep_healthy(const struct restart_job *j, const struct hal9_op_result *res) {
    for (size_t i = 0; res->changed && i < j->found.n; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        const char *name = j->found.v[i].service->name;

        if (j->found.v[i].end == HAL9_RESTART_IS_HEALTHY &&
            hal9_rollback_note_healthy(cli.config, cli.state, name, &err) != HAL9_OK)
            cli_warn("%s is healthy, but how it is now could not be kept: %s", name, err.message);
    }
}

int restart_tell_outcome(struct restart_job *j, const struct hal9_op_result *res) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_restart_outcome(&j->restart, res, &j->found, &err) != HAL9_OK) {
        restart_worse(j, cli_error(&err));
        return j->own;
    }
    for (size_t i = 0; i < j->found.n; i++)
        if (!hal9_strv_has(&j->told, j->found.v[i].service->name))
            tell_end(j, &j->found.v[i], res);
    if (res->id[0] && res->changed && j->found.n > 1)
        cli_say("Undo: hal9-rollback undo %s\n", cli_short(res->id));
    keep_healthy(j, res);
    return j->own;
}

/* What is counted at the end of the stage. */
void restart_count(struct restart_job *j) {
    struct hal9_stage_result *e = &j->end;

    if (j->found.n == 0)
        e->planned = e->skipped = (int)cli.operands.n;
    for (size_t i = 0; i < j->found.n; i++) {
        const struct hal9_restart_finding *f = &j->found.v[i];
        bool passed = f->answer == HAL9_RESTART_HEALTHY || f->end == HAL9_RESTART_IS_HEALTHY ||
                      (f->end == HAL9_RESTART_IS_STARTED && !j->restart.gate);
        bool unknown = f->end == HAL9_RESTART_IS_STARTED || f->refusal.code == HAL9_E_UNKNOWN;
        bool failed = f->end == HAL9_RESTART_HAS_FAILED || f->end == HAL9_RESTART_IS_REVERTED ||
                      f->answer == HAL9_RESTART_REFUSED;

        e->planned++;
        if (passed)
            e->passed++;
        else if (unknown)
            e->unknown++;
        else if (failed)
            e->failed++;
        else
            e->skipped++;
    }
    e->ran = e->planned - e->skipped;
}
