/* What the files of rollback share: the parts of a snapshot, one table entry a kind. */
#ifndef HAL9_ROLLBACK_INTERNAL_H
#define HAL9_ROLLBACK_INTERNAL_H

#include "base/cleanup.h"
#include "hal9ops/rollback.h"

struct rb_part_kind;

/* One thing that is captured and taken back: a part of a plan, resolved. What it points to belongs to the configuration but for name and path. */
struct rb_part {
    const struct rb_part_kind *kind;
    char *name;                        /* "balancer:edge/hal9", "files:/etc/hal9/app.yaml" */
    char *path;                        /* files, release: absolute */
    const struct hal9_part_spec *spec; /* NULL: no plan names it (--file PATH) */
    const struct hal9_balancer_spec *balancer; /* balancer */
    const char *backend;                       /* balancer */
    const struct hal9_flag_spec *flags;        /* flags */
    const struct hal9_service *service;        /* service */
    struct hal9_state *state;                  /* service: where its record is; NULL-able */
};
struct rb_parts {
    struct rb_part *v;
    size_t n, cap;
};

struct rb_part_kind {
    const char *kind; /* "balancer" */
    const char *word; /* the source's: routing, features, state; NULL */
    /* Whether it can be read now, without a capture (preflight). */
    hal9_status (*reach)(const struct rb_part *p, int cancel_fd, struct hal9_error *err);
    /* Its state for a snapshot, fresh. s NULL or opened for reading: nothing is kept, the state can be compared all the same. */
    hal9_status (*capture)(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err);
    /* Adds the steps that bring it to `wanted`, only for what differs from `now`; their names are added to ret_steps. What a step would refuse is refused
     * here, before there is an operation. */
    hal9_status (*plan)(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan, struct hal9_strv *ret_steps,
                        struct hal9_error *err);
    /* What differs from a to b, in words, one a line; a unified diff for text files. b NULL: from a to how it is now. ret_json (an array, NULL-able) gets an object
     * for each. *ret_n: how many. */
    hal9_status (*diff)(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err);
    /* The step kind and its args (fresh) by whose states it is read back once all is restored; NULL: those of plan's steps. */
    const char *(*read_back)(const struct rb_part *p, const cJSON *wanted, cJSON **ret_args);
    bool last; /* it is restored after those of all other kinds: it runs what they bring back */
    /* Whether all that is to be written is kept and whole (HAL9_E_CORRUPT): asked before anything is touched. NULL: the state itself is all. */
    hal9_status (*whole)(const struct rb_part *p, struct hal9_state *s, const cJSON *wanted,
                         struct hal9_error *err);
};

/* ---- rollback-parts.c: the table, and which parts there are */
/* NULL: no such kind in this build. */
const struct rb_part_kind *rb_part_kind(const char *kind);
/* All parts of a plan; files of several paths are one part a path. HAL9_E_CONFIG and HAL9_E_UNSUPPORTED with the plan's name. Appends. */
hal9_status rb_parts_of_plan(const struct hal9_config *c, const struct hal9_rollback_spec *plan,
                             struct rb_parts *ret, struct hal9_error *err);
/* A file or folder that a person names. A part of the same name counts once. Appends. */
hal9_status rb_parts_add_file(struct rb_parts *parts, const char *path, struct hal9_error *err);
/* Two states that are objects, member by member: tells each that isn't the same (a or b NULL: not there); returns how many. */
size_t rb_diff_members(const struct rb_part *p, const cJSON *a, const cJSON *b,
                       bool (*same)(const struct rb_part *p, const cJSON *a, const cJSON *b),
                       void (*tell)(const struct rb_part *p, const char *name, const cJSON *a,
                                    const cJSON *b, struct hal9_buf *words, cJSON *json),
                       struct hal9_buf *words, cJSON *json);
/* What one part of a snapshot document was taken of. c is asked for balancers and flag stores: HAL9_E_CONFIG when it has them no more. *ret is overwritten. */
hal9_status rb_part_of_snapshot(const struct hal9_config *c, const cJSON *part, struct rb_part *ret,
                                struct hal9_error *err);
/* Whether --parts means it: "balancer", "routing", or its whole name. */
bool rb_part_meant(const struct rb_part *p, const char *word);
void rb_part_clear(struct rb_part *p);
void rb_parts_clear(struct rb_parts *p);
/* The state of the part with this name in a snapshot document, or NULL; borrowed. */
const cJSON *rb_snapshot_state(const cJSON *snapshot, const char *name);
/* The plan of this name, or the only one (name NULL). HAL9_E_USAGE with what there is. */
hal9_status rb_plan_find(const struct hal9_config *c, const char *name,
                         const struct hal9_rollback_spec **ret, struct hal9_error *err);
/* A step name that the plan doesn't have yet: "files:/etc/app.yaml". Fresh. */
char *rb_step_name(const struct hal9_plan *plan, const char *part);

/* ---- rollback-facts.c: what is observed beside the parts; never compared */
cJSON *rb_facts(const char *state_path);
/* {"established", "by_state", "by_port"}: TCP connections by state and by the peer's port; NULL: can't be told. */
cJSON *rb_connections(void);
/* [{"name", "pids"}] of the services of the configuration; an empty array without one. */
cJSON *rb_services(const struct hal9_config *c, struct hal9_state *s);

/* ---- one file a kind */
extern const struct rb_part_kind rb_part_files, rb_part_release, rb_part_balancer, rb_part_flags,
    rb_part_command, rb_part_service;

/* ---- rollback-lines.c */
#define RB_DIFF_MAX ((size_t)4 << 20) /* bytes of a text that is compared line by line */
/* Adds the hunks of a unified diff, without the two lines of names. */
void rb_unified_diff(const char *a, size_t a_len, const char *b, size_t b_len, struct hal9_buf *to);

#endif
