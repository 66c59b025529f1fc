/* Who may be stopped: those that conflicts names, strangers after a question, some never. */
#include <stdlib.h>

#include "portfix-internal.h"

void portfix_job_clear(struct portfix_job *j) {
    for (size_t i = 0; i < j->n; i++)
        hal9_proc_clear(&j->approved[i]);
    free(j->approved);
    *j = (struct portfix_job){.p = j->p};
}

/* The same program of the same user: a yes is for the name that was typed, whichever of its processes holds the port by now. */
static bool is_like(const struct hal9_proc *a, const struct hal9_proc *b) {
    if (hal9_proc_id_equal(&a->id, &b->id))
        return true;
    if (!a->exe_ino || a->exe_ino != b->exe_ino || a->exe_dev != b->exe_dev || a->uid != b->uid)
        return false;
    _cleanup_free_ char *name_a = hal9_proc_name(a);
    _cleanup_free_ char *name_b = hal9_proc_name(b);

    return hal9_streq(name_a, name_b) || portfix_kin(a, b);
}

static bool is_approved(const struct portfix_job *j, const struct hal9_proc *p) {
    for (size_t i = 0; j && i < j->n; i++)
        if (is_like(&j->approved[i], p))
            return true;
    return false;
}

static bool is_stranger(const struct portfix_job *j, const struct hal9_port_holder *h) {
    return portfix_wrong(h) && !h->allowed && !h->never && !is_approved(j, &h->proc);
}

/* The first of the wrong holders that may never be stopped, or else that nobody allowed. */
static const struct hal9_port_holder *objection(const struct hal9_port_finding *f,
                                                const struct portfix_job *j) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (portfix_wrong(&f->holders[i]) && f->holders[i].never)
            return &f->holders[i];
    for (size_t i = 0; i < f->n_holders; i++)
        if (is_stranger(j, &f->holders[i]))
            return &f->holders[i];
    return NULL;
}

static void refuse(struct hal9_port_finding *f, const struct portfix_job *j) {
    const struct hal9_port_holder *h = objection(f, j);

    free(f->refusal);
    f->refusal = j ? portfix_held(j->p, f) : NULL;
    f->guard = NULL;
    f->held = f->refusal;
    if (f->held || !h)
        return;
    _cleanup_free_ char *portrait = portfix_portrait(&h->proc);
    _cleanup_free_ char *word = portfix_word(f);

    if (h->never) {
        f->refusal =
            hal9_strf("port %s is held by %s; it is never stopped: %s", word, portrait, h->never);
        return;
    }
    f->guard = "holder";
    if (f->owner)
        f->refusal = hal9_strf("port %s is held by %s; conflicts of %s doesn't name it", word,
                               portrait, f->owner->name);
    else
        f->refusal = hal9_strf(
            "port %s is held by %s; no service is configured that it would be in the way of", word,
            portrait);
}

void portfix_refuse(struct hal9_port_findings *f, const struct portfix_job *j) {
    for (size_t i = 0; i < f->n; i++)
        refuse(&f->v[i], j);
}

/* ---- asking */

/* The first no ends the questions. */
static void ask(struct portfix_job *j, const struct hal9_port_findings *f) {
    if (j->asked || !j->p->confirm)
        return;
    j->asked = true;
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->v[i].n_holders; k++) {
            const struct hal9_port_holder *h = &f->v[i].holders[k];

            if (!is_stranger(j, h))
                continue;
            if (!j->p->confirm(j->p->data, &f->v[i], h))
                return;
            hal9_proc_copy(HAL9_APPEND(j->approved, j->n, j->cap), &h->proc);
        }
}

/* The refusals, those that a guard lifts or the others. */
static hal9_status refused(const struct hal9_port_findings *f, bool liftable,
                           struct hal9_error *err) {
    const struct hal9_port_finding *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        if (!f->v[i].refusal || (f->v[i].guard != NULL) != liftable)
            continue;
        first = first ? first : &f->v[i];
        n++;
    }
    if (!first)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED, "%s", first->refusal);
    if (n > 1)
        hal9_error_prefix(err, "%zu ports stay as they are, the first: ", n);
    if (first->guard) {
        _cleanup_free_ char *word = portfix_word(first);

        hal9_error_hint(err, "hal9-portfix %s --yes --force=%s", word, first->guard);
    }
    return HAL9_E_REFUSED;
}

static hal9_status hidden(const struct hal9_port_findings *f, struct hal9_error *err) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].answer != HAL9_PORT_HIDDEN && !f->v[i].hidden)
            continue;
        hal9_error_set(err, HAL9_E_UNKNOWN, "%s", f->v[i].words);
        if (f->v[i].next)
            hal9_error_hint(err, "%s", f->v[i].next);
        return HAL9_E_UNKNOWN;
    }
    return HAL9_OK;
}

/* Nobody is asked when something else forbids it all the same. */
hal9_status portfix_permit(struct portfix_job *j, struct hal9_port_findings *f,
                           struct hal9_error *err) {
    hal9_status st;

    portfix_refuse(f, j);
    st = refused(f, false, err);
    if (st == HAL9_OK)
        st = hidden(f, err);
    if (st != HAL9_OK)
        return st;
    ask(j, f);
    portfix_refuse(f, j);
    return refused(f, true, err);
}
