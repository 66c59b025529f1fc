/* A passed gate is the proof that a service, and the release it runs, was healthy: kept for reverts and back-off. */
#include "check/proven.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/store.h"

void hal9_gate_proven(struct hal9_step_ctx *c, const char *service) {
    const cJSON *proven = cJSON_GetObjectItemCaseSensitive(hal9_step_args(c), "proven");
    struct hal9_state *s = hal9_step_state(c);
    _cleanup_error_ struct hal9_error e = {0};
    if (!proven || !s || !service)
        return;
    if (hal9_proofs_add(s, service, hal9_json_str(proven, "link"), hal9_json_str(proven, "target"),
                        &e) != HAL9_OK)
        hal9_log(hal9_json_str(proven, "link") ? 0 : 1,
                 "%s is healthy, which can't be written down: %s", service, e.message);
}
