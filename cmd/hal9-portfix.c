/* hal9-portfix: who holds a port, and setting it free. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "follow.h"

static struct {
    int list, all, follow;
    char *grace_option, *settle_option, *max_age_option;
    struct hal9_portfix job;
    int64_t max_age_ms;
    bool whole_host; /* nothing was named: --list tells all that listen */
    bool asked;      /* a person was asked */
} me;

static const struct poptOption options[] = {
    {"list", 'l', POPT_ARG_NONE, &me.list, 0, "only tell who holds it", NULL},
    {"all", 'a', POPT_ARG_NONE, &me.all, 0, "with --list: every process that has it", NULL},
    {"grace", 0, POPT_ARG_STRING, &me.grace_option, 0, "time between TERM and KILL; default: 10s",
     "TIME"},
    {"settle", 0, POPT_ARG_STRING, &me.settle_option, 0,
     "watch so long that nobody takes it again; default: 1s, or the unit's RestartSec and 1s",
     "TIME"},
    {"max-age", 0, POPT_ARG_STRING, &me.max_age_option, 0,
     "with -: don't act on older records; default: 5m", "TIME"},
    {"follow", 0, POPT_ARG_NONE, &me.follow, 0, "with -: act on each round of a watch", NULL},
    POPT_TABLEEND,
};
static const struct cli_example examples[] = {
    {"hal9-portfix --list 8080", "who has port 8080"},
    {"hal9-health | hal9-portfix -", "free the ports that checks found taken"},
    {NULL, NULL},
};
static const struct cli_command command = {
    .name = "hal9-portfix",
    .operands = "[PORT|RANGE|SERVICE|-]...",
    .summary = "Frees a port from the wrong holder.",
    .options = options,
    .examples = examples,
};

/* ---- what is asked for */

static int span(const char *option, const char *told, int64_t dflt, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    *ret = dflt;
    if (told && hal9_parse_duration(told, ret, &err) != HAL9_OK)
        return cli_usage("--%s: %s", option, err.message);
    return CLI_HOLDS;
}

static int settings(void) {
    static char term[] = "TERM";

    me.job.stop = (struct hal9_stop_spec){.signal = term, .kill = true};
    if (span("grace", me.grace_option, 10000, &me.job.stop.grace_ms) ||
        span("settle", me.settle_option, -1, &me.job.settle_ms) ||
        span("max-age", me.max_age_option, (int64_t)5 * 60 * 1000, &me.max_age_ms))
        return CLI_USAGE;
    if (me.all && !me.list)
        return cli_usage("--all goes with --list; before acting every holder is sought anyway");
    if (cli.from_stdin && cli.operands.n > 0)
        return cli_usage("- takes the services from the records; leave out '%s'",
                         cli.operands.v[0]);
    if (me.follow && !cli.from_stdin)
        return cli_usage(
            "--follow goes with -: hal9-health watch -o json | hal9-portfix --follow -");
    me.whole_host = cli.operands.n == 0 && !cli.from_stdin;
    if (me.whole_host && !me.list)
        return cli_usage("which port? For example: hal9-portfix 8080; see hal9-portfix --help");
    return CLI_HOLDS;
}

static void add_ports_of(const struct hal9_service *s) {
    for (size_t i = 0; i < s->ports.n; i++)
        hal9_ports_add(&me.job.tcp, s->ports.v[i].first, s->ports.v[i].last);
}

static hal9_status add_service(const char *name, struct hal9_error *err) {
    const struct hal9_service *s = NULL;
    hal9_status st = hal9_config_need_service(cli.config, name, &s, err);

    if (st != HAL9_OK)
        return st;
    if (s->ports.n == 0) {
        hal9_error_set(err, HAL9_E_USAGE, "%s has no port in %s", name, cli.config->path);
        hal9_error_hint(err, "name the port, or add port: to the service");
        return HAL9_E_USAGE;
    }
    add_ports_of(s);
    me.job.for_service = cli.operands.n == 1 ? s : NULL;
    return HAL9_OK;
}

static int operands(void) {
    for (size_t i = 0; i < cli.operands.n; i++) {
        const char *word = cli.operands.v[i];
        _cleanup_error_ struct hal9_error err = {0};
        hal9_status st = isdigit((unsigned char)word[0])
                             ? hal9_ports_parse(word, &me.job.tcp, &me.job.udp, &err)
                             : add_service(word, &err);

        if (st != HAL9_OK)
            return cli_error(&err);
    }
    return CLI_HOLDS;
}

