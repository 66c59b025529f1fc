/* Locks between processes: busy, waiting, cancelled, let go by a kill; notes; where the files are. */
#include <signal.h>
#include <sys/un.h>

#include "store-temp.h"

#include "sys/fault.h"

#define ID "01jd8z4k2m7f3a"

struct dirs {
    char dir[64];
    struct hal9_lock_opts opts;
    char *waited; /* resources that were told, and for whom */
    unsigned told;
};

static void waiting(void *data, const char *resource, const struct hal9_lock_note *note) {
    struct dirs *d = data;
    char *text = hal9_strf("%s%s for %s\n", d->waited ? d->waited : "", resource,
                           note ? note->operation : "nobody known");
    free(d->waited);
    d->waited = text;
    d->told++;
}

static int setup(void **state) {
    struct dirs *d = hal9_alloc(sizeof(*d));
    snprintf(d->dir, sizeof(d->dir), "/tmp/hal9-locks.XXXXXX");
    d->opts =
        (struct hal9_lock_opts){.dir = d->dir, .cancel_fd = -1, .waiting = waiting, .data = d};
    *state = d;
    return mkdtemp(d->dir) ? chmod(d->dir, 01777) : -1;
}

static int teardown(void **state) {
    struct dirs *d = *state;
    temp_remove(d->dir);
    free(d->waited);
    free(d);
    return 0;
}

static hal9_status take(struct dirs *d, const char *names, struct hal9_locks **ret,
                        struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv v = {0};
    _cleanup_free_ char *copy = hal9_strdup(names);
    char *save;
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
        hal9_strv_add(&v, name);
    return hal9_locks_take(&v, &d->opts, ret, err);
}

/* A process that has the locks, with a note, until the descriptor is closed or it is killed. */
static pid_t holder(struct dirs *d, const char *names, bool note, int *ret_stop) {
    int ready[2];
    int stop[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(stop[1]);
        struct hal9_locks *l;
        if (take(d, names, &l, NULL) != HAL9_OK)
            _exit(1);
        struct hal9_lock_note n = {.operation = (char[]){ID},
                                   .state_dir = (char[]){"/nonexistent/state"},
                                   .tool = (char[]){"hal9-restart"},
                                   .user = (char[]){"alice"},
                                   .pid = getpid(),
                                   .time_ms = 1764000060000};
        if (note && hal9_locks_note(l, &n, NULL) != HAL9_OK)
            _exit(2);
        char byte = '.';
        if (write(ready[1], &byte, 1) != 1 || read(stop[0], &byte, 1) < 0)
            _exit(3);
        hal9_locks_release(l);
        _exit(0);
    }
    close(stop[0]);
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_stop = stop[1];
    return pid;
}

static void busy_says_for_whom(void **state) {
    struct dirs *d = *state;
    setenv("TZ", "UTC", 1);
    int stop;
    pid_t pid = holder(d, "port:4026531840/8080 service:web", true, &stop);
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(take(d, "a port:4026531840/8080 z", &l, &err), HAL9_E_BUSY);
    _cleanup_free_ char *want = hal9_strf("port 8080 is held by operation " ID
                                          " (hal9-restart, user alice, pid %d, since 16:01)",
                                          (int)pid);
    assert_string_equal(err.message, want);
    assert_non_null(strstr(err.hint, "--lock-timeout"));
    assert_null(l);
    assert_int_equal(d->told, 0);        /* it did not wait */
    assert_ok(take(d, "a z", &l, NULL)); /* of the failed one nothing is left locked */
    hal9_locks_release(l);
    close(stop);
    assert_int_equal(ended(pid), 0);
    assert_ok(take(d, "port:4026531840/8080 service:web", &l, NULL));
    hal9_locks_release(l);
}

static void a_holder_without_note(void **state) {
    struct dirs *d = *state;
    int stop;
    pid_t pid = holder(d, "unit:web.service", false, &stop);
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(take(d, "unit:web.service", &l, &err), HAL9_E_BUSY);
    assert_string_equal(err.message, "unit web.service is held by another process");
    close(stop);
    ended(pid);
}

/* The note of somebody who is gone is not taken for that of the one who has it now. */
static void an_old_note_is_nobodys(void **state) {
    struct dirs *d = *state;
    int stop;
    pid_t pid = holder(d, "service:web", true, &stop);
    kill(pid, SIGKILL);
    assert_int_equal(ended(pid), 128 + SIGKILL);
    close(stop);
    pid = holder(d, "service:web", false, &stop);
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(take(d, "service:web", &l, &err), HAL9_E_BUSY);
    assert_string_equal(err.message, "service web is held by another process");
    close(stop);
    ended(pid);
}

