/* The kinds of checks. */
#ifndef HAL9_CHECK_DRIVERS_H
#define HAL9_CHECK_DRIVERS_H

#include "hal9ops/check.h"

extern const struct hal9_check_driver hal9_check_command_driver, hal9_check_disk_driver,
    hal9_check_file_driver, hal9_check_http_driver, hal9_check_load_driver,
    hal9_check_memory_driver, hal9_check_open_files_driver, hal9_check_owner_driver,
    hal9_check_pressure_driver, hal9_check_process_driver, hal9_check_prometheus_driver,
    hal9_check_tcp_driver, hal9_check_udp_driver;

/* The keys that every check takes, for documents: its struct is check.c's own. */
extern const struct hal9_schema hal9_check_common_schema;
/* JSON Schema of a check: one form a kind. Fresh. */
cJSON *hal9_check_json(void);

#endif