/* ---- what is told */

static void tell(const struct hal9_port_findings *all) {
    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_port_finding *f = &all->v[i];

        if (f->answer == HAL9_PORT_OTHER || f->answer == HAL9_PORT_RESPAWNED)
            cli_headline("PORT %u IS TAKEN", f->port);
    }
    hal9_portfix_emit(all, me.all, cli.out);
}

/* ---- the stage */

static cJSON *planned(void) {
    cJSON *j = cJSON_CreateObject();
    cJSON *ports = cJSON_AddArrayToObject(j, "ports");
    const struct hal9_ports *const sets[] = {&me.job.tcp, &me.job.udp};

    for (size_t k = 0; k < HAL9_ARRAY_LEN(sets); k++)
        for (size_t i = 0; i < sets[k]->n; i++) {
            const struct hal9_port_range *p = &sets[k]->v[i];
            const char *proto = k == 1 ? "/udp" : "";
            _cleanup_free_ char *word = p->first == p->last
                                            ? hal9_strf("%u%s", p->first, proto)
                                            : hal9_strf("%u-%u%s", p->first, p->last, proto);

            cJSON_AddItemToArray(ports, cJSON_CreateString(word));
        }
    return j;
}

/* Of the whole host only the ports that belong to somebody can be held by the wrong one. */
static int finding(const struct hal9_port_findings *f) {
    int code = CLI_HOLDS;

    if (!me.whole_host)
        return hal9_portfix_exit(f);
    for (size_t i = 0; i < f->n; i++) {
        const struct hal9_port_findings one = {.v = &f->v[i], .n = 1};
        int this = f->v[i].owner ? hal9_portfix_exit(&one) : CLI_HOLDS;

        code = this == CLI_NOT || code == CLI_HOLDS ? this : code;
    }
    return code;
}

static void end_stage(const struct hal9_port_findings *f, int code, bool resumable, int64_t round) {
    struct hal9_stage_result r = {.exit = code, .resumable = resumable, .round = (int)round};

    for (size_t i = 0; i < f->n; i++) {
        enum hal9_port_answer a = f->v[i].answer;
        bool bad = a == HAL9_PORT_OTHER || a == HAL9_PORT_RESPAWNED;

        r.failed += bad;
        r.unknown += a == HAL9_PORT_HIDDEN;
        r.passed += !bad && a != HAL9_PORT_HIDDEN;
    }
    r.planned = r.ran = (int)f->n;
    hal9_stream_end(cli.out, &r);
}

/* ---- telling only */

static void next_steps(const struct hal9_port_findings *all) {
    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_port_finding *f = &all->v[i];

        if (f->next && (!me.whole_host || f->owner))
            cli_next("%s", f->next);
        if (f->maybe_shared && !me.whole_host && f->answer == HAL9_PORT_OTHER)
            cli_next("hal9-portfix --list --all %u   (others may share it)", f->port);
    }
}

static int list(struct hal9_port_findings *f) {
    _cleanup_error_ struct hal9_error err = {0};
    enum hal9_holders_depth depth = me.all ? HAL9_HOLDERS_ALL : HAL9_HOLDERS_FIRST;

    if (hal9_portfix_look(&me.job, depth, f, &err) != HAL9_OK)
        return cli_error(&err);
    tell(f);
    next_steps(f);
    return finding(f);
}

/* ---- acting */

static bool confirm(void *data, const struct hal9_port_finding *f,
                    const struct hal9_port_holder *h) {
    _cleanup_free_ char *name = hal9_proc_name(&h->proc);
    bool asked = false;

    (void)data;
    if (cli.dry_run)
        return cli_forced("holder");
    bool yes = cli_confirm("holder", f->refusal ? f->refusal : f->words, name, &asked);

    me.asked = me.asked || asked;
    return yes;
}

static void refusal_next(const struct hal9_port_finding *f) {
    if (f->held)
        return;
    if (!f->guard) {
        cli_next("see what it is and stop it by its own means");
        return;
    }
    cli_next("hal9-portfix %u%s --yes --force=%s", f->port, f->proto == HAL9_UDP ? "/udp" : "",
             f->guard);
    for (size_t i = 0; f->owner && i < f->n_holders; i++) {
        _cleanup_free_ char *name = hal9_proc_name(&f->holders[i].proc);

        if (!f->holders[i].is_owner && !f->holders[i].allowed)
            cli_next("add '%s' to conflicts: of %s in %s", name, f->owner->name,
                     cli.config->path ? cli.config->path : "hal9.yaml");
    }
}

