/* Facts about this host: who it is. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char host_name[256];
static char machine_id[64];
static char boot_id[40];

/* First line of a file. */
static void first_line(const char *path, char *ret, size_t size) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(AT_FDCWD, path, size - 1, &text) < 0 || !text.data)
        return;
    size_t len = strcspn(text.data, "\n");
    memcpy(ret, text.data, len);
    ret[len] = '\0';
}

static void copy(char *ret, size_t size, const char *from) {
    size_t len = strnlen(from, size - 1);
    memcpy(ret, from, len);
    ret[len] = '\0';
}

static void look(void) {
    const char *name = getenv("HAL9OPS_HOST");
    const char *machine = getenv("HAL9OPS_MACHINE");
    if (name && *name)
        copy(host_name, sizeof(host_name), name);
    else if (gethostname(host_name, sizeof(host_name) - 1) < 0)
        copy(host_name, sizeof(host_name), "localhost");
    if (machine && *machine)
        copy(machine_id, sizeof(machine_id), machine);
    else
        first_line("/etc/machine-id", machine_id, sizeof(machine_id));
    if (strcmp(machine_id, "uninitialized") == 0) /* first boot, machine-id(5) */
        machine_id[0] = '\0';
    if (!machine_id[0])
        first_line("/var/lib/dbus/machine-id", machine_id, sizeof(machine_id));
    first_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
}

const char *hal9_host_name(void) {
    pthread_once(&once, look);
    return host_name;
}

const char *hal9_host_machine_id(void) {
    pthread_once(&once, look);
    return machine_id;
}

const char *hal9_host_boot_id(void) {
    pthread_once(&once, look);
    return boot_id;
}
