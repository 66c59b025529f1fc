/* Feature flags, as the commands tell of them. */
#ifndef HAL9_CMD_FLAGS_CLI_H
#define HAL9_CMD_FLAGS_CLI_H

#include "cli.h"

/* Words for a flag record. */
void cli_render_flag(const cJSON *record);
/* What an operation changed in flag stores: a flag record for each, and all of them as `flags` of the operation's record. */
void cli_tell_flag_changes(const struct hal9_op *op, cJSON *operation);

#endif