/* A killed holder wedges nothing, and what it was doing is found. */
static void a_killed_holder_leaves_its_note(void **state) {
    struct dirs *d = *state;
    int stop;
    pid_t pid = holder(d, "b a", true, &stop);
    kill(pid, SIGKILL);
    assert_int_equal(ended(pid), 128 + SIGKILL);
    close(stop);
    struct hal9_locks *l;
    assert_ok(take(d, "c b b a", &l, NULL));
    assert_int_equal(hal9_locks_count(l), 3);
    assert_false(hal9_locks_private(l));
    const char *resource;
    const struct hal9_lock_note *note = hal9_locks_found(l, 0, &resource);
    assert_string_equal(resource, "a");
    assert_string_equal(note->operation, ID);
    assert_string_equal(note->state_dir, "/nonexistent/state");
    assert_string_equal(note->tool, "hal9-restart");
    assert_string_equal(note->user, "alice");
    assert_int_equal(note->pid, pid);
    assert_int_equal(note->time_ms, 1764000060000);
    assert_false(note->ended);
    assert_null(hal9_locks_found(l, 2, &resource));
    assert_string_equal(resource, "c");
    struct hal9_lock_note done = *note;
    done.ended = true;
    done.tool = NULL; /* shorter than what was there */
    assert_ok(hal9_locks_note(l, &done, NULL));
    hal9_locks_release(l);
    assert_ok(take(d, "c", &l, NULL));
    assert_true(hal9_locks_found(l, 0, NULL)->ended);
    assert_string_equal(hal9_locks_found(l, 0, NULL)->tool, "?");
    hal9_locks_release(l);
}

/* Lets go of the holder when the test is told to wait: no time is guessed. */
struct letting_go {
    int stop;
    struct dirs *d;
};
static void let_go(void *data, const char *resource, const struct hal9_lock_note *note) {
    struct letting_go *g = data;
    waiting(g->d, resource, note);
    close(g->stop);
}

static void waiting_is_told_once_and_ends(void **state) {
    struct dirs *d = *state;
    struct letting_go g = {.d = d};
    pid_t pid = holder(d, "a b", true, &g.stop);
    d->opts.timeout_ms = -1;
    d->opts.waiting = let_go;
    d->opts.data = &g;
    struct hal9_locks *l;
    assert_ok(take(d, "b a", &l, NULL));
    assert_string_equal(d->waited, "a for " ID "\n");
    hal9_locks_release(l);
    assert_int_equal(ended(pid), 0);
}

static void waiting_has_an_end(void **state) {
    struct dirs *d = *state;
    int stop;
    pid_t pid = holder(d, "a", true, &stop);
    d->opts.timeout_ms = 120;
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    int64_t start = hal9_mono_ms();
    assert_int_equal(take(d, "a", &l, &err), HAL9_E_BUSY);
    assert_true(hal9_mono_ms() - start >= 120);
    assert_int_equal(d->told, 1);
    assert_says(err, ID);
    close(stop);
    ended(pid);
}

/* The second interrupt, or a first one: whoever waits stops waiting at once. */
static void cancel(void *data, const char *resource, const struct hal9_lock_note *note) {
    (void)resource, (void)note;
    const int *fds = data;
    assert_int_equal(write(fds[1], ".", 1), 1);
}

static void waiting_can_be_cancelled(void **state) {
    struct dirs *d = *state;
    int stop;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = holder(d, "b", true, &stop);
    d->opts.timeout_ms = -1;
    d->opts.cancel_fd = fds[0];
    d->opts.waiting = cancel;
    d->opts.data = fds;
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(take(d, "a b", &l, &err), HAL9_E_INTERRUPTED);
    assert_null(l);
    close(fds[0]);
    close(fds[1]);
    close(stop);
    ended(pid);
}

/* Four processes that want the same things, told in different orders: none waits for ever, and no
 * two are in at once. */
static void takers_never_deadlock(void **state) {
    struct dirs *d = *state;
    static const char *const orders[] = {"a b c", "c b a", "b c a", "a c b"};
    pid_t pids[4];
    d->opts.timeout_ms = -1;
    _cleanup_free_ char *inside = hal9_strf("%s/.inside", d->dir);
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            for (int n = 0; n < 10; n++) {
                struct hal9_locks *l;
                if (take(d, orders[i], &l, NULL) != HAL9_OK || mkdir(inside, 0700) < 0 ||
                    rmdir(inside) < 0)
                    _exit(1);
                hal9_locks_release(l);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(ended(pids[i]), 0);
}

static char *file_of(const struct dirs *d, const char *name) {
    return hal9_strf("%s/%s", d->dir, name);
}

static void files_are_for_everybody_and_stay(void **state) {
    struct dirs *d = *state;
    mode_t old = umask(0777);
    struct hal9_locks *l;
    assert_ok(take(d, "port:1/80 .. a%b", &l, NULL));
    umask(old);
    static const char *const names[] = {"port%3A1%2F80", "%2E.", "a%25b"};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
            struct stat st;
            _cleanup_free_ char *path = file_of(d, names[i]);
            assert_int_equal(lstat(path, &st), 0);
            assert_int_equal(st.st_mode, S_IFREG | 0666);
        }
        if (round == 0)
            hal9_locks_release(l);
    }
}

