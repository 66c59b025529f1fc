/* hal9-restart bundle: a service's logs, saved and nothing else done. */
#ifndef HAL9_CMD_RESTART_BUNDLE_H
#define HAL9_CMD_RESTART_BUNDLE_H

/* The operands are the word and its services. */
int restart_bundle(void);

#endif
