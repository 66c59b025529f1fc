/* Setting ports free: look, ask, act, look again. */
#include <stdlib.h>

#include "hal9ops/doc.h"
#include "portfix-internal.h"

/* ---- planning */

/* Looks and asks: what may be acted on. ret is filled whenever it could be looked. */
static hal9_status survey(struct portfix_job *j, struct hal9_port_findings *ret,
                          struct hal9_error *err) {
    hal9_status st = hal9_portfix_look(j->p, HAL9_HOLDERS_ALL, ret, err);

    return st == HAL9_OK ? portfix_permit(j, ret, err) : st;
}

/* The executor plans twice, the second time under its locks: each time by what is there then. */
static hal9_status plan_now(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct portfix_job *j = data;
    struct hal9_port_findings f = {0};
    hal9_status st = survey(j, &f, err);

    if (st == HAL9_OK)
        st = portfix_plan(j->p, &f, ret, err);
    hal9_port_findings_clear(&f);
    return st;
}

hal9_status hal9_portfix_plan(const struct hal9_portfix *p, struct hal9_plan *ret,
                              struct hal9_error *err) {
    _cleanup_(portfix_job_clear) struct portfix_job j = {.p = p};

    return plan_now(&j, ret, err);
}

/* ---- what became of it */

static const struct hal9_port_finding *same_port(const struct hal9_port_findings *f,
                                                 const struct hal9_port_finding *as) {
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].port == as->port && f->v[i].proto == as->proto)
            return &f->v[i];
    return NULL;
}

static bool was_there(const struct hal9_port_finding *before, const struct hal9_proc_id *id) {
    for (size_t i = 0; i < before->n_holders; i++)
        if (hal9_proc_id_equal(&before->holders[i].proc.id, id))
            return true;
    return false;
}

/* The first wrong holder that came after; those that were there before and live on go behind. */
static const struct hal9_port_holder *newcomer(const struct hal9_port_finding *before,
                                               const struct hal9_port_finding *after) {
    for (size_t i = 0; i < after->n_holders; i++)
        if (portfix_wrong(&after->holders[i]) && !was_there(before, &after->holders[i].proc.id))
            return &after->holders[i];
    return NULL;
}

/* Who started it: its parent, or systemd by its unit. An orphan has none that could be told. */
static char *starter_of(const struct hal9_port_holder *h, char **ret_next) {
    struct hal9_proc parent;
    char *text;

    if (h->unit) {
        *ret_next = hal9_strf("systemctl stop %s", h->unit);
        return hal9_strf("systemd (unit %s)", h->unit);
    }
    if (h->proc.ppid <= 1 ||
        hal9_proc_read(h->proc.ppid, HAL9_PROC_EXE | HAL9_PROC_ARGV | HAL9_PROC_CGROUP, &parent,
                       NULL) != HAL9_OK)
        return NULL;
    text = portfix_name_pid(&parent);
    *ret_next = hal9_strf("stop what starts it again: %s", text);
    hal9_proc_clear(&parent);
    return text;
}

static void tell_respawn(struct hal9_port_finding *f, const struct hal9_port_holder *by) {
    char *next = NULL;

    f->answer = HAL9_PORT_RESPAWNED;
    f->starter = starter_of(by, &next);
    portfix_words(f);
    free(f->next);
    f->next = next;
}

/* The watch saw a thief that has gone again by now. */
static bool was_seen_again(const struct hal9_op_result *res, const struct hal9_port_finding *f) {
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(res->detail, "by");

    return hal9_streq(hal9_json_str(res->detail, "answer"), "respawned") && by &&
           (hal9_json_int(res->detail, "port", f->port) == f->port);
}

static void tell_seen_again(const struct hal9_op_result *res, struct hal9_port_finding *f) {
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(res->detail, "by");
    const char *name = hal9_json_str(by, "name");

    f->answer = HAL9_PORT_RESPAWNED;
    free(f->words);
    f->words = hal9_strf("%u/%s was taken again by %s (pid %d), which has gone by now", f->port,
                         f->proto == HAL9_UDP ? "udp" : "tcp", name ? name : "a process",
                         (int)hal9_json_int(by, "pid", 0));
}

static void compare(const struct hal9_port_findings *before, struct hal9_port_findings *after,
                    const struct hal9_op_result *res) {
    for (size_t i = 0; i < after->n; i++) {
        struct hal9_port_finding *f = &after->v[i];
        const struct hal9_port_finding *was = same_port(before, f);
        const struct hal9_port_holder *new = was ? newcomer(was, f) : NULL;

        if (!was || was->answer != HAL9_PORT_OTHER)
            continue;
        if (f->answer == HAL9_PORT_OTHER && new)
            tell_respawn(f, new);
        else if (f->answer != HAL9_PORT_OTHER && was_seen_again(res, f))
            tell_seen_again(res, f);
        else if (f->answer == HAL9_PORT_FREE || f->answer == HAL9_PORT_TIME_WAIT)
            f->answer = HAL9_PORT_RELEASED;
    }
}

/* A range tells only what is held: what was set free in it must be told all the same. */
static void add_missing(const struct hal9_port_findings *before, struct hal9_port_findings *after) {
    for (size_t i = 0; i < before->n; i++) {
        const struct hal9_port_finding *was = &before->v[i];

        if (was->answer != HAL9_PORT_OTHER || same_port(after, was))
            continue;
        struct hal9_port_finding *f = HAL9_APPEND(after->v, after->n, after->cap);

        *f =
            (struct hal9_port_finding){.proto = was->proto, .port = was->port, .owner = was->owner};
        portfix_words(f);
    }
}

static hal9_status look_after(const struct hal9_portfix *p, const struct hal9_port_findings *before,
                              const struct hal9_op_result *res, struct hal9_port_findings *ret,
                              struct hal9_error *err) {
    hal9_status st = hal9_portfix_look(p, HAL9_HOLDERS_ALL, ret, err);

    if (st != HAL9_OK)
        return st;
    add_missing(before, ret);
    if (res->changed)
        compare(before, ret, res);
    return HAL9_OK;
}

/* ---- acting */

static hal9_status act(struct portfix_job *j, const struct hal9_op_env *env,
                       const struct hal9_port_findings *before, struct hal9_op_result *res,
                       struct hal9_port_findings *ret_after, struct hal9_error *err) {
    hal9_status st = hal9_op_run(env, plan_now, j, res, err);

    /* An error that left an operation open, or met a newcomer, doesn't make what is there now unknown. */
    if (st == HAL9_OK)
        return look_after(j->p, before, res, ret_after, err);
    if (res->id[0] || st == HAL9_E_REFUSED || st == HAL9_E_UNKNOWN)
        look_after(j->p, before, res, ret_after, NULL);
    return st;
}

hal9_status hal9_portfix_free(const struct hal9_portfix *p, const struct hal9_op_env *env,
                              struct hal9_op_result *res, struct hal9_port_findings *ret_after,
                              struct hal9_error *err) {
    _cleanup_(portfix_job_clear) struct portfix_job j = {.p = p};
    struct hal9_port_findings before = {0};
    hal9_status st = survey(&j, &before, err);
    bool acts = st == HAL9_OK && hal9_portfix_exit(&before) != 0;

    if (acts)
        st = act(&j, env, &before, res, ret_after, err);
    else if (st == HAL9_OK)
        *res = (struct hal9_op_result){.state = HAL9_OP_DONE, .nothing = true};
    if (acts && !(st == HAL9_OK && env->dry_run)) {
        hal9_port_findings_clear(&before);
        return st;
    }
    hal9_port_findings_clear(ret_after);
    *ret_after = before;
    return st;
}