static void put(const struct dirs *d, const char *name, const char *text, size_t len) {
    _cleanup_free_ char *path = file_of(d, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, text, len), len);
}

#define GOOD "{\"operation\":\"" ID "\",\"state_dir\":\"/s\",\"tool\":\"t\",\"pid\":7,\"time\":1}\n"

static void garbage_in_notes_is_no_note(void **state) {
    struct dirs *d = *state;
    static const char *const garbage[] = {
        "",
        "\n",
        "garbage\n",
        "{}\n",
        "[]\n",
        "\"" ID "\"\n",
        "{\"operation\":\"" ID "\"",
        "{\"operation\":\"../../x\",\"state_dir\":\"/s\",\"pid\":7,\"time\":1}\n",
        "{\"operation\":\"" ID "\",\"state_dir\":\"relative\",\"pid\":7,\"time\":1}\n",
        "{\"operation\":\"" ID "\",\"state_dir\":\"/s\",\"pid\":-1,\"time\":1}\n",
        "{\"operation\":\"" ID "\",\"state_dir\":\"/s\",\"pid\":99999999999,\"time\":1}\n",
        "{\"operation\":7,\"state_dir\":\"/s\",\"pid\":7,\"time\":1}\n",
        "{\"operation\":\"" ID "\",\"state_dir\":\"/s\",\"pid\":7,\"time\":-5}\n"};
    struct hal9_locks *l;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(garbage); i++) {
        put(d, "a", garbage[i], strlen(garbage[i]));
        assert_ok(take(d, "a", &l, NULL));
        assert_null(hal9_locks_found(l, 0, NULL));
        hal9_locks_release(l);
    }
    _cleanup_free_ char *large = hal9_alloc(1 << 20);
    memset(large, ' ', 1 << 20);
    memcpy(large, GOOD, sizeof(GOOD) - 1);
    put(d, "a", large, 1 << 20);
    assert_ok(take(d, "a", &l, NULL));
    assert_null(hal9_locks_found(l, 0, NULL)); /* larger than any note */
    hal9_locks_release(l);
    put(d, "a", GOOD "{\"left", strlen(GOOD) + 6); /* a writer was killed before it cut */
    assert_ok(take(d, "a", &l, NULL));
    assert_string_equal(hal9_locks_found(l, 0, NULL)->operation, ID);
    hal9_locks_release(l);
}

/* Words for a terminal come from a file that anybody may write. */
static void notes_do_not_drive_terminals(void **state) {
    struct dirs *d = *state;
    static const char text[] =
        "{\"operation\":\"" ID
        "\",\"state_dir\":\"/s\",\"tool\":\"\\u001b[2Jx\\n\",\"user\":\"a\xc3\xbc\","
        "\"pid\":7,\"time\":1}\n";
    put(d, "a", text, strlen(text));
    struct hal9_locks *l;
    assert_ok(take(d, "a", &l, NULL));
    assert_string_equal(hal9_locks_found(l, 0, NULL)->tool, "?[2Jx?");
    assert_string_equal(hal9_locks_found(l, 0, NULL)->user, "a??");
    hal9_locks_release(l);
}

static void strange_files_are_refused(void **state) {
    struct dirs *d = *state;
    struct hal9_locks *l = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *link = file_of(d, "link");
    _cleanup_free_ char *fifo = file_of(d, "fifo");
    _cleanup_free_ char *folder = file_of(d, "folder");
    _cleanup_free_ char *target = file_of(d, "target");
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(mkfifo(fifo, 0666), 0);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_not_equal(take(d, "link", &l, &err), HAL9_OK);
    assert_false(there(target));
    assert_int_equal(take(d, "fifo", &l, &err), HAL9_E_REFUSED);
    assert_says(err, "not a regular file");
    assert_int_not_equal(take(d, "folder", &l, &err), HAL9_OK);
    assert_null(l);
}

/* A cleaner of /tmp takes the file away while somebody waits for it: the waiter does not end up
 * with a lock on a file that nobody else will open. */
static void remove_and_let_go(void *data, const char *resource, const struct hal9_lock_note *note) {
    struct letting_go *g = data;
    _cleanup_free_ char *path = file_of(g->d, resource);
    unlink(path);
    let_go(data, resource, note);
}

