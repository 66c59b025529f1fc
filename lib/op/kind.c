/* Step kinds and the words for states. */
#include "op/op-internal.h"

const struct hal9_step_kind *hal9_kind_find(const struct hal9_kinds *k, const char *name) {
    for (size_t i = 0; k && name && i < k->n; i++)
        if (hal9_streq(k->v[i]->name, name))
            return k->v[i];
    return NULL;
}

const char *hal9_step_state_name(enum hal9_step_state s) {
    switch (s) {
    case HAL9_STEP_PENDING:
        return "pending";
    case HAL9_STEP_RUNNING:
        return "running";
    case HAL9_STEP_DONE:
        return "done";
    case HAL9_STEP_SKIPPED:
        return "skipped";
    case HAL9_STEP_WARNED:
        return "warned";
    case HAL9_STEP_FAILED:
        return "failed";
    case HAL9_STEP_NOT_RUN:
        return "not_run";
    }
    return "unknown";
}

const char *hal9_op_state_name(enum hal9_op_state s) {
    switch (s) {
    case HAL9_OP_OPEN:
        return "open";
    case HAL9_OP_DONE:
        return "done";
    case HAL9_OP_FAILED:
        return "failed";
    case HAL9_OP_ABORTED:
        return "aborted";
    case HAL9_OP_SUPERSEDED:
        return "superseded";
    case HAL9_OP_UNDONE:
        return "undone";
    }
    return "unknown";
}
