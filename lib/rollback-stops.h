/* The stops of a gradual rollback: shares, and the whole numbers that come nearest to them. Pure. */
#ifndef HAL9_ROLLBACK_STOPS_H
#define HAL9_ROLLBACK_STOPS_H

#include "hal9ops/base.h"

#define RB_WEIGHT_MAX 256 /* what HAProxy takes */

/* Shares from 1 to 0 that are left at each stop: of the traffic to the new path, or of the way. */
struct rb_shares {
    double *v;
    size_t n, cap;
};
void rb_shares_free(struct rb_shares *s);
/*
 * stops: a number of equal ones, or percentages such as 75 25 5 0. from, to: the share now and the one to come to. Equal ones divide what lies between the
 * two; of percentages those between them count, in the direction of the walk, and the last stop is `to` in any case. Nothing between them: one stop.
 */
void rb_shares_between(const struct hal9_strv *stops, double from, double to,
                       struct rb_shares *ret);

/* A server of a backend on its way. */
struct rb_weight {
    const char *name;
    bool fresh;    /* of the new path */
    int64_t from;  /* its weight now; 0 where it gets no visitors (drain, maint) */
    int64_t to;    /* in the snapshot; likewise */
    int64_t value; /* at the stop */
};
enum rb_weight_of { RB_FROM, RB_TO, RB_VALUE };
/* The share of the new path: sum of its weights by that of all; 0 where there are none. */
double rb_share(const struct rb_weight *v, size_t n, enum rb_weight_of which);
/*
 * Sets each value so that the new path has this share: the old servers among themselves as in the snapshot, the new ones as now.
 * False: there is no server that could take a share it is given.
 */
bool rb_weights_for_share(struct rb_weight *v, size_t n, double share);
/* Sets each value so that each server's share lies on the straight way from now (rest 1) to the snapshot (0). */
bool rb_weights_on_way(struct rb_weight *v, size_t n, double rest);
/* Values in the same proportion that add up to 100, by the method of the largest remainder: for kinds whose weights are percentages. */
void rb_weights_percent(struct rb_weight *v, size_t n);

#endif