static void a_removed_file_is_made_again(void **state) {
    struct dirs *d = *state;
    struct letting_go g = {.d = d};
    pid_t pid = holder(d, "a", true, &g.stop);
    d->opts.timeout_ms = -1;
    d->opts.waiting = remove_and_let_go;
    d->opts.data = &g;
    struct hal9_locks *l;
    assert_ok(take(d, "a", &l, NULL));
    _cleanup_free_ char *path = file_of(d, "a");
    assert_true(there(path));
    struct hal9_locks *second = NULL;
    d->opts.timeout_ms = 0;
    assert_int_equal(take(d, "a", &second, NULL), HAL9_E_BUSY);
    hal9_locks_release(l);
    ended(pid);
}

static void the_host_has_one_directory(void **state) {
    struct dirs *d = *state;
    if (geteuid() != 0)
        skip_needs("root");
    char *dir = NULL;
    bool own = true;
    struct stat st;
    _cleanup_free_ char *host = file_of(d, "lock/hal9ops");
    unsetenv("HAL9OPS_LOCK_DIR");
    assert_ok(hal9_lock_dir(NULL, host, &dir, &own, NULL));
    assert_string_equal(dir, host);
    assert_false(own);
    assert_int_equal(stat(host, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01777);
    free(dir);
    /* made by somebody else before, or with another mode: root puts it right */
    assert_int_equal(chown(host, 12345, 12345), 0);
    assert_int_equal(chmod(host, 0755), 0);
    assert_ok(hal9_lock_dir(NULL, host, &dir, &own, NULL));
    assert_false(own);
    assert_int_equal(stat(host, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01777);
    assert_int_equal(st.st_uid, 0);
    free(dir);
}

static void without_it_there_is_ones_own(void **state) {
    struct dirs *d = *state;
    char *dir = NULL;
    bool own = false;
    _cleanup_free_ char *host = file_of(d, "file/hal9ops"); /* can't be made, by root neither */
    put(d, "file", "x", 1);
    unsetenv("HAL9OPS_LOCK_DIR");
    _cleanup_free_ char *runtime = file_of(d, "runtime");
    _cleanup_free_ char *want = file_of(d, "runtime/hal9ops");
    assert_int_equal(mkdir(runtime, 0700), 0);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_ok(hal9_lock_dir(NULL, host, &dir, &own, NULL));
    assert_string_equal(dir, want);
    assert_true(own);
    struct stat st;
    assert_int_equal(stat(want, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    free(dir);
    if (geteuid() == 0) { /* one that somebody else has made is not one's own */
        assert_int_equal(chown(want, 12345, 12345), 0);
        _cleanup_error_ struct hal9_error err = {0};
        dir = NULL;
        assert_int_equal(hal9_lock_dir(NULL, host, &dir, &own, &err), HAL9_E_PERM);
        assert_says(err, "belongs to");
        assert_null(dir);
    }
    unsetenv("XDG_RUNTIME_DIR");
}

static void one_that_is_named_is_taken(void **state) {
    struct dirs *d = *state;
    char *dir = NULL;
    bool own = true;
    _cleanup_free_ char *named = file_of(d, "named/deep");
    setenv("HAL9OPS_LOCK_DIR", named, 1);
    assert_ok(hal9_lock_dir(NULL, NULL, &dir, &own, NULL));
    unsetenv("HAL9OPS_LOCK_DIR");
    assert_string_equal(dir, named);
    assert_false(own);
    struct stat st;
    assert_int_equal(stat(named, &st), 0);
    assert_int_equal(st.st_mode & 07777, 01777);
    free(dir);
    dir = NULL;
    put(d, "file", "x", 1);
    _cleanup_free_ char *below = file_of(d, "file/x");
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_not_equal(hal9_lock_dir(below, NULL, &dir, &own, &err), HAL9_OK);
    assert_null(dir);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(busy_says_for_whom),
        TEST(a_holder_without_note),
        TEST(an_old_note_is_nobodys),
        TEST(a_killed_holder_leaves_its_note),
        TEST(waiting_is_told_once_and_ends),
        TEST(waiting_has_an_end),
        TEST(waiting_can_be_cancelled),
        TEST(takers_never_deadlock),
        TEST(files_are_for_everybody_and_stay),
        TEST(garbage_in_notes_is_no_note),
        TEST(notes_do_not_drive_terminals),
        TEST(strange_files_are_refused),
        TEST(a_removed_file_is_made_again),
        TEST(the_host_has_one_directory),
        TEST(without_it_there_is_ones_own),
        TEST(one_that_is_named_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
