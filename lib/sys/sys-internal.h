/* What the files of sys/ share and nobody else needs. */
#ifndef HAL9_SYS_INTERNAL_H
#define HAL9_SYS_INTERNAL_H

#include <errno.h>
#include <sys/types.h>

#include "hal9ops/sys.h"
#include "sys/fault.h" /* HAL9_RETRY */

/* The last component. Points into path. */
const char *hal9_path_base(const char *path);

/* The script that an interpreter's process runs, as its arguments have it, or NULL (not an interpreter, -c, a prompt).
 * *ret_module: it is a name (python -m), not a path. Points into p. */
const char *hal9_proc_script(const struct hal9_proc *p, bool *ret_module);
/* That script as an absolute path (by cwd where it is relative); fresh, or NULL. */
char *hal9_proc_script_path(const struct hal9_proc *p);

/* Whether two addresses are the same one, v4-mapped or not. */
bool hal9_addr_same(const struct hal9_addr *a, const struct hal9_addr *b);

/* Absolute milliseconds (monotonic, < 0: never) as a timeout for poll(). */
int hal9_poll_timeout(int64_t deadline_ms);

/* ---- what each platform gives ------------------------------------------------------------------ */

/* id of a process that may have ended but isn't reaped. HAL9_E_NOT_FOUND. */
hal9_status hal9_platform_proc_id(pid_t pid, struct hal9_proc_id *ret, struct hal9_error *err);
/* A descriptor as of hal9_proc_open() for a child that isn't reaped yet; -1 and errno. */
int hal9_platform_child_fd(pid_t pid);
/* Closes all descriptors from 3 on but two (-1: none). Called between fork and exec: only async-signal-safe calls. */
void hal9_platform_close_all_but(int keep_a, int keep_b);

#endif
