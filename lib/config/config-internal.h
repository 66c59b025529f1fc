/* What the files of config/ share. */
#ifndef HAL9_CONFIG_INTERNAL_H
#define HAL9_CONFIG_INTERNAL_H

#include "hal9ops/config.h"

extern const struct hal9_schema hal9_service_schema;
extern const struct hal9_schema hal9_rollback_schema;
extern const struct hal9_schema hal9_metrics_schema;
extern const struct hal9_schema hal9_trigger_schema;
extern const struct hal9_schema hal9_forward_schema;
/* What only the whole plan can tell of its forward. */
void hal9_forward_finish(struct hal9_decoder *d, const struct hal9_node *plan,
                         const struct hal9_rollback_spec *r);
extern const struct hal9_schema hal9_config_root_schema;

/* Names that point to nothing, cycles, two owners of a port, two parts on one path: all of them,
 * with places. */
void hal9_config_check(const struct hal9_config *c, struct hal9_errors *errors);
/* check-parts.c: two parts of a plan that would both restore one path, and two commands of one name. */
void hal9_config_check_paths(const struct hal9_config *c, const struct hal9_rollback_spec *r,
                             struct hal9_errors *errors);
void hal9_config_check_commands(const struct hal9_config *c, struct hal9_errors *errors);
/* Adds the arguments to the default identity of services that run the same program. */
void hal9_config_tell_apart(struct hal9_config *c);
/* Adds an error at a node. */
struct hal9_error *hal9_config_error(struct hal9_errors *errors, const struct hal9_node *at,
                                     const char *fmt, ...) HAL9_PRINTF(3, 4);
/* Where the file is; NULL and HAL9_OK when there is none. */
hal9_status hal9_config_find(const char *option, char **ret_path, struct hal9_error *err);

#endif
