/* A world for tests of the step kinds of workload/: the executor's, with fixture servers as real processes. */
#ifndef HAL9_TESTS_WORKLOAD_WORLD_H
#define HAL9_TESTS_WORKLOAD_WORLD_H

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "op-world.h"

#include "hal9ops/workload.h"

static const struct hal9_step_kind *const workload_kinds[] = {
    &hal9_kind_process_stop,   &hal9_kind_process_start, &hal9_kind_unit_stop,
    &hal9_kind_unit_start,     &hal9_kind_port_prove,    &hal9_kind_port_settle,
    &hal9_kind_exec_preflight,
};
static const struct hal9_kinds workload_table = {workload_kinds, HAL9_ARRAY_LEN(workload_kinds)};

/* Tests run side by side, and identities are paths of programs: each test program has copies of its own. */
static char programs[64];
static const char *const program_names[] = {"hal9-server", "layer9-server", "hold-port"};

static inline char *program(const char *name) {
    return hal9_path_join(programs, name);
}

static inline int programs_setup(void **state) {
    const char *from = getenv("HAL9_FIXTURES");
    (void)state;
    snprintf(programs, sizeof(programs), "/tmp/hal9-programs.XXXXXX");
    if (!from || !mkdtemp(programs) || chmod(programs, 0755) < 0)
        return -1;
    setenv("HAL9_FIXTURE_LIFETIME", "100", 0); /* a test that dies leaves nothing for long */
    for (size_t i = 0; i < HAL9_ARRAY_LEN(program_names); i++) {
        _cleanup_free_ char *source = hal9_path_join(from, program_names[i]);
        _cleanup_free_ char *copy = program(program_names[i]);
        _cleanup_buf_ struct hal9_buf bytes = {0};
        if (hal9_file_read(source, 16 << 20, &bytes, NULL) != HAL9_OK ||
            hal9_file_write(copy, bytes.data, bytes.len, 0755, NULL) != HAL9_OK)
            return -1;
    }
    return 0;
}

static inline int kill_ours(const struct hal9_proc *p, void *data) {
    size_t *n = data;
    if (!hal9_startswith(p->exe, programs))
        return 0;
    kill(p->id.pid, SIGKILL);
    ++*n;
    return 0;
}

/* Ends what runs of our programs, until none does. */
static inline void end_programs(void) {
    size_t n = 1;
    while (n > 0) {
        n = 0;
        hal9_proc_each(HAL9_PROC_EXE, kill_ours, &n, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (n > 0)
            hal9_wait_fd(-1, hal9_mono_ms() + 5, -1, NULL);
    }
}

static inline int programs_teardown(void **state) {
    (void)state;
    world_remove(programs);
    return 0;
}

/* As the executor's world, with these kinds; what a test leaves running of its own programs is ended. */
static inline int workload_setup(void **state) {
    int failed = world_setup(state);
    struct world *w = *state;
    if (!failed)
        w->env.kinds = &workload_table;
    return failed;
}

static inline int workload_teardown(void **state) {
    end_programs();
    return world_teardown(state);
}

/* A server of ours: the process that listens, and the port. */
struct server {
    pid_t pid; /* our child: the server, or its watcher */
    pid_t listener;
    int port;
};

/* Starts a fixture with its arguments and waits until it is ready. env: one variable more, or NULL. */
static inline struct server server_start_with(const char *name, const char *env, const char *cwd,
                                              const char *const *args) {
    _cleanup_free_ char *path = program(name);
    struct server s = {0};
    const char *argv[24] = {path, "--ready-fd", NULL, "--port", "0"};
    char ready[16];
    char text[64] = {0};
    int fds[2];
    int n = 5;
    assert_int_equal(pipe(fds), 0);
    snprintf(ready, sizeof(ready), "%d", fds[1]);
    argv[2] = ready;
    while (args && *args && n < 23)
        argv[n++] = *args++;
    s.pid = fork();
    if (s.pid == 0) {
        close(fds[0]);
        if (env)
            putenv((char *)(uintptr_t)env);
        if ((!cwd || chdir(cwd) == 0) && freopen("/dev/null", "w", stderr) &&
            freopen("/dev/null", "w", stdout))
            execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fds[1]);
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    int pid = 0;
    assert_int_equal(sscanf(text, "%d %d", &s.port, &pid), 2);
    s.listener = (pid_t)pid;
    return s;
}
#define server_start(name, ...) \
    server_start_with((name), NULL, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* Whether our child has ended, and how: 0, exit code, 128 + signal; -1: it runs. */
static inline int how_ended(pid_t pid) {
    int status;
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got != pid)
        return got == 0 ? -1 : 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline bool is_running(pid_t pid) {
    struct hal9_proc p = {0};
    bool runs = hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL) == HAL9_OK;
    hal9_proc_clear(&p);
    return runs;
}

/* Number of processes that run one of our programs, and the first of them. */
struct count {
    const char *exe;
    size_t n;
    pid_t first;
};
static inline int count_one(const struct hal9_proc *p, void *data) {
    struct count *c = data;
    if (hal9_streq(p->exe, c->exe) && c->n++ == 0)
        c->first = p->id.pid;
    return 0;
}
static inline size_t copies(const char *name, pid_t *ret_first) {
    _cleanup_free_ char *exe = program(name);
    struct count c = {.exe = exe};
    assert_ok(hal9_proc_each(HAL9_PROC_EXE, count_one, &c, NULL));
    if (ret_first)
        *ret_first = c.first;
    return c.n;
}

static inline bool listens(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return yes;
}

/* Waits for what another process does; 10 s at most. */
#define eventually(condition)                                \
    do {                                                     \
        int64_t until_ = hal9_mono_ms() + 10000;             \
        while (!(condition) && hal9_mono_ms() < until_)      \
            hal9_wait_fd(-1, hal9_mono_ms() + 10, -1, NULL); \
        assert_true(condition);                              \
    } while (0)

/* ---- plans of one step */

struct one_step {
    const char *kind;
    cJSON *args; /* copied at each planning */
};

static inline hal9_status plan_one(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct one_step *o = data;
    (void)err;
    ret->title = hal9_strdup(o->kind);
    hal9_plan_step(ret, "step", o->kind, cJSON_Duplicate(o->args, true), "%s", o->kind);
    return HAL9_OK;
}

/* Runs one step; args are taken. What it came to is in *res. */
static inline void run_step(struct world *w, const char *kind, cJSON *args,
                            struct hal9_op_result *res) {
    struct one_step o = {kind, args};
    struct hal9_error err = {0};
    hal9_status st = hal9_op_run(&w->env, plan_one, &o, res, &err);
    cJSON_Delete(args);
    if (st != HAL9_OK)
        fail_msg("%s", err.message);
}

static inline void run_done(struct world *w, const char *kind, cJSON *args) {
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, kind, args, &res);
    if (res.state != HAL9_OP_DONE || res.nothing)
        fail_msg("not done: %s", res.error.message ? res.error.message : "nothing");
}

