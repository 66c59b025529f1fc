/* hal9-health watch: rounds until a signal ends them, and what is told of each. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "health.h"
#include "notify-cli.h"

#define SHORTEST_MS 100

struct watching {
    const struct health_asked *asked;
    const struct health_watch_options *o;
    struct hal9_watch *w;
    struct hal9_watch_spec spec;
    int64_t rounds; /* 0: no end */
    int reload_fd, code;
    bool late; /* told that rounds take too long */
};

/* ---- options */

static int option_every(const char *text, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    if (!text)
        return CLI_HOLDS;
    if (hal9_parse_duration(text, ret, &err) != HAL9_OK)
        return cli_usage("--every: %s", err.message);
    return *ret < SHORTEST_MS ? cli_usage("--every: %s is shorter than 100ms", text) : CLI_HOLDS;
}

/* "5 in 10m", as restart.limit is written. */
static int option_flap(const char *text, struct hal9_watch_spec *ret) {
    const char *in = text ? strstr(text, " in ") : NULL;
    _cleanup_free_ char *count = in ? hal9_strndup(text, (size_t)(in - text)) : NULL;
    int64_t n;

    if (!text)
        return CLI_HOLDS;
    if (!in || hal9_parse_int(count, 0, 1000, &n, NULL) != HAL9_OK ||
        hal9_parse_duration(in + 4, &ret->flap_ms, NULL) != HAL9_OK || ret->flap_ms <= 0)
        return cli_usage("--flap wants a count and a time such as '5 in 10m', not '%s'", text);
    ret->flap_count = (size_t)n;
    return CLI_HOLDS;
}

static int option_rounds(const char *text, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    if (text && hal9_parse_int(text, 1, INT_MAX, ret, &err) != HAL9_OK)
        return cli_usage("--rounds: %s", err.message);
    return CLI_HOLDS;
}

static int read_options(struct watching *s) {
    if (cli.form)
        return cli_usage("watch says words or records; --output %s is written once, at the end",
                         cli.form);
    if (option_every(s->o->every, &s->spec.every_ms) || option_flap(s->o->flap, &s->spec) ||
        option_rounds(s->o->rounds, &s->rounds))
        return CLI_USAGE;
    return CLI_HOLDS;
}

/* ---- one round */

/* A record stream has every service in each round, words only what is new. */
static bool is_told(const struct watching *s, const struct hal9_verdict *v) {
    return !cli.text || s->o->all || v->changed;
}

static void tell(const struct watching *s, const struct hal9_verdicts *v) {
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].changed && !v->v[i].flapping)
            health_advise(&v->v[i]);
    for (size_t i = 0; i < v->n; i++) {
        if (!is_told(s, &v->v[i]))
            continue;
        hal9_stream_emit(cli.out, health_verdict_record(&v->v[i]));
        for (size_t k = 0; k < v->v[i].planned; k++)
            if (v->v[i].beliefs[k].probed)
                health_tell_check(&v->v[i], k);
    }
}

/* What flaps is not news each time; what is not decided yet is none at all. */
static bool is_news(const struct hal9_verdict *v) {
    bool decided = true;

    for (size_t k = 0; k < v->planned; k++)
        decided = decided && v->beliefs[k].decided;
    return !v->flapping && (decided || v->state != HAL9_HEALTH_UNKNOWN);
}

static void page(const struct hal9_verdicts *v) {
    struct hal9_verdicts news = {0};

    for (size_t i = 0; i < v->n; i++)
        if (is_news(&v->v[i]))
            *HAL9_APPEND(news.v, news.n, news.cap) = v->v[i];
    cli_notify_verdicts(&news, health_verdict_record);
    free(news.v);
}

static void begin(struct watching *s, struct hal9_round *r) {
    cJSON *planned = health_planned(s->asked);

    hal9_watch_begin(s->w, r);
    hal9_json_add_int(planned, "round", r->number);
    if (r->gap_ms > 0)
        hal9_json_add_int(planned, "gap_ms", r->gap_ms);
    hal9_stream_begin(cli.out, planned);
    if (r->gap_ms > 0) {
        _cleanup_free_ char *span = hal9_span_text(r->gap_ms);

        cli_say("nothing was probed for %s: that counts as neither up nor down\n", span);
    }
    if (r->late_ms > 0 && !s->late)
        cli_warn("the round took longer than the time from one to the next; those in between are "
                 "left out");
    s->late = r->late_ms > 0;
}

