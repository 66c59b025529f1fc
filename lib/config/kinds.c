/* The registry of step kinds: every tool's, so that any tool can resume or undo what another began.
 */
#include "base/cleanup.h"
#include "hal9ops/config.h"

static const struct hal9_step_kind *const all[] = {
    &hal9_kind_process_stop,   &hal9_kind_process_start, &hal9_kind_unit_stop,
    &hal9_kind_unit_start,     &hal9_kind_port_prove,    &hal9_kind_port_settle,
    &hal9_kind_exec_preflight, &hal9_kind_health_gate,   &hal9_kind_release_switch,
    &hal9_kind_logs_bundle,    &hal9_kind_balancer_set,  &hal9_kind_balancer_drain,
    &hal9_kind_flag_set,       &hal9_kind_files_restore, &hal9_kind_command_run,
    &hal9_kind_health_hold,    &hal9_kind_state_verify,  &hal9_kind_service_revision,
};

const struct hal9_kinds *hal9_kinds(void) {
    static const struct hal9_kinds kinds = {all, HAL9_ARRAY_LEN(all)};

    return &kinds;
}
