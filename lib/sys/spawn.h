/* Between spawn.c (the parent's side) and spawn-child.c (between fork and execve). */
#ifndef HAL9_SYS_SPAWN_H
#define HAL9_SYS_SPAWN_H

#include "sys/sys-internal.h"

/* How far the child got. */
enum hal9_step {
    HAL9_STEP_NONE,
    HAL9_STEP_SETUP, /* session, descriptors */
    HAL9_STEP_LIMITS,
    HAL9_STEP_GROUPS,
    HAL9_STEP_GROUP,
    HAL9_STEP_USER,
    HAL9_STEP_CWD,
    HAL9_STEP_READY, /* stands at the gate */
    HAL9_STEP_GOING, /* execve is next */
    HAL9_STEP_EXEC,
};
/* What the child tells: a step reached (errnum 0) or failed. */
struct hal9_report {
    enum hal9_step step;
    int errnum;
    int detail; /* number of the resource limit */
};

/* A prepared start. */
struct hal9_launch {
    const struct hal9_spawn *spawn;
    struct hal9_strv programs; /* to be tried in order */
    int stdio[3];              /* all descriptors here are above 2 and close-on-exec */
    int error[2];              /* [1] is the child's */
    int gate[2];               /* [0] is the child's; -1 without a gate */
};

/* How long to wait for the child to report, and what breaks that off (-1: for ever, nothing). */
struct hal9_patience {
    int64_t deadline_ms;
    int cancel_fd;
};
enum {
    HAL9_KILL_WAIT_MS = 2000
}; /* for a killed child to be gone; longer only where it hangs in the kernel */

/* As hal9_spawn(), which waits for ever. */
hal9_status hal9_spawn_within(const struct hal9_spawn *s, const struct hal9_patience *p,
                              struct hal9_child *ret, struct hal9_error *err);
/* The child's whole life before its program. */
_Noreturn void hal9_spawn_child(const struct hal9_launch *l);

#endif
