/*
 * hal9ops/rollback.h - what was done, and taking it back.
 *
 * Floor 6.
 */
#ifndef HAL9OPS_ROLLBACK_H
#define HAL9OPS_ROLLBACK_H

#include <hal9ops/config.h>

/* What a person's word names: an operation (prefix or suffix of its id) or a run. Exactly one of the two is set, fresh.
 * HAL9_E_NOT_FOUND with the nearest; HAL9_E_USAGE when several fit. */
HAL9_API hal9_status hal9_rollback_find(struct hal9_state *s, const char *word,
                                        char **ret_operation, char **ret_run,
                                        struct hal9_error *err);
/* The newest open operation that isn't running: what `resume` and `abort` without an id mean. HAL9_E_NOT_FOUND: none; HAL9_E_USAGE: several, named. */
HAL9_API hal9_status hal9_rollback_open(struct hal9_state *s, char **ret_operation,
                                        struct hal9_error *err);
/* One operation as its `operation` record's members: id, by, user, state, title, service, run, started, ended, steps, done, resumable, undoes, undone_by. Fresh. */
HAL9_API cJSON *hal9_rollback_describe(const struct hal9_op *o);

#endif