/* Runs a step that has to fail so, with these words. */
static inline void run_fails(struct world *w, const char *kind, cJSON *args, hal9_status code,
                             const char *words) {
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, kind, args, &res);
    assert_int_equal(res.state, HAL9_OP_FAILED);
    if (res.error.code != code || !strstr(res.error.message, words))
        fail_msg("not '%s' (%s): '%s' (%s)", words, hal9_status_name(code), res.error.message,
                 hal9_status_name(res.error.code));
}

static inline void undo_newest(struct world *w) {
    _cleanup_result_ struct hal9_op_result res = {0};
    struct hal9_error err = {0};
    char id[HAL9_ID_LEN + 1];
    newest(w, id);
    if (hal9_op_undo(&w->env, id, &res, &err) != HAL9_OK || res.state != HAL9_OP_DONE)
        fail_msg("undo: %s", err.message ? err.message : res.error.message);
}

/* ---- args */

/* To stop whoever listens on the port; stop NULL: TERM, 5 s, KILL. */
static inline cJSON *stop_holders(int port, const struct hal9_stop_spec *stop) {
    const struct hal9_stop_spec usual = {
        .signal = (char[]){"TERM"}, .grace_ms = 5000, .kill = true};
    struct hal9_ports ports = {0};
    struct hal9_listeners l = {0};
    struct hal9_holders h = {0};
    hal9_ports_add(&ports, (uint16_t)port, (uint16_t)port);
    assert_ok(hal9_sock_listeners(&ports, HAL9_TCP, &l, NULL));
    assert_ok(hal9_sock_holders(&l, HAL9_HOLDERS_ALL, NULL, &h, NULL));
    assert_true(h.n > 0);
    for (size_t i = 0; i < h.n; i++) /* nobody else's process is ever stopped by a test */
        if (h.v[i].proc.ppid != getpid() && h.v[i].proc.id.pid != getpid() &&
            !hal9_startswith(h.v[i].proc.exe, programs))
            fail_msg("port %d is shared with %s", port, h.v[i].proc.exe);
    cJSON *args = hal9_args_stop_holders(&l, &h, stop ? stop : &usual);
    hal9_ports_clear(&ports);
    hal9_listeners_clear(&l);
    hal9_holders_clear(&h);
    return args;
}

#endif
