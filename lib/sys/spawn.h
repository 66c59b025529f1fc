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

/* The child's whole life before its program. */
_Noreturn void hal9_spawn_child(const struct hal9_launch *l);

#endif
