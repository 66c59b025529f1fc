/* An answer is worth something only when it came from the service: the listener decides. */
#include "check/outcome.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "check/run.h"

void hal9_port_outcome_free(struct hal9_port_outcome *o) {
    if (!o)
        return;
    free(o->reason);
    free(o->said);
    free(o);
}

void hal9_port_outcome_peer(struct hal9_port_outcome *o, const char *peer) {
    o->has_addr = peer && hal9_addr_parse(peer, &o->addr, &o->port);
    o->local = o->has_addr && hal9_addr_is_local(&o->addr);
}

void hal9_port_end(struct hal9_check_run *r, struct hal9_port_outcome *o) {
    struct hal9_check_item *item = r->runner;
    item->outcome = o;
    if (o->local && !o->any && hal9_service_known(r->service))
        hal9_check_look(r, o->proto, o->port);
    else
        hal9_check_done(r, o->state, o->cause, "%s", o->reason);
}

/* Nobody listens: does the service run at all? */
static void tell_nobody(struct hal9_check_run *r, const struct hal9_port_outcome *o) {
    _cleanup_free_ char *who = NULL;
    const char *word = hal9_service_word(r->service);
    const enum hal9_running runs = hal9_service_running(r->service, &who, hal9_check_evidence(r));
    /* Forwarded by the kernel, as to a container: its listener is in another network namespace. */
    if (!o->refused && o->state == HAL9_CHECK_PASS && runs != HAL9_RUNS_NOT)
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL,
                        "port %u %s, but nothing listens on it in this network namespace", o->port,
                        o->said);
    else if (runs == HAL9_RUNS_NOT && o->refused)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING, "%s; %s is not running",
                        o->reason, word);
    else if (runs == HAL9_RUNS_NOT)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_NOT_RUNNING,
                        "port %u %s, but nothing listens on it by now and %s is not running",
                        o->port, o->said, word);
    else if (runs == HAL9_RUNS)
        hal9_check_done(r, HAL9_CHECK_FAIL, o->cause, "%s, though %s runs", o->reason, who);
    else
        hal9_check_done(r, HAL9_CHECK_FAIL, o->cause, "%s", o->reason);
}

void hal9_port_look(struct hal9_check_run *r, struct hal9_look *look) {
    const struct hal9_check_item *item = r->runner;
    const struct hal9_port_outcome *o = item->outcome;
    _cleanup_(hal9_owner_view_clear) struct hal9_owner_view v = {.owner = HAL9_OWNER_NOBODY};
    const char *word = hal9_service_word(r->service);
    if (!o->refused)
        hal9_owner_judge(look, r->service, o->proto, o->port, o->has_addr ? &o->addr : NULL, &v);
    hal9_owner_evidence(&v, hal9_check_evidence(r));
    switch (v.owner) {
    case HAL9_OWNER_OURS:
        /* A silent UDP port is the service's: more can't be known of it. */
        if (o->state == HAL9_CHECK_UNKNOWN)
            hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s has %s", v.who, v.address);
        else
            hal9_check_done(r, o->state, o->cause, "%s", o->reason);
        break;
    case HAL9_OWNER_NOBODY:
        tell_nobody(r, o);
        break;
    case HAL9_OWNER_OTHER:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_CONFLICT,
                        "port %u %s, %s its listener is %s, not %s", o->port, o->said,
                        o->state == HAL9_CHECK_PASS ? "but" : "and", v.who, word);
        break;
    case HAL9_OWNER_WRONG:
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_WRONG_OWNER,
                        "port %u %s, %s its listener is %s: %s", o->port, o->said,
                        o->state == HAL9_CHECK_PASS ? "but" : "and", v.who, v.why);
        break;
    case HAL9_OWNER_UNKNOWN:
        if (o->state == HAL9_CHECK_PASS)
            hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "port %u %s, but %s", o->port, o->said,
                            v.why);
        else
            hal9_check_done(r, o->state, o->cause, "%s", o->reason);
        break;
    }
}
