/* Facts about this host's resources. */
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/linux/linux-internal.h"

enum { FACTS_MAX = 65536 };

/* A small file of the kernel's, whole. */
static hal9_status read_facts(const char *path, struct hal9_buf *ret, struct hal9_error *err) {
    if (hal9_procfs_read(AT_FDCWD, path, FACTS_MAX, ret) < 0)
        return hal9_error_errno(err, errno, "cannot read %s", path);
    hal9_buf_puts(ret, ""); /* a string even when it is empty */
    return HAL9_OK;
}

/* "Name:   123 kB" in bytes. */
static bool kib_of(const char *text, const char *name, uint64_t *ret) {
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = line + len + 1;
        if (strncmp(line, name, len) == 0 && line[len] == ':' && hal9_scan_number(&at, 10, ret)) {
            *ret *= 1024;
            return true;
        }
    }
    return false;
}

hal9_status hal9_host_memory(struct hal9_memory *ret, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_status status = read_facts("/proc/meminfo", &text, err);
    if (status != HAL9_OK)
        return status;
    struct hal9_memory m = {0};
    if (!kib_of(text.data, "MemTotal", &m.total) ||
        !kib_of(text.data, "MemAvailable", &m.available))
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "/proc/meminfo doesn't tell MemAvailable; it needs Linux 3.14");
    kib_of(text.data, "SwapTotal", &m.swap_total);
    kib_of(text.data, "SwapFree", &m.swap_free);
    *ret = m;
    return HAL9_OK;
}

hal9_status hal9_host_load(double ret[3], unsigned *ret_cpus, struct hal9_error *err) {
    double load[3];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(load, 3) != 3 || cpus < 1)
        return hal9_error_set(err, HAL9_E_UNKNOWN,
                              "the load of this host can't be told: /proc/loadavg is not readable");
    memcpy(ret, load, sizeof(load));
    *ret_cpus = (unsigned)cpus;
    return HAL9_OK;
}

/* The first "key12.34", whatever the locale's decimal point is. */
static bool percent_of(const char *text, const char *key, double *ret) {
    const char *at = strstr(text, key);
    uint64_t whole;
    uint64_t hundredths;
    if (!at)
        return false;
    at += strlen(key);
    if (!hal9_scan_number(&at, 10, &whole) || *at++ != '.' ||
        !hal9_scan_number(&at, 10, &hundredths))
        return false;
    *ret = (double)whole + (double)hundredths / 100;
    return true;
}

hal9_status hal9_host_pressure(const char *what, double ret_some[3], struct hal9_error *err) {
    if (strcmp(what, "cpu") != 0 && strcmp(what, "memory") != 0 && strcmp(what, "io") != 0)
        return hal9_error_set(err, HAL9_E_USAGE,
                              "'%s' has no pressure: it must be cpu, memory or io", what);
    char path[32];
    snprintf(path, sizeof(path), "/proc/pressure/%s", what);
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_procfs_read(AT_FDCWD, path, FACTS_MAX, &text) < 0) {
        if (errno != ENOENT && errno != EOPNOTSUPP)
            return hal9_error_errno(err, errno, "cannot read %s", path);
        hal9_error_set(err, HAL9_E_UNSUPPORTED, "this kernel keeps no pressure figures");
        hal9_error_hint(err, "boot it with psi=1");
        return HAL9_E_UNSUPPORTED;
    }
    static const char *const keys[] = {"avg10=", "avg60=", "avg300="};
    double some[3];
    for (size_t i = 0; i < HAL9_ARRAY_LEN(keys); i++)
        if (!text.data || !percent_of(text.data, keys[i], &some[i]))
            return hal9_error_set(err, HAL9_E_UNKNOWN, "%s has an unknown form", path);
    memcpy(ret_some, some, sizeof(some));
    return HAL9_OK;
}

hal9_status hal9_host_open_files(uint64_t *ret_open, uint64_t *ret_max, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_status status = read_facts("/proc/sys/fs/file-nr", &text, err);
    if (status != HAL9_OK)
        return status;
    const char *at = text.data;
    uint64_t allocated;
    uint64_t unused;
    uint64_t max;
    if (!hal9_scan_number(&at, 10, &allocated) || !hal9_scan_number(&at, 10, &unused) ||
        !hal9_scan_number(&at, 10, &max))
        return hal9_error_set(err, HAL9_E_UNKNOWN, "/proc/sys/fs/file-nr has an unknown form");
    *ret_open = allocated - unused;
    *ret_max = max;
    return HAL9_OK;
}

/* Whether the path is the root of a mount: by the kernel's word (Linux 5.8), else by another device than its parent's. */
static bool is_mounted(const char *path) {
    struct statx st;
    if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) == 0 &&
        (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
        return st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    struct stat here, above;
    _cleanup_free_ char *parent = hal9_path_join(path, "..");
    return stat(path, &here) == 0 && stat(parent, &above) == 0 &&
           (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

/* Whether fstab(5) mounts something there at boot. */
static bool in_fstab(const char *path) {
    FILE *f = setmntent("/etc/fstab", "re");
    const struct mntent *m;
    bool found = false;
    while (f && !found && (m = getmntent(f)))
        found = hal9_streq(m->mnt_dir, path) && !hasmntopt(m, "noauto");
    if (f)
        endmntent(f);
    return found;
}

hal9_status hal9_host_disk(const char *path, struct hal9_disk *ret, struct hal9_error *err) {
    struct statvfs st;
    if (HAL9_RETRY(statvfs(path, &st)) < 0)
        return hal9_error_errno(err, errno, "cannot look at the file system of %s", path);
    *ret = (struct hal9_disk){.total = (uint64_t)st.f_blocks * st.f_frsize,
                              .available = (uint64_t)st.f_bavail * st.f_frsize,
                              .inodes = st.f_files,
                              .inodes_free = st.f_favail,
                              .read_only = st.f_flag & ST_RDONLY,
                              .mounted = is_mounted(path),
                              .wanted = in_fstab(path)};
    return HAL9_OK;
}
