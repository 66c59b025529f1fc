/* Faults on demand, for tests: see fault.h. Nothing of this is in a build without HAL9_TEST_HOOKS. */
#include "sys/fault.h"

#ifdef HAL9_TEST_HOOKS
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

enum { FAULT_KILL = -1, FAULT_TORN = -2 };

static struct {
    char *point;      /* only points of this name count; NULL: all */
    char *count_path; /* where the count goes at exit, or NULL */
    int names_fd;     /* where the name of each point goes; 0: nowhere */
    unsigned nth;     /* 0: none fails */
    bool onward;      /* all from the nth on */
    int what;         /* an errno, or FAULT_* */
    pid_t pid;        /* whose count is written at exit: not a forked child's */
} plan;
static atomic_uint passed;
static pthread_once_t environment_read = PTHREAD_ONCE_INIT;

static const struct {
    const char *name;
    int value;
} outcomes[] = {
    {"KILL", FAULT_KILL}, {"TORN", FAULT_TORN}, {"EACCES", EACCES}, {"EAGAIN", EAGAIN},
    {"EBUSY", EBUSY},     {"EDQUOT", EDQUOT},   {"EEXIST", EEXIST}, {"EFBIG", EFBIG},
    {"EINTR", EINTR},     {"EINVAL", EINVAL},   {"EIO", EIO},       {"EMFILE", EMFILE},
    {"ENFILE", ENFILE},   {"ENOENT", ENOENT},   {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC},
    {"EPERM", EPERM},     {"EROFS", EROFS},     {"ESRCH", ESRCH},   {"EOPNOTSUPP", EOPNOTSUPP},
};

static bool outcome_of(const char *name) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(outcomes); i++)
        if (strcmp(outcomes[i].name, name) == 0) {
            plan.what = outcomes[i].value;
            return true;
        }
    return false;
}

/* "[POINT:]N[+]:OUTCOME" */
static bool parse(const char *spec) {
    const char *last = strrchr(spec, ':');
    if (!last || !outcome_of(last + 1))
        return false;
    const char *number = spec;
    const char *colon = strchr(spec, ':');
    if (colon != last) {
        plan.point = hal9_strndup(spec, (size_t)(colon - spec));
        number = colon + 1;
    }
    char *end;
    unsigned long n = strtoul(number, &end, 10);
    plan.onward = *end == '+';
    plan.nth = (unsigned)n;
    return n > 0 && n < 1000000000 && end + (plan.onward ? 1 : 0) == last;
}

static void write_count(void) {
    if (!plan.count_path || plan.pid != getpid())
        return;
    FILE *f = fopen(plan.count_path, "we");
    if (!f)
        return;
    fprintf(f, "%u\n", hal9_fault_count());
    fclose(f);
}

void hal9_fault_setup(const char *spec) {
    free(plan.point);
    free(plan.count_path);
    if (plan.names_fd > 0)
        close(plan.names_fd);
    memset(&plan, 0, sizeof(plan));
    atomic_store(&passed, 0);
    if (!spec || !*spec)
        return;
    if (hal9_startswith(spec, "count:")) {
        plan.count_path = hal9_strdup(spec + strlen("count:"));
        plan.pid = getpid();
        atexit(write_count);
    } else if (hal9_startswith(spec, "points:")) {
        plan.names_fd =
            open(spec + strlen("points:"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    } else if (!parse(spec)) {
        hal9_log(0,
                 "HAL9OPS_FAULT is '%s'; it must be [POINT:]N[+]:ERRNO, [POINT:]N:KILL, count:FILE "
                 "or points:FILE",
                 spec);
        abort(); /* a test that asked for a fault must not pass without it */
    }
}

static void read_environment(void) {
    hal9_fault_setup(getenv("HAL9OPS_FAULT"));
}

unsigned hal9_fault_count(void) {
    return atomic_load(&passed);
}

static bool due(const char *point) {
    pthread_once(&environment_read, read_environment);
    if (plan.names_fd > 0)
        dprintf(plan.names_fd, "%s\n", point);
    if (plan.point && strcmp(plan.point, point) != 0)
        return false;
    unsigned n = atomic_fetch_add(&passed, 1) + 1;
    return plan.nth > 0 && (n == plan.nth || (plan.onward && n > plan.nth));
}

bool hal9_fault_write(int fd, const void *data, size_t len) {
    if (!due("write"))
        return false;
    if (plan.what == FAULT_TORN) {
        ssize_t written = write(fd, data, len / 2);
        (void)written; /* the process dies either way */
    }
    if (plan.what < 0)
        raise(SIGKILL);
    errno = plan.what;
    return true;
}

bool hal9_fault(const char *point) {
    if (!due(point))
        return false;
    if (plan.what < 0)
        raise(SIGKILL);
    errno = plan.what;
    return true;
}

#endif
