/* What the two files of service parts share: the steps that bring a revision back. */
#ifndef HAL9_ROLLBACK_SERVICE_H
#define HAL9_ROLLBACK_SERVICE_H

#include "hal9ops/workload.h"
#include "rollback-internal.h"

struct rb_service_chain {
    const struct rb_part *part;
    struct hal9_plan *plan;
    struct hal9_strv *names;
    struct hal9_service_ref ref;
};

/* One step of it; args and title are taken, title NULL: its kind's words. */
struct hal9_step *rb_service_step(const struct rb_service_chain *c, const char *kind, cJSON *args,
                                  char *title);
struct hal9_step *rb_service_stop(const struct rb_service_chain *c);
/* Its ports proven free, its start, its gate; release: what the link points to then, or NULL. */
void rb_service_start(const struct rb_service_chain *c, const char *release);

#endif
