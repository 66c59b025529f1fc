/* The plan that frees ports: what has to be stopped, then for each port the proof and the watch. */
#include <stdlib.h>

#include "hal9ops/net.h"
#include "portfix-internal.h"

#define PROVE_MS \
    65000 /* closed connections of a server without SO_REUSEADDR block a port for 60 s */
#define SETTLE_MS 1000
#define UNIT_MS 90000 /* systemd's own limit for a stop */

/* A wrong holder of a port. */
struct item {
    const struct hal9_port_finding *f;
    const struct hal9_port_holder *h;
    size_t target;
};
/* What is stopped in one step: a unit, or processes that belong together. */
struct target {
    const char *unit; /* borrowed; NULL: signals */
    struct hal9_unit facts;
    const struct hal9_port_holder *first;
    size_t processes;
    char *step; /* name of the step */
};
struct draft {
    const struct hal9_portfix *p;
    struct item *items;
    size_t n, cap;
    struct target *targets;
    size_t n_targets, cap_targets;
};

static void draft_clear(struct draft *d) {
    for (size_t i = 0; i < d->n_targets; i++) {
        hal9_unit_clear(&d->targets[i].facts);
        free(d->targets[i].step);
    }
    free(d->targets);
    free(d->items);
}

/* ---- what belongs together */

static bool same_program(const struct hal9_proc *a, const struct hal9_proc *b) {
    return a->exe_ino && a->exe_ino == b->exe_ino && a->exe_dev == b->exe_dev && a->uid == b->uid;
}

static bool share_socket(const struct item *a, const struct item *b) {
    for (size_t i = 0; i < a->h->n_on; i++)
        for (size_t k = 0; k < b->h->n_on; k++) {
            uint64_t inode = a->f->listeners.v[a->h->on[i].listener].inode;

            if (inode && inode == b->f->listeners.v[b->h->on[k].listener].inode)
                return true;
        }
    return false;
}

static bool belong_together(const struct item *a, const struct item *b) {
    if (a->h->unit || b->h->unit)
        return hal9_streq(a->h->unit, b->h->unit);
    return a->h->proc.id.pid == b->h->proc.id.pid || share_socket(a, b) ||
           (a->f == b->f && same_program(&a->h->proc, &b->h->proc));
}

static void gather(struct draft *d, const struct hal9_port_findings *f) {
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->v[i].n_holders; k++) {
            struct item it = {&f->v[i], &f->v[i].holders[k], d->n};

            if (portfix_wrong(it.h))
                *HAL9_APPEND(d->items, d->n, d->cap) = it;
        }
}

/* Each item starts as its own group; groups that touch become the one of the lower number. */
static void group(struct draft *d) {
    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < i; k++) {
            size_t from = d->items[i].target, to = d->items[k].target;

            if (from == to || !belong_together(&d->items[i], &d->items[k]))
                continue;
            if (from < to) {
                size_t swap = from;

                from = to;
                to = swap;
            }
            for (size_t m = 0; m <= i; m++)
                if (d->items[m].target == from)
                    d->items[m].target = to;
        }
}

/* A process that holds several of the ports is there once for each. */
static bool is_first_of_pid(const struct draft *d, size_t item) {
    for (size_t i = 0; i < item; i++)
        if (d->items[i].target == d->items[item].target &&
            d->items[i].h->proc.id.pid == d->items[item].h->proc.id.pid)
            return false;
    return true;
}

static void number_targets(struct draft *d) {
    _cleanup_free_ size_t *number = hal9_alloc((d->n + 1) * sizeof(*number));

    for (size_t i = 0; i < d->n; i++) {
        struct item *it = &d->items[i];

        if (it->target == i) {
            number[i] = d->n_targets;
            *HAL9_APPEND(d->targets, d->n_targets, d->cap_targets) =
                (struct target){.unit = it->h->unit, .first = it->h};
        }
    }
    for (size_t i = 0; i < d->n; i++) {
        d->items[i].target = number[d->items[i].target];
        d->targets[d->items[i].target].processes += is_first_of_pid(d, i);
    }
}

/* ---- stops */

static struct hal9_stop_spec stop_spec(const struct hal9_portfix *p) {
    struct hal9_stop_spec s = p->stop;
    static char term[] = "TERM";

    if (!s.signal)
        s = (struct hal9_stop_spec){.signal = term, .grace_ms = 10000, .kill = true};
    return s;
}

/* Index of the finding's listener in `all`, where it is added unless it is there. */
static size_t listener_index(struct hal9_listeners *all, const struct hal9_listener *l) {
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].inode == l->inode && all->v[i].proto == l->proto)
            return i;
    *HAL9_APPEND(all->v, all->n, all->cap) = *l;
    return all->n - 1;
}

