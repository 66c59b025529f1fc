/* The table of check kinds. */
#include "base/cleanup.h"
#include "check/drivers.h"

static const struct hal9_check_driver *const drivers[] = {
    &hal9_check_http_driver,       &hal9_check_tcp_driver,     &hal9_check_udp_driver,
    &hal9_check_owner_driver,      &hal9_check_process_driver, &hal9_check_disk_driver,
    &hal9_check_memory_driver,     &hal9_check_load_driver,    &hal9_check_pressure_driver,
    &hal9_check_open_files_driver, &hal9_check_command_driver, &hal9_check_file_driver,
    &hal9_check_prometheus_driver,
};

const struct hal9_check_driver *const *hal9_check_drivers(size_t *ret_n) {
    *ret_n = HAL9_ARRAY_LEN(drivers);
    return drivers;
}