/* Every refusal is told, each with what lifts it. */
static int tell_refusals(const struct hal9_port_findings *all, const struct hal9_error *err) {
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_port_finding *f = &all->v[i];
        _cleanup_error_ struct hal9_error one = {0};

        if (!f->refusal)
            continue;
        n++;
        hal9_error_set(&one, HAL9_E_REFUSED, "%s%s", f->refusal,
                       me.asked ? "; it was left alone" : "");
        cli_error(&one);
        refusal_next(f);
    }
    if (n == 0)
        cli_error(err);
    return CLI_NOT;
}

/* The service that should have the port, and has no process at all. */
static bool is_down(const struct hal9_service *s) {
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref ref = {0};
    struct hal9_proc *procs = NULL;
    size_t n = 0;

    if (!s->run || hal9_config_ref(s, cli.state, &ref, NULL) != HAL9_OK ||
        hal9_service_procs(&ref, &procs, &n, NULL, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < n; i++)
        hal9_proc_clear(&procs[i]);
    free(procs);
    return n == 0;
}

/* "8080 is free. Undo: hal9-rollback undo 7f3a" stands in the record, so that words and records agree. */
static void tell_outcome(struct hal9_port_findings *all, const struct hal9_op_result *res) {
    for (size_t i = 0; i < all->n; i++) {
        struct hal9_port_finding *f = &all->v[i];

        if (f->answer != HAL9_PORT_RELEASED)
            continue;
        free(f->words);
        f->words = hal9_strf("%u%s is free. Undo: hal9-rollback undo %s", f->port,
                             f->proto == HAL9_UDP ? "/udp" : "", cli_short(res->id));
        if (f->owner && is_down(f->owner))
            cli_next("hal9-restart %s", f->owner->name);
    }
    tell(all);
    next_steps(all);
}

static int outcome(const struct hal9_port_findings *after, const struct hal9_op_result *res) {
    int code = hal9_portfix_exit(after);

    if (cli.dry_run)
        return res->nothing ? code : CLI_NOT;
    /* A step failed, and yet nobody wrong is there: what was to be proven is not. */
    return code == CLI_HOLDS && res->state == HAL9_OP_FAILED ? CLI_NOT : code;
}

static int failed(const struct hal9_port_findings *after, const struct hal9_op_result *res,
                  const struct hal9_error *err) {
    if (err->code == HAL9_E_REFUSED)
        return tell_refusals(after, err);
    int code = cli_error(err);

    if (!res->resumable)
        return code;
    cli_next("hal9-rollback resume %s", cli_short(res->id));
    return code > CLI_SIGNAL ? code : CLI_UNFINISHED;
}

static int set_free(struct hal9_port_findings *f, bool *ret_resumable) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_port_findings after = {0};
    struct hal9_op_result res = {0};
    struct hal9_op_env env;
    int code;

    cli_op_env(&env);
    me.job.confirm = confirm;
    if (hal9_portfix_free(&me.job, &env, &res, &after, &err) == HAL9_OK) {
        if (!cli.dry_run && res.id[0])
            tell_outcome(&after, &res);
        code = outcome(&after, &res);
    } else {
        code = failed(&after, &res, &err);
    }
    if (after.n > 0) {
        hal9_port_findings_clear(f);
        *f = after;
    }
    *ret_resumable = res.resumable;
    hal9_op_result_clear(&res);
    return code;
}

/* Nothing to do: what a killed run left on these ports may lack nothing but its end. */
static void tidy(const struct hal9_port_findings *f) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t i = 0; i < f->n; i++) {
        hal9_strv_take(
            &names, hal9_strf("port:%llu/%u", (unsigned long long)hal9_sock_netns(), f->v[i].port));
        if (f->v[i].owner)
            hal9_strv_take(&names, hal9_strf("service:%s", f->v[i].owner->name));
    }
    cli_tidy(&names);
}