/* The owner's sockets are not among them, even where a wrong process has one, too: nobody else who has them may be ended for that. */
static cJSON *signal_args(const struct draft *d, size_t target) {
    struct hal9_listeners ls = {0};
    struct hal9_holders hs = {0};
    struct hal9_stop_spec stop = stop_spec(d->p);

    for (size_t i = 0; i < d->n; i++) {
        const struct item *it = &d->items[i];

        for (size_t k = 0; it->target == target && k < it->h->n_on; k++) {
            const struct hal9_port_hold *on = &it->h->on[k];

            if (portfix_owned(it->f, on->listener))
                continue;
            /* The process is borrowed: hs is freed without it. */
            *HAL9_APPEND(hs.v, hs.n, hs.cap) = (struct hal9_holder){
                listener_index(&ls, &it->f->listeners.v[on->listener]), it->h->proc, on->fd};
        }
    }
    cJSON *args = hal9_args_stop_holders(&ls, &hs, &stop);

    free(hs.v);
    hal9_listeners_clear(&ls);
    return args;
}

static struct hal9_step *add_signal_stop(const struct draft *d, size_t target,
                                         struct hal9_plan *plan) {
    const struct target *t = &d->targets[target];
    _cleanup_free_ char *who = portfix_name_pid(&t->first->proc);
    cJSON *args = signal_args(d, target);

    if (t->processes == 1)
        return hal9_plan_step(plan, t->step, "process.stop", args, "stop %s", who);
    return hal9_plan_step(plan, t->step, "process.stop", args, "stop %s and %zu more process%s",
                          who, t->processes - 1, t->processes == 2 ? "" : "es");
}

/* A socket unit would start the service again at the next connection, so it goes first. */
static void add_socket_stops(const struct target *t, struct hal9_plan *plan,
                             struct hal9_strv *ret_names) {
    for (size_t i = 0; i < t->facts.triggered_by.n; i++) {
        const char *unit = t->facts.triggered_by.v[i];

        if (!hal9_endswith(unit, ".socket"))
            continue;
        _cleanup_free_ char *name = hal9_strf("%s-%s", t->step, unit);

        hal9_plan_step(plan, name, "unit.stop", hal9_args_unit(unit, UNIT_MS), "stop unit %s",
                       unit);
        hal9_strv_add(ret_names, name);
    }
}

static void add_unit_stop(const struct target *t, struct hal9_plan *plan) {
    _cleanup_strv_ struct hal9_strv sockets = {0};
    _cleanup_free_ char *with = hal9_strv_join(&t->facts.required_by, ", ");
    struct hal9_step *s;

    add_socket_stops(t, plan, &sockets);
    s = hal9_plan_step(plan, t->step, "unit.stop", hal9_args_unit(t->unit, UNIT_MS),
                       "stop unit %s%s%s%s", t->unit, *with ? " (stops " : "", with,
                       *with ? ", too)" : "");
    for (size_t i = 0; i < sockets.n; i++)
        hal9_step_after(s, sockets.v[i]);
}

static hal9_status name_target(struct target *t, size_t i, size_t n, struct hal9_error *err) {
    t->step = n == 1 ? hal9_strdup("stop") : hal9_strf("stop-%zu", i + 1);
    return t->unit ? hal9_systemd_show(t->unit, &t->facts, err) : HAL9_OK;
}

/* Units go first: what of them shares a socket with others has let go of it by the time those are signalled. */
static hal9_status add_stops(struct draft *d, struct hal9_plan *plan, struct hal9_error *err) {
    for (size_t i = 0; i < d->n_targets; i++) {
        hal9_status st = name_target(&d->targets[i], i, d->n_targets, err);

        if (st != HAL9_OK)
            return st;
        if (d->targets[i].unit)
            add_unit_stop(&d->targets[i], plan);
    }
    for (size_t i = 0; i < d->n_targets; i++) {
        if (d->targets[i].unit)
            continue;
        struct hal9_step *s = add_signal_stop(d, i, plan);

        for (size_t k = 0; k < d->n_targets; k++)
            if (d->targets[k].unit)
                hal9_step_after(s, d->targets[k].step);
    }
    return HAL9_OK;
}

/* ---- proof and watch */

static int64_t settle_ms(const struct draft *d, const struct hal9_port_finding *f) {
    int64_t ms = SETTLE_MS;

    if (d->p->settle_ms >= 0)
        return d->p->settle_ms;
    for (size_t i = 0; i < d->n; i++) {
        const struct hal9_unit *u = &d->targets[d->items[i].target].facts;

        if (d->items[i].f == f && u->restart && !hal9_streq(u->restart, "no") &&
            u->restart_ms + SETTLE_MS > ms)
            ms = u->restart_ms + SETTLE_MS;
    }
    return ms;
}

