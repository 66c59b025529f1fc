/* Notifications, as the commands use them. */
#ifndef HAL9_CMD_NOTIFY_CLI_H
#define HAL9_CMD_NOTIFY_CLI_H

#include "cli.h"

/* Spools what is news among the verdicts of the configuration's services, and sends what is due. record makes a verdict's record (the caller's).
 * Nothing with -n or --no-notify, or where nobody is to be told. Call it before the stage's end is written. */
void cli_notify_verdicts(const struct hal9_verdicts *v,
                         cJSON *(*record)(const struct hal9_verdict *v));
/* The same for one that no check has found. */
void cli_notify_facts(const struct hal9_notify_facts *f);
/* Spools the record of an operation that has ended for those who want that, and remembers that this run has acted. */
void cli_notify_operation(const cJSON *record);
/* Sends what is due, once this run has acted; troubles are told on stderr alone: the stage has ended. */
void cli_notify_flush(void);
/* Sends what is due, whoever has spooled it; first is called before anything is told, if anything is due. Whether something was given up. */
bool cli_notify_due(void (*first)(void));
/* hal9-health notifications: what waits and what was given up; send: sends what is due, again: what was given up as well. Returns the exit code. */
int cli_notifications(bool send, bool again);
/* Words for a notification record. */
void cli_render_notification(const cJSON *r, bool own);

#endif
