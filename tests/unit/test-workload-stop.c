/* process.stop on real processes: who is ended, who never is, what comes back by undo. */
#include "workload-world.h"

#define STOP "process.stop"

static struct hal9_stop_spec within(int64_t grace_ms, bool kill) {
    static char term[] = "TERM";
    return (struct hal9_stop_spec){.signal = term, .grace_ms = grace_ms, .kill = kill};
}

static void a_holder_ends_by_term(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--port=0");
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(how_ended(s.pid), 0);
    assert_false(listens(s.port));
    assert_told(w, "step: waiting for pid ");
    assert_told(w, "to end (TERM sent 0 s ago, KILL in 5 s)");
}

static void ignoring_term_means_kill_after_the_grace(void **state) {
    struct world *w = *state;
    struct hal9_stop_spec stop = within(200, true);
    struct server s = server_start("layer9-server", "--ignore-term");
    int64_t start = hal9_mono_ms();
    run_done(w, STOP, stop_holders(s.port, &stop));
    assert_true(hal9_mono_ms() - start >= 200);
    assert_int_equal(how_ended(s.pid), 128 + SIGKILL);
}

static void kill_forbidden_means_it_lives(void **state) {
    struct world *w = *state;
    struct hal9_stop_spec stop = within(100, false);
    struct server s = server_start("layer9-server", "--ignore-term");
    run_fails(w, STOP, stop_holders(s.port, &stop), HAL9_E_TIMEOUT, "still runs 0.1 s after TERM");
    assert_true(is_running(s.pid));
    assert_true(listens(s.port));
}

static void a_slow_but_willing_one_is_not_killed(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--term-delay", "300", "--term-holds");
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(how_ended(s.pid), 0);
}

static void workers_go_with_their_master(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--workers", "3");
    assert_int_equal(copies("layer9-server", NULL), 4);
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(copies("layer9-server", NULL), 0);
    assert_int_equal(how_ended(s.pid), 0); /* the master stopped its workers itself */
}

static void workers_that_outlive_their_master_go_too(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--workers", "2", "--orphan-workers");
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(copies("layer9-server", NULL), 0);
    assert_false(listens(s.port));
}

/* Kills a worker when the tool waits, so that the stubborn master forks another that nobody has listed. */
static void *kill_worker(void *data) {
    const struct server *s = data;
    struct hal9_proc p = {0};
    pid_t worker = 0;
    hal9_wait_fd(-1, hal9_mono_ms() + 150, -1, NULL);
    for (pid_t pid = s->pid + 1; pid < s->pid + 20 && !worker; pid++) {
        if (hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL) == HAL9_OK && p.ppid == s->pid)
            worker = pid;
        hal9_proc_clear(&p);
    }
    if (worker > 0)
        kill(worker, SIGKILL);
    return (void *)(uintptr_t)worker;
}

static void a_worker_forked_while_waiting_goes_too(void **state) {
    struct world *w = *state;
    struct hal9_stop_spec stop = within(600, true);
    struct server s = server_start("layer9-server", "--workers", "2", "--ignore-term");
    pthread_t killer;
    void *killed;
    assert_int_equal(pthread_create(&killer, NULL, kill_worker, &s), 0);
    run_done(w, STOP, stop_holders(s.port, &stop));
    pthread_join(killer, &killed);
    assert_non_null(killed);
    assert_int_equal(copies("layer9-server", NULL), 0);
    assert_false(listens(s.port));
}

static void a_stopped_process_hears_term(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--port=0");
    kill(s.pid, SIGSTOP);
    struct hal9_proc p = {0};
    do
        hal9_proc_clear(&p);
    while (hal9_proc_read(s.pid, HAL9_PROC_STAT, &p, NULL) == HAL9_OK && p.state != 'T');
    hal9_proc_clear(&p);
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(how_ended(s.pid), 0);
}

static cJSON *first_of(cJSON *args, const char *array) {
    return cJSON_GetArrayItem(cJSON_GetObjectItem(args, array), 0);
}

