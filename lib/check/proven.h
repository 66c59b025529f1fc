/* What a passed gate leaves behind. */
#ifndef HAL9_CHECK_PROVEN_H
#define HAL9_CHECK_PROVEN_H

#include "hal9ops/op.h"

/* Writes down that the service is healthy now, and with which release, where args.proven {link?, target?} asks for it. That it can't be
 * written is told, and keeps no gate shut. */
void hal9_gate_proven(struct hal9_step_ctx *c, const char *service);

#endif