static void after_stops(const struct draft *d, const struct hal9_port_finding *f,
                        struct hal9_step *s) {
    for (size_t i = 0; i < d->n; i++) {
        const char *stop = d->targets[d->items[i].target].step;

        if (d->items[i].f == f && !hal9_strv_has(&s->after, stop))
            hal9_step_after(s, stop);
    }
}

/* Where its owner stays on another address, binding all of the port can't be the proof: that nobody else has it is. */
static hal9_status add_proof(const struct draft *d, const struct hal9_port_finding *f, bool only,
                             struct hal9_plan *plan, struct hal9_error *err) {
    const char *proto = f->proto == HAL9_UDP ? "udp" : "tcp";
    _cleanup_free_ char *word = portfix_word(f);
    _cleanup_free_ char *prove = hal9_strf("prove-%u-%s", f->port, proto);
    _cleanup_free_ char *settle = hal9_strf("settle-%u-%s", f->port, proto);
    _cleanup_(hal9_service_ref_clear) struct hal9_service_ref owner = {0};
    const struct hal9_service_ref *may = f->owner ? &owner : NULL;
    int64_t ms = settle_ms(d, f);
    struct hal9_step *s;

    if (f->owner) {
        hal9_status st = hal9_config_ref(f->owner, d->p->state, &owner, err);

        if (st != HAL9_OK)
            return st;
    }
    cJSON *args = hal9_args_prove_freed(f->proto, f->port, PROVE_MS, may);

    if (f->owner && portfix_has_owner(f))
        s = hal9_plan_step(plan, prove, "port.prove", args, "prove that only %s has %s",
                           f->owner->name, word);
    else
        s = hal9_plan_step(plan, prove, "port.prove", args, "prove that %s can be bound", word);
    after_stops(d, f, s);
    if (ms == 0)
        return HAL9_OK;
    args = hal9_args_settle(f->proto, f->port, ms, may);
    s = only ? hal9_plan_step(plan, settle, "port.settle", args, "watch for a second thief")
             : hal9_plan_step(plan, settle, "port.settle", args, "watch %s for a second thief",
                              word);
    hal9_step_after(s, prove);
    return HAL9_OK;
}

/* ---- the whole */

static cJSON *port_json(const struct hal9_port_finding *f) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_int(j, "port", f->port);
    hal9_json_add_str(j, "proto", f->proto == HAL9_UDP ? "udp" : "tcp");
    return j;
}

/* {"port": 8080, "proto": "tcp"}, and with several "ports": [...]. */
static cJSON *subject(const struct hal9_port_finding *const *wrong, size_t n) {
    cJSON *j = port_json(wrong[0]);

    if (n > 1) {
        cJSON *all = cJSON_AddArrayToObject(j, "ports");

        for (size_t i = 0; i < n; i++)
            cJSON_AddItemToArray(all, port_json(wrong[i]));
    }
    return j;
}

static void name_plan(const struct draft *d, const struct hal9_port_finding *const *wrong, size_t n,
                      struct hal9_plan *plan) {
    const struct hal9_service *service = wrong[0]->owner;
    _cleanup_free_ char *name = hal9_proc_name(&d->targets[0].first->proc);
    _cleanup_buf_ struct hal9_buf b = {0};

    hal9_buf_printf(&b, "free %u/%s", wrong[0]->port, wrong[0]->proto == HAL9_UDP ? "udp" : "tcp");
    if (n > 1)
        hal9_buf_printf(&b, " and %zu more port%s", n - 1, n == 2 ? "" : "s");
    hal9_buf_printf(&b, " from %s", name);
    if (d->n_targets > 1)
        hal9_buf_printf(&b, " and %zu more", d->n_targets - 1);
    for (size_t i = 1; i < n; i++)
        service = wrong[i]->owner == service ? service : NULL;
    plan->title = hal9_buf_take(&b);
    plan->service = hal9_strdup(service ? service->name : NULL);
    plan->subject = subject(wrong, n);
}

hal9_status portfix_plan(const struct hal9_portfix *p, const struct hal9_port_findings *f,
                         struct hal9_plan *ret, struct hal9_error *err) {
    _cleanup_(draft_clear) struct draft d = {.p = p};
    _cleanup_free_ const struct hal9_port_finding **wrong = NULL;
    size_t n = 0;
    hal9_status st;

    gather(&d, f);
    if (d.n == 0)
        return HAL9_OK;
    group(&d);
    number_targets(&d);
    wrong = hal9_alloc(f->n * sizeof(*wrong));
    for (size_t i = 0; i < f->n; i++)
        if (portfix_has_wrong(&f->v[i]))
            wrong[n++] = &f->v[i];
    st = add_stops(&d, ret, err);
    for (size_t i = 0; st == HAL9_OK && i < n; i++)
        st = add_proof(&d, wrong[i], n == 1, ret, err);
    if (st == HAL9_OK)
        name_plan(&d, wrong, n, ret);
    return st;
}