static void end(const struct watching *s, const struct hal9_verdicts *v, int round) {
    struct hal9_stage_result r = health_counts(v, s->code);

    r.round = round;
    hal9_stream_end(cli.out, &r);
}

static void one_round(struct watching *s) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_verdicts v = {0};
    struct hal9_round round;
    const struct hal9_health h = {
        .config = cli.config,
        .state = cli.state,
        .services = &s->asked->services,
        .checks = (struct hal9_check **)s->asked->checks.v,
        .n_checks = s->asked->checks.n,
        .deadline_ms = cli.deadline_ms,
        .cancel_fd =
            -1, /* a round that has begun comes to its end; a second signal doesn't wait for it */
    };

    begin(s, &round);
    if (hal9_watch_probe(s->w, &h, cli.cancel.soft_fd, &v, &err) == HAL9_OK) {
        tell(s, &v);
        page(&v);
        cli_say_next();
        s->code = hal9_health_exit(&v);
    } else {
        s->code = cli_error(&err);
    }
    if (s->o->exit_zero && s->code == CLI_NOT)
        s->code = CLI_HOLDS;
    if (cli.cancel.signal)
        s->code = CLI_SIGNAL + cli.cancel.signal;
    end(s, &v, round.number);
    const struct hal9_stage_result n = health_counts(&v, 0);

    cli_progress("round %d: %d of %d healthy", round.number, n.passed, n.planned);
    hal9_verdicts_clear(&v);
}

/* ---- the configuration, read again */

static bool has_all_services(const struct hal9_config *c, const struct hal9_strv *names) {
    for (size_t i = 0; i < names->n; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        const struct hal9_service *service;

        if (hal9_config_need_service(c, names->v[i], &service, &err) != HAL9_OK) {
            cli_error(&err);
            return false;
        }
    }
    return true;
}

static void reload(const struct watching *s) {
    struct hal9_config *fresh = NULL;
    struct hal9_errors errors = {0};
    char drained[64];

    while (read(s->reload_fd, drained, sizeof(drained)) > 0)
        ;
    if (hal9_config_load(cli.config_option, &fresh, &errors) != HAL9_OK)
        cli_errors(&errors);
    if (fresh && errors.n == 0 && has_all_services(fresh, &s->asked->services)) {
        hal9_config_free(cli.config);
        cli.config = fresh;
        cli_warn("%s was read again: %zu services", fresh->path ? fresh->path : "nothing",
                 fresh->services.n);
    } else {
        hal9_config_free(fresh);
        cli_warn("the configuration stays as it was");
    }
    hal9_errors_clear(&errors);
}

/* ---- all of them */

/* False: a signal came, or the time is over. */
static bool wait_for_next(const struct watching *s) {
    const int64_t next = hal9_watch_next_ms(s->w);
    const bool last = cli.deadline_ms >= 0 && cli.deadline_ms <= next;

    for (;;) {
        const hal9_status rc =
            hal9_wait_fd(s->reload_fd, last ? cli.deadline_ms : next, cli.cancel.soft_fd, NULL);

        if (rc != HAL9_OK || s->reload_fd < 0)
            return (rc == HAL9_OK || rc == HAL9_E_TIMEOUT) && !last;
        reload(s);
    }
}

int health_watch(const struct health_asked *a, const struct health_watch_options *o) {
    struct watching s = {.asked = a, .o = o, .reload_fd = -1};
    int code = read_options(&s);

    if (code != CLI_HOLDS)
        return code;
    cli.clock = true;
    s.reload_fd = cli_reload_fd();
    s.w = hal9_watch_new(&s.spec);
    for (int64_t n = 1;; n++) {
        one_round(&s);
        if (cli.cancel.signal || hal9_stream_gone(cli.out) || n == s.rounds || !wait_for_next(&s))
            break;
    }
    hal9_watch_free(s.w);
    return cli.cancel.signal ? CLI_SIGNAL + cli.cancel.signal : s.code;
}
