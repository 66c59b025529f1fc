/* Notifications, as the commands use them: where the spool is, what is said of it, and what hal9-health
 * shows. */
#include "notify-cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WITHIN_MS 2000 /* after the work */
#define SEND_MS 30000  /* when somebody asks for it */

/* How the notifications of this run are told. */
enum telling { RECORDS, STDERR_ALONE, LIST };
struct mail {
    struct hal9_notify n;
    struct hal9_state *state;
    char *spare;
    enum telling telling;
    size_t failed;
};
static bool acted;

static bool nobody(void) {
    return cli.dry_run || cli.no_notify || !cli.config || cli.config->notify.n == 0;
}

/* ---- words */

/* "hal9-server failing": what it is about. Fresh. */
static char *about(const char *service, const char *event) {
    if (hal9_streq(event, "operation"))
        return hal9_strf("an operation%s%s", service ? " on " : "", service ? service : "");
    return hal9_strf("%s %s", service ? service : "?", event ? event : "?");
}

static char *again_at(int64_t next_ms) {
    const int64_t left = next_ms - hal9_now_ms();
    _cleanup_free_ char *span = hal9_span_text(left > 0 ? left : 0);

    return left > 0 ? hal9_strf("again in %s", span) : hal9_strdup("again at the next run");
}

/* Errors are told on stderr, whatever stdout carries. */
static void tell_trouble(const struct hal9_notification *t, enum telling telling) {
    _cleanup_free_ char *what = about(t->service, t->event);
    _cleanup_error_ struct hal9_error err = {0};
    const char *reason = t->reason ? t->reason : "no reason is known";

    if (t->state == HAL9_NOTIFY_QUEUED) {
        _cleanup_free_ char *when = again_at(t->next_ms);

        cli_warn("%s could not be told of %s: %s; %s", t->to, what, reason, when);
        return;
    }
    hal9_error_set(&err, HAL9_E_FAILED, "%s was not told of %s: %s", t->to, what, reason);
    if (t->state == HAL9_NOTIFY_FAILED)
        hal9_error_hint(&err, "it is kept; hal9-health notifications --again sends it once more");
    if (telling == STDERR_ALONE)
        cli_warn("%s%s%s", err.message, err.hint ? "; " : "", err.hint ? err.hint : "");
    else
        cli_error(&err);
}

void cli_render_notification(const cJSON *r, bool own) {
    const char *to = hal9_json_str(r, "to"), *state = hal9_json_str(r, "state"),
               *reason = hal9_json_str(r, "reason"), *next = hal9_json_str(r, "next");
    const int64_t tries = hal9_json_int(r, "tries", 0);
    _cleanup_free_ char *what = about(hal9_json_str(r, "service"), hal9_json_str(r, "event"));
    const bool failed = hal9_streq(state, "failed");
    int64_t next_ms = 0;

    if (cli.quiet && !failed)
        return;
    if (hal9_streq(state, "sent")) {
        cli_print("%s.%s %s was told of %s\n", cli_style("green"), cli_style("off"), to ? to : "?",
                  what);
        return;
    }
    if (own && !reason && !hal9_json_str(r, "since"))
        return; /* it is sent in a moment, or said why not */
    cli_print("%s%s%s %s  %s", cli_style(failed ? "red" : "yellow"), failed ? "x" : "!",
              cli_style("off"), to ? to : "?", what);
    if (failed && tries == 1)
        cli_print("  given up after one try");
    else if (failed)
        cli_print("  given up after %lld tries", (long long)tries);
    else if (tries > 0 && next && hal9_time_parse(next, &next_ms, NULL) == HAL9_OK) {
        _cleanup_free_ char *when = again_at(next_ms);

        if (tries == 1)
            cli_print("  tried once, %s", when);
        else
            cli_print("  tried %lld times, %s", (long long)tries, when);
    } else
        cli_print("  waits");
    cli_print("\n");
    if (!hal9_json_bool(r, "configured", true))
        cli_print("    the configuration has no such receiver\n");
    if (reason)
        cli_print("    %s\n", reason);
}

static void add_time(cJSON *r, const char *name, int64_t ms) {
    char text[32];

    if (ms <= 0)
        return;
    hal9_time_format(ms, text);
    hal9_json_add_str(r, name, text);
}

