/* What was found about ports: questions to it, and its end. */
#include "portfix-internal.h"

const char *hal9_port_answer_name(enum hal9_port_answer a) {
    static const char *const names[] = {
        [HAL9_PORT_FREE] = "free",           [HAL9_PORT_OWNER] = "owner",
        [HAL9_PORT_OTHER] = "other",         [HAL9_PORT_HIDDEN] = "hidden",
        [HAL9_PORT_TIME_WAIT] = "time_wait", [HAL9_PORT_RESPAWNED] = "respawned",
        [HAL9_PORT_RELEASED] = "released",
    };

    return (size_t)a < HAL9_ARRAY_LEN(names) ? names[a] : "unknown";
}

bool portfix_wrong(const struct hal9_port_holder *h) {
    return !h->is_owner && !h->unsure;
}

bool portfix_owned(const struct hal9_port_finding *f, size_t listener) {
    for (size_t i = 0; i < f->n_holders; i++)
        for (size_t k = 0; f->holders[i].is_owner && k < f->holders[i].n_on; k++)
            if (f->holders[i].on[k].listener == listener)
                return true;
    return false;
}

bool portfix_has_wrong(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (portfix_wrong(&f->holders[i]))
            return true;
    return false;
}

bool portfix_has_owner(const struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++)
        if (f->holders[i].is_owner)
            return true;
    return false;
}

char *portfix_word(const struct hal9_port_finding *f) {
    return hal9_strf("%u%s", f->port, f->proto == HAL9_UDP ? "/udp" : "");
}

static void finding_clear(struct hal9_port_finding *f) {
    for (size_t i = 0; i < f->n_holders; i++) {
        hal9_proc_clear(&f->holders[i].proc);
        free(f->holders[i].on);
        free(f->holders[i].address);
        free(f->holders[i].unit);
    }
    free(f->holders);
    hal9_listeners_clear(&f->listeners);
    free(f->words);
    free(f->refusal);
    free(f->starter);
    free(f->next);
}

void hal9_port_findings_clear(struct hal9_port_findings *f) {
    for (size_t i = 0; i < f->n; i++)
        finding_clear(&f->v[i]);
    free(f->v);
    *f = (struct hal9_port_findings){0};
}

int hal9_portfix_exit(const struct hal9_port_findings *f) {
    bool hidden = false;

    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].answer == HAL9_PORT_OTHER || f->v[i].answer == HAL9_PORT_RESPAWNED)
            return 1;
        hidden = hidden || f->v[i].answer == HAL9_PORT_HIDDEN;
    }
    return hidden ? 4 : 0;
}