/* A look first: where nothing is to be done no state directory is made. */
static int fix(struct hal9_port_findings *f, bool *ret_resumable) {
    _cleanup_error_ struct hal9_error err = {0};
    int code = cli_open_state(HAL9_STATE_READ);

    if (code != CLI_HOLDS)
        return code;
    me.job.state = cli.state;
    if (hal9_portfix_look(&me.job, HAL9_HOLDERS_ALL, f, &err) != HAL9_OK)
        return cli_error(&err);
    tell(f);
    code = hal9_portfix_exit(f);
    if (code == CLI_HOLDS)
        tidy(f);
    cli_mention_unfinished();
    if (code != CLI_NOT) {
        next_steps(f);
        return code;
    }
    if (!cli.dry_run) {
        hal9_state_close(cli.state);
        cli.state = NULL;
        me.job.state = NULL;
        code = cli_open_state(HAL9_STATE_WRITE);
        if (code != CLI_HOLDS)
            return code;
        me.job.state = cli.state;
    }
    return set_free(f, ret_resumable);
}

static int run_ports(void) {
    struct hal9_port_findings f = {0};
    bool resumable = false;
    int code;

    if (!me.list && !cli.dry_run)
        cli_acts();
    hal9_stream_begin(cli.out, planned());
    code = me.list ? list(&f) : fix(&f, &resumable);
    end_stage(&f, code, resumable, 0);
    hal9_port_findings_clear(&f);
    return code;
}

/* ---- in a pipe */

/* A conflict that can't be acted on is not known to be over. */
static int take_verdict(const struct hal9_verdict_in *v) {
    const struct hal9_service *s;

    if (!hal9_streq(v->cause, "port_conflict"))
        return CLI_HOLDS;
    if (!cli_verdict_counts(v, me.max_age_ms))
        return CLI_UNKNOWN;
    s = hal9_config_service(cli.config, v->service);
    if (!s || s->ports.n == 0) {
        cli_warn("%s: %s; nothing done for it", v->service,
                 s ? "no port is configured for it" : "no such service in the configuration here");
        return CLI_UNKNOWN;
    }
    add_ports_of(s);
    return CLI_HOLDS;
}

/* What the verdicts ask for; the tool's own finding. */
static int act_on(const struct hal9_upstream *up, struct hal9_port_findings *f,
                  bool *ret_resumable) {
    int own = CLI_HOLDS;

    for (size_t i = 0; i < up->n_verdicts; i++)
        if (!cli_follow_stale(up->verdicts[i].service, up) &&
            take_verdict(&up->verdicts[i]) != CLI_HOLDS)
            own = CLI_UNKNOWN;
    if (me.job.tcp.n == 0)
        return own;
    int found = me.list ? list(f) : fix(f, ret_resumable);

    return found != CLI_HOLDS ? found : own;
}

static int run_pipe(void) {
    struct hal9_port_findings f = {0};
    struct hal9_upstream up = {.exit = -1};
    bool resumable = false;
    int code = cli_read_upstream(NULL, &up);

    if (code == CLI_HOLDS)
        code = cli_need_follow(&up);
    if (code == CLI_USAGE) {
        hal9_upstream_clear(&up);
        return code;
    }
    if (code == CLI_HOLDS)
        code = hal9_upstream_exit(&up, act_on(&up, &f, &resumable));
    end_stage(&f, code, resumable, 0);
    hal9_port_findings_clear(&f);
    hal9_upstream_clear(&up);
    return code;
}

/* One round of a watch. */
static int follow_round(const struct hal9_upstream *up) {
    struct hal9_port_findings f = {0};
    bool resumable = false;
    const int code = hal9_upstream_exit(up, act_on(up, &f, &resumable));

    for (size_t i = 0; i < f.n; i++)
        if (f.v[i].owner && !me.list)
            cli_follow_acted(f.v[i].owner->name);
    end_stage(&f, code, resumable, up->round);
    hal9_port_findings_clear(&f);
    hal9_ports_clear(&me.job.tcp);
    return code;
}

static int run(void) {
    int code = settings();

    if (code == CLI_HOLDS)
        code = cli_load_config();
    if (code == CLI_HOLDS)
        code = operands();
    if (code != CLI_HOLDS)
        return code;
    me.job.config = cli.config;
    code = me.follow ? cli_follow(follow_round) : cli.from_stdin ? run_pipe() : run_ports();
    hal9_ports_clear(&me.job.tcp);
    hal9_ports_clear(&me.job.udp);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