static void set_u64(cJSON *j, const char *name, uint64_t value) {
    cJSON_DeleteItemFromObject(j, name);
    hal9_json_add_u64(j, name, value);
}

/* A process whose pid was listed, but whose start time wasn't: the pid was used again. */
static void a_pid_used_again_is_never_signalled(void **state) {
    struct world *w = *state;
    struct server s = server_start("hold-port", "--port=0");
    cJSON *args = stop_holders(s.port, NULL);
    cJSON *one = first_of(args, "processes");
    set_u64(one, "start", hal9_json_u64(one, "start") - 1);
    set_u64(one, "ino", 1); /* and another program, else it would be kin */
    run_fails(w, STOP, args, HAL9_E_REFUSED, "is none of those to be stopped");
    assert_true(is_running(s.pid));

    args = stop_holders(s.port, NULL);
    cJSON_ReplaceItemInObject(args, "what", cJSON_CreateString("processes"));
    one = first_of(args, "processes");
    set_u64(one, "start", hal9_json_u64(one, "start") - 1);
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, STOP, args, &res);
    assert_true(res.nothing); /* the one that was meant runs no more */
    assert_true(is_running(s.pid));
}

static void another_program_in_the_process_is_left_alone(void **state) {
    struct world *w = *state;
    struct server s = server_start("hold-port", "--port=0");
    cJSON *args = stop_holders(s.port, NULL);
    set_u64(first_of(args, "processes"), "ino", 1);
    run_fails(w, STOP, args, HAL9_E_REFUSED, "hold-port (pid ");
    assert_true(is_running(s.pid));
}

/* Another socket on the port than the one that was listed. */
static void another_socket_is_left_alone(void **state) {
    struct world *w = *state;
    struct server s = server_start("hold-port", "--port=0");
    cJSON *args = stop_holders(s.port, NULL);
    cJSON *socket = first_of(args, "sockets");
    set_u64(socket, "cookie", hal9_json_u64(socket, "cookie") + 1);
    set_u64(socket, "inode", hal9_json_u64(socket, "inode") + 1);
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, STOP, args, &res);
    assert_true(res.nothing);
    assert_true(is_running(s.pid));
}