static void emit(const struct hal9_notification *t, bool listed) {
    cJSON *r = hal9_record_new(cli.out, "notification");

    hal9_json_add_str(r, "id", t->id);
    hal9_json_add_str(r, "to", t->to);
    hal9_json_add_str(r, "type", t->type);
    hal9_json_add_str(r, "state", hal9_notification_state_name(t->state));
    hal9_json_add_str(r, "event", t->event);
    hal9_json_add_str(r, "service", t->service);
    hal9_json_add_str(r, "key", t->key);
    hal9_json_add_int(r, "tries", t->tries);
    if (listed) {
        add_time(r, "since", t->time_ms);
        cJSON_AddBoolToObject(r, "configured", t->configured);
    }
    if (t->state == HAL9_NOTIFY_QUEUED)
        add_time(r, "next", t->next_ms);
    hal9_json_add_str(r, "reason", t->reason);
    hal9_stream_emit(cli.out, r);
}

static void told(void *data, const struct hal9_notification *t) {
    struct mail *m = data;
    const bool trouble = t->state != HAL9_NOTIFY_SENT && t->reason;

    m->failed += t->state == HAL9_NOTIFY_FAILED;
    if (trouble)
        tell_trouble(t, m->telling);
    /* On a terminal a trouble has been said already. */
    if (m->telling != STDERR_ALONE && !(trouble && cli.text))
        emit(t, false);
}

/* ---- where */

/* A place of its own for this state directory, in memory: a disk that is full or read-only must not
 * keep a page from going out. NULL where there is none. */
static char *spare_dir(const char *state_dir) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    _cleanup_free_ char *base = NULL;
    char sha[65];

    if (geteuid() == 0)
        base = hal9_strdup("/run");
    else if (runtime && *runtime == '/')
        base = hal9_strdup(runtime);
    else
        base = hal9_strf("/run/user/%u", (unsigned)geteuid());
    if (access(base, W_OK | X_OK) != 0)
        return NULL;
    hal9_sha256_hex(state_dir, strlen(state_dir), sha);
    return hal9_strf("%s/hal9ops/spare-%.12s", base, sha);
}

/* One that can't be opened is told once. */
static void open_mail(struct mail *m, enum telling telling, enum hal9_state_mode mode) {
    static bool complained;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *dir = NULL;
    const char *shared = cli.config->state;
    hal9_status s = hal9_state_find(cli.state_option, shared, &dir, &err);

    *m = (struct mail){.telling = telling};
    if (s == HAL9_OK)
        s = hal9_state_open(dir, mode, shared && hal9_streq(shared, dir), &m->state, &err);
    m->spare = spare_dir(dir ? dir : "");
    if (s != HAL9_OK && !complained) {
        complained = true;
        cli_warn("notifications: %s%s%s", err.message, m->spare ? "; kept in " : "",
                 m->spare ? m->spare : "");
    }
    m->n = (struct hal9_notify){.state = m->state,
                                .spare_dir = m->spare,
                                .specs = &cli.config->notify,
                                .cancel_fd = cli.cancel.soft_fd,
                                .told = told,
                                .data = m};
}

static void close_mail(struct mail *m) {
    hal9_state_close(m->state);
    free(m->spare);
}

/* --timeout counts for this as well: what is not sent now waits. */
static void flush(struct mail *m) {
    _cleanup_error_ struct hal9_error err = {0};
    const int64_t left = cli.deadline_ms < 0 ? INT64_MAX : cli.deadline_ms - hal9_mono_ms();

    if (left <= 0)
        return;
    if (m->n.within_ms == 0)
        m->n.within_ms = left < WITHIN_MS ? left : WITHIN_MS;
    if (hal9_notify_flush(&m->n, &err) != HAL9_OK)
        cli_warn("notifications: %s", err.message);
}

/* ---- what the commands call */

