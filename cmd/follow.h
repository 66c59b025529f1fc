/* --follow, as hal9-portfix and hal9-restart have it. */
#ifndef HAL9_CMD_FOLLOW_H
#define HAL9_CMD_FOLLOW_H

#include "cli.h"

/* Reads the rounds on stdin; act is called for each complete one, writes this stage's end (with its number) and returns its exit code. Returns the last
 * one's, or that of upstream's or a signal's end. */
int cli_follow(int (*act)(const struct hal9_upstream *up));
/* Something was done for the service just now. */
void cli_follow_acted(const char *service);
/* Whether something was done for it since the round began: its verdict is of before. */
bool cli_follow_stale(const char *service, const struct hal9_upstream *up);
/* Without --follow: CLI_USAGE, told, where the records are a watch's. */
int cli_need_follow(const struct hal9_upstream *up);

#endif
