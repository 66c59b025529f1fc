/* What the files of `hal9-rollback to` share: the parts with what was and what is, and the plan that is made of them. */
#ifndef HAL9_ROLLBACK_TO_H
#define HAL9_ROLLBACK_TO_H

#include "hal9ops/rollback.h"
#include "rollback-internal.h"
#include "rollback-stops.h"

/* One part of the snapshot. */
struct rb_item {
    struct rb_part part;
    const struct hal9_part_spec *spec; /* of the plan; NULL: it names the part no more */
    const cJSON *then;                 /* in the snapshot; borrowed from it */
    cJSON *now;
    bool chosen, differs;
    struct hal9_error unread; /* why it can't be read; code 0: it can */
    /* of a balancer: as it is, and the servers that the rollback sets */
    struct hal9_balancer_view view;
    struct rb_weight *servers;
    size_t n;
    bool weightless; /* its kind has no weights, or 0 and 100 % alone */
    double from, to; /* the share of the new path, now and in the snapshot */
    bool has_new,
        away; /* there is a new path; its traffic is to be taken off, and what is left of it drained */
    struct rb_shares shares; /* gradual: at each stop */
    bool placed;             /* its steps are in the plan */
};

struct rb_to {
    const struct hal9_rollback_to *job;
    const struct hal9_rollback_spec *plan; /* NULL: none names what the snapshot holds */
    cJSON *snapshot;
    char *id, *name; /* of it: a name for people */
    struct rb_item *items;
    size_t n;
    struct hal9_strv told; /* what was said once isn't said again when it is planned again */
};

/* The chain that the steps make. */
struct rb_chain {
    struct rb_to *to;
    struct hal9_plan *plan;
    const char *last; /* borrowed from the plan */
};
/* Puts a step at the chain's end. */
void rb_link(struct rb_chain *c, struct hal9_step *s);

/* ---- rollback-to.c */
/* Told once. */
void rb_tell(struct rb_to *to, const char *fmt, ...) HAL9_PRINTF(2, 3);
bool rb_forced(const struct rb_to *to, const char *guard);

/* ---- rollback-read.c: all parts are read before anything is touched */
/* The snapshot that is meant, its plan and its parts. */
hal9_status rb_to_open(struct rb_to *to, struct hal9_error *err);
/* The same of one whose document and id are there already. */
hal9_status rb_to_take(struct rb_to *to, struct hal9_error *err);
/* Reads each chosen part, and whether it differs. HAL9_E_UNKNOWN: some can't be read. */
hal9_status rb_to_read(struct rb_to *to, struct hal9_error *err);
/* The same, and what can't be read only says so. */
void rb_read_each(struct rb_to *to);
void rb_to_clear(struct rb_to *to);

/* ---- rollback-partial.c: which parts, and whether they may go without the others */
hal9_status rb_choose(struct rb_to *to, struct hal9_error *err);
hal9_status rb_check_needs(struct rb_to *to, struct hal9_error *err);
/* Whether what i needs is placed, or needn't be. */
bool rb_may_be_placed(const struct rb_to *to, const struct rb_item *i);

/* ---- rollback-traffic.c: servers of a backend */
bool rb_is_balancer(const struct rb_item *i);
hal9_status rb_read_balancer(struct rb_to *to, struct rb_item *i, struct hal9_error *err);
/* As the snapshot has it: args of balancer.set, fresh; and the step. */
cJSON *rb_args_traffic(const struct rb_item *i);
void rb_add_traffic(struct rb_chain *c, struct rb_item *i);
/* The values of its servers, as a step of that name; title is taken. */
struct hal9_step *rb_add_weights(struct rb_chain *c, struct rb_item *i, const char *word,
                                 char *title);
/* The new path's share of the snapshot, at once; then what is left of it is waited for. */
void rb_add_off(struct rb_chain *c, struct rb_item *i);
void rb_add_drain(struct rb_chain *c, struct rb_item *i);

/* ---- rollback-gradual.c */
hal9_status rb_add_stops(struct rb_chain *c, struct hal9_error *err);

/* ---- rollback-verify.c: what all has led to */
hal9_status rb_add_verify(struct rb_chain *c, struct hal9_error *err);
/* One step that watches the plan's services (and, between stops, its metrics); NULL: there is nothing to watch or to wait for. */
hal9_status rb_add_gate(struct rb_chain *c, const char *name, int64_t hold_ms, bool metrics,
                        char *title, struct hal9_step **ret, struct hal9_error *err);

#endif