/* A program that was given the socket; it ends when the test's end of its pipe is closed. */
static pid_t run_with_socket(const char *path, const char *arg) {
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, arg, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void a_different_program_on_the_socket_stops_it_all(void **state) {
    struct world *w = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    pid_t listed = run_with_socket("/bin/sleep", "100");
    close(fd);
    _cleanup_(hal9_proc_clear) struct hal9_proc p = {0};
    do
        hal9_proc_clear(&p);
    while (hal9_proc_read(listed, HAL9_PROC_EXE, &p, NULL) == HAL9_OK &&
           !hal9_endswith(p.exe, "sleep"));
    cJSON *args = stop_holders(ntohs(a.sin_port), NULL);
    /* it hands the socket on to a program that nobody has listed */
    cJSON *one = first_of(args, "processes");
    set_u64(one, "pid", 1);
    cJSON_ReplaceItemInObject(one, "pid", cJSON_CreateNumber(1));
    set_u64(one, "ino", 1);
    run_fails(w, STOP, args, HAL9_E_REFUSED, "has the socket, too");
    assert_true(is_running(listed));
    kill(listed, SIGKILL);
    waitpid(listed, NULL, 0);
}

static void this_very_process_is_refused(void **state) {
    struct world *w = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    run_fails(w, STOP, stop_holders(ntohs(a.sin_port), NULL), HAL9_E_REFUSED,
              "it is this very process");
    close(fd);
}

static void interrupted_it_goes_on_by_resume(void **state) {
    struct world *w = *state;
    struct hal9_stop_spec stop = within(60000, true);
    struct server s = server_start("layer9-server", "--ignore-term");
    struct one_step o = {STOP, stop_holders(s.port, &stop)};
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    signal_soft(w);
    signal_hard(w);
    hal9_status st = hal9_op_run(&w->env, plan_one, &o, &res, &err);
    assert_int_equal(st, HAL9_E_INTERRUPTED);
    assert_true(is_running(s.pid));
    cJSON_Delete(o.args);
    world_signals(w);
    if (!*res.id)
        return; /* the signals came before the journal: nothing was begun */
    kill(s.pid, SIGKILL);
    char id[HAL9_ID_LEN + 1];
    memcpy(id, res.id, sizeof(id));
    hal9_op_result_clear(&res);
    assert_ok(hal9_op_resume(&w->env, id, &res, NULL));
    assert_int_equal(res.state, HAL9_OP_DONE);
}

/* ---- undo */

static void words_of(pid_t pid, const char *file, struct hal9_buf *ret) {
    _cleanup_free_ char *path = hal9_strf("/proc/%d/%s", (int)pid, file);
    assert_ok(hal9_file_read(path, 1 << 20, ret, NULL));
}

static void assert_same_words(pid_t a, const struct hal9_buf *before, const char *file) {
    _cleanup_buf_ struct hal9_buf now = {0};
    words_of(a, file, &now);
    assert_int_equal(now.len, before->len);
    assert_memory_equal(now.data, before->data, now.len);
}

static void undo_starts_it_again_as_it_was(void **state) {
    struct world *w = *state;
    _cleanup_free_ char *ready = hal9_strf("%s/ready", w->dir);
    const char *const args[] = {"--ready-file", ready, "--claim", "a b\xff", NULL};
    struct server s = server_start_with("layer9-server", "PLANTED_TOKEN=s3cret\xfe", w->dir, args);
    _cleanup_buf_ struct hal9_buf argv = {0};
    _cleanup_buf_ struct hal9_buf env = {0};
    words_of(s.pid, "cmdline", &argv);
    words_of(s.pid, "environ", &env);
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(how_ended(s.pid), 0);

    unlink(ready);
    undo_newest(w);
    pid_t again = 0;
    eventually(access(ready, F_OK) == 0);
    assert_int_equal(copies("layer9-server", &again), 1);
    assert_true(again != s.pid);
    assert_same_words(again, &argv, "cmdline");
    assert_same_words(again, &env, "environ");
    _cleanup_free_ char *link = hal9_strf("/proc/%d/cwd", (int)again);
    _cleanup_free_ char *cwd = realpath(link, NULL);
    _cleanup_free_ char *here = realpath(w->dir, NULL);
    assert_string_equal(cwd, here);

    undo_newest(w); /* and the undo is taken back */
    assert_int_equal(copies("layer9-server", NULL), 0);
}

static void a_server_with_orphans_comes_back_once(void **state) {
    struct world *w = *state;
    struct server s = server_start("layer9-server", "--workers", "2", "--orphan-workers");
    struct hal9_proc p = {0};
    kill(s.pid, SIGTERM);
    waitpid(s.pid, NULL, 0);
    assert_int_equal(copies("layer9-server", NULL), 2);
    run_done(w, STOP, stop_holders(s.port, NULL));
    assert_int_equal(copies("layer9-server", NULL), 0);
    undo_newest(w);
    eventually(copies("layer9-server", NULL) == 3);
    pid_t master = 0;
    copies("layer9-server", &master);
    assert_ok(hal9_proc_read(master, HAL9_PROC_STAT, &p, NULL));
    hal9_proc_clear(&p);
}

/* Whether a text is in any file below a directory. */
static char *wanted_text;
static bool found_text;
static int look_in(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    _cleanup_buf_ struct hal9_buf text = {0};
    (void)ftw;
    if (type != FTW_F || hal9_file_read(path, 64 << 20, &text, NULL) != HAL9_OK || text.len == 0)
        return 0;
    if (!memmem(text.data, text.len, wanted_text, strlen(wanted_text)))
        return 0;
    found_text = true;
    if (!strstr(path, "/blobs/") || (st->st_mode & 0777) != 0600)
        fail_msg("a secret is in %s, mode %o", path, st->st_mode & 0777);
    return 0;
}

static void the_environment_is_in_a_blob_alone(void **state) {
    struct world *w = *state;
    struct server s = server_start_with("layer9-server", "PLANTED_TOKEN=pl4nted", NULL, NULL);
    run_done(w, STOP, stop_holders(s.port, NULL));
    wanted_text = (char[]){"pl4nted"};
    found_text = false;
    nftw(w->dir, look_in, 16, FTW_PHYS);
    assert_true(found_text);
    assert_not_told(w, "pl4nted");
}

/* ---- services */

static struct hal9_service_ref service_ref(const char *name) {
    return (struct hal9_service_ref){.name = hal9_strdup(name), .identity.exe = program(name)};
}

static void a_service_is_all_its_processes(void **state) {
    struct world *w = *state;
    struct hal9_service_ref ref = service_ref("hal9-server");
    struct server a = server_start("hal9-server", "--workers", "2");
    struct server b = server_start("hal9-server", "--port=0");
    struct server other = server_start("layer9-server", "--port=0");
    run_done(w, STOP, hal9_args_stop_service(&ref, NULL));
    assert_int_equal(copies("hal9-server", NULL), 0);
    assert_true(is_running(other.pid));
    assert_int_equal(how_ended(a.pid), 0);
    assert_int_equal(how_ended(b.pid), 0);
    _cleanup_result_ struct hal9_op_result res = {0};
    run_step(w, STOP, hal9_args_stop_service(&ref, NULL), &res);
    assert_true(res.nothing);
    hal9_service_ref_clear(&ref);
}

/* ---- another user */

static int as_another(struct world *w, cJSON *args) {
    struct one_step o = {STOP, args};
    struct hal9_op_result res = {0};
    struct hal9_error err = {0};
    if (setgid(12345) < 0 || setuid(12345) < 0)
        return 10;
    if (hal9_op_run(&w->env, plan_one, &o, &res, &err) != HAL9_OK)
        return 11;
    bool told = res.error.hint && strstr(res.error.hint, "run as root or as user root");
    return res.error.code == HAL9_E_PERM && told ? 0 : 12;
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return chown(path, 12345, 12345);
}

static void anothers_process_wants_its_user(void **state) {
    struct world *w = *state;
    if (geteuid() != 0) {
        skip_needs("root");
        return;
    }
    struct hal9_service_ref ref = {.name = hal9_strdup("x")};
    struct server s = server_start("hal9-server", "--port=0");
    struct hal9_proc p = {0};
    assert_ok(hal9_proc_read(s.pid, HAL9_PROC_STAT, &p, NULL));
    ref.recorded = p.id; /* known by its record: its program is hidden from others */
    cJSON *args = hal9_args_stop_service(&ref, NULL);
    nftw(w->dir, open_up, 16, FTW_PHYS);
    pid_t child = fork();
    if (child == 0)
        _exit(as_another(w, args));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(is_running(s.pid));
    cJSON_Delete(args);
    hal9_proc_clear(&p);
    hal9_service_ref_clear(&ref);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, workload_setup, workload_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_holder_ends_by_term),
        TEST(ignoring_term_means_kill_after_the_grace),
        TEST(kill_forbidden_means_it_lives),
        TEST(a_slow_but_willing_one_is_not_killed),
        TEST(workers_go_with_their_master),
        TEST(workers_that_outlive_their_master_go_too),
        TEST(a_worker_forked_while_waiting_goes_too),
        TEST(a_stopped_process_hears_term),
        TEST(a_pid_used_again_is_never_signalled),
        TEST(another_program_in_the_process_is_left_alone),
        TEST(another_socket_is_left_alone),
        TEST(a_different_program_on_the_socket_stops_it_all),
        TEST(this_very_process_is_refused),
        TEST(interrupted_it_goes_on_by_resume),
        TEST(undo_starts_it_again_as_it_was),
        TEST(a_server_with_orphans_comes_back_once),
        TEST(the_environment_is_in_a_blob_alone),
        TEST(a_service_is_all_its_processes),
        TEST(anothers_process_wants_its_user),
    };
    return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
