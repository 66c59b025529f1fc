/* Findings as records. */
#include <stdlib.h>

#include "hal9ops/doc.h"
#include "portfix-internal.h"

struct teller {
    struct hal9_stream *out;
    bool each;
    uid_t uid; /* whose name was looked up last: mostly that of the next, too */
    char *user;
};

static void add_user(struct teller *t, cJSON *r, uid_t uid) {
    if (uid == (uid_t)-1)
        return;
    if (!t->user || t->uid != uid) {
        free(t->user);
        t->user = hal9_user_name(uid);
        t->uid = uid;
    }
    hal9_json_add_str(r, "user", t->user);
}

static cJSON *record(struct teller *t, const struct hal9_port_finding *f) {
    cJSON *r = hal9_record_new(t->out, "holder");

    hal9_json_add_str(r, "service", f->owner ? f->owner->name : NULL);
    hal9_json_add_int(r, "port", f->port);
    hal9_json_add_str(r, "proto", f->proto == HAL9_UDP ? "udp" : "tcp");
    hal9_json_add_str(r, "answer", hal9_port_answer_name(f->answer));
    return r;
}

static void add_process(struct teller *t, cJSON *r, const struct hal9_port_finding *f,
                        const struct hal9_port_holder *h) {
    _cleanup_free_ char *name = hal9_proc_name(&h->proc);
    char started[32];

    hal9_time_format(h->proc.started_ms, started);
    hal9_json_add_str(r, "address", h->address);
    hal9_json_add_int(r, "pid", h->proc.id.pid);
    hal9_json_add_str(r, "name", name);
    hal9_json_add_str(r, "started", started);
    hal9_json_add_str(r, "exe", h->proc.exe);
    hal9_json_add_str(r, "unit", h->unit ? h->unit : h->proc.unit);
    hal9_json_add_str(r, "container", h->proc.container);
    add_user(t, r, h->proc.uid);
    cJSON_AddBoolToObject(r, "shared", h->shared || f->maybe_shared);
    if (portfix_wrong(h))
        hal9_json_add_str(r, "supervisor", f->starter);
}

/* Holders of a port that is its owner's as a whole, or of which only one side is. */
static void tell_holder(struct teller *t, const struct hal9_port_finding *f, size_t i) {
    const struct hal9_port_holder *h = &f->holders[i];
    cJSON *r = record(t, f);

    if (f->answer == HAL9_PORT_OTHER && h->is_owner)
        cJSON_ReplaceItemInObjectCaseSensitive(
            r, "answer", cJSON_CreateString(hal9_port_answer_name(HAL9_PORT_OWNER)));
    add_process(t, r, f, h);
    if (i == 0) {
        hal9_json_add_str(r, "reason", f->words);
        hal9_json_add_str(r, "next", f->next);
    } else if (t->each) {
        _cleanup_free_ char *name = hal9_proc_name(&h->proc);
        _cleanup_free_ char *words = hal9_strf("  %s by %s, pid %d", h->shared ? "shared" : "held",
                                               name, (int)h->proc.id.pid);

        hal9_json_add_str(r, "reason", words);
    }
    hal9_stream_emit(t->out, r);
}

static void tell_no_holder(struct teller *t, const struct hal9_port_finding *f) {
    cJSON *r = record(t, f);
    char address[64];

    if (f->listeners.n > 0) {
        hal9_listener_text(&f->listeners.v[0], address);
        hal9_json_add_str(r, "address", address);
        add_user(t, r, f->listeners.v[0].uid);
    }
    hal9_json_add_str(r, "reason", f->words);
    hal9_json_add_str(r, "next", f->next);
    hal9_stream_emit(t->out, r);
}

void hal9_portfix_emit(const struct hal9_port_findings *f, bool each, struct hal9_stream *out) {
    struct teller t = {.out = out, .each = each};

    for (size_t i = 0; i < f->n; i++) {
        for (size_t k = 0; k < f->v[i].n_holders; k++)
            tell_holder(&t, &f->v[i], k);
        if (f->v[i].n_holders == 0)
            tell_no_holder(&t, &f->v[i]);
    }
    free(t.user);
}