void cli_notify_verdicts(const struct hal9_verdicts *v,
                         cJSON *(*record)(const struct hal9_verdict *v)) {
    struct mail m;

    if (nobody())
        return;
    open_mail(&m, cli.form ? STDERR_ALONE : RECORDS, HAL9_STATE_WRITE);
    for (size_t i = 0; i < v->n; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *r = NULL;

        /* Checks of the command line belong to the person who types them. */
        if (!hal9_config_service(cli.config, v->v[i].service))
            continue;
        r = record(&v->v[i]);
        const struct hal9_notify_facts f = {.service = v->v[i].service,
                                            .state = hal9_health_state_name(v->v[i].state),
                                            .cause = v->v[i].cause,
                                            .record = r};
        if (hal9_notify_verdict(&m.n, &f, &err) != HAL9_OK)
            cli_warn("%s%s%s", err.message, err.hint ? "; " : "", err.hint ? err.hint : "");
    }
    flush(&m);
    close_mail(&m);
}

void cli_notify_facts(const struct hal9_notify_facts *f) {
    _cleanup_error_ struct hal9_error err = {0};
    struct mail m;

    if (nobody())
        return;
    acted = true;
    open_mail(&m, RECORDS, HAL9_STATE_WRITE);
    if (hal9_notify_verdict(&m.n, f, &err) != HAL9_OK)
        cli_warn("%s%s%s", err.message, err.hint ? "; " : "", err.hint ? err.hint : "");
    close_mail(&m);
}

void cli_notify_operation(const cJSON *record) {
    _cleanup_error_ struct hal9_error err = {0};
    struct mail m;

    acted = true;
    if (nobody())
        return;
    open_mail(&m, RECORDS, HAL9_STATE_WRITE);
    if (hal9_notify_operation(&m.n, record, &err) != HAL9_OK)
        cli_warn("notifications: %s", err.message);
    close_mail(&m);
}

void cli_notify_flush(void) {
    struct mail m;

    if (!acted || nobody())
        return;
    fflush(stdout); /* what was said is not to wait for receivers */
    open_mail(&m, STDERR_ALONE, HAL9_STATE_WRITE);
    flush(&m);
    close_mail(&m);
}

bool cli_notify_due(void (*first)(void)) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_notifications all = {0};
    struct mail m;
    bool due = false;

    if (nobody())
        return false;
    open_mail(&m, RECORDS, HAL9_STATE_WRITE);
    if (hal9_notify_pending(&m.n, &all, &err) != HAL9_OK)
        cli_warn("notifications: %s", err.message);
    for (size_t i = 0; i < all.n; i++)
        due = due || (all.v[i].state == HAL9_NOTIFY_QUEUED && all.v[i].configured &&
                      all.v[i].next_ms <= hal9_now_ms());
    if (due)
        first();
    if (due)
        flush(&m);
    close_mail(&m);
    hal9_notifications_clear(&all);
    return m.failed > 0;
}

/* ---- hal9-health notifications */

static int list(struct mail *m) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_notifications all = {0};
    struct hal9_stage_result r = {.exit = CLI_HOLDS};

    if (hal9_notify_pending(&m->n, &all, &err) != HAL9_OK)
        r.exit = cli_error(&err);
    for (size_t i = 0; i < all.n; i++) {
        emit(&all.v[i], true);
        r.failed += all.v[i].state == HAL9_NOTIFY_FAILED;
    }
    if (r.failed > 0 && r.exit == CLI_HOLDS)
        r.exit = CLI_NOT;
    r.planned = r.ran = (int)all.n;
    if (all.n == 0 && r.exit == CLI_HOLDS)
        cli_say("nothing waits to be told\n");
    if (r.failed > 0)
        cli_next("hal9-health notifications --again");
    hal9_notifications_clear(&all);
    hal9_stream_end(cli.out, &r);
    return r.exit;
}

int cli_notifications(bool send, bool again) {
    _cleanup_error_ struct hal9_error err = {0};
    struct mail m;
    size_t n = 0;
    int code = cli_load_config();

    if (code != CLI_HOLDS)
        return code;
    const bool sends = (send || again) && !cli.dry_run;

    hal9_stream_begin(cli.out, NULL);
    open_mail(&m, LIST, sends ? HAL9_STATE_WRITE : HAL9_STATE_READ);
    m.n.within_ms = cli.timeout_ms > 0 ? cli.timeout_ms : SEND_MS;
    if (again && sends && hal9_notify_again(&m.n, &n, &err) != HAL9_OK)
        cli_error(&err);
    if (sends)
        flush(&m);
    code = list(&m);
    close_mail(&m);
    return code;
}
