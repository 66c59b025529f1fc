/* Private haproxies of a sandbox: backends with the names and weights of the real ones, on a socket of its own, with no port and no visitor. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"

#define START_MS 30000
#define END_MS 10000
#define WORDS_MAX ((size_t)64 << 10)

/* It is a server: the search path of a user may not have it. */
const char *rb_haproxy(void) {
    static const char *const places[] = {"/usr/sbin/haproxy", "/usr/local/sbin/haproxy",
                                         "/usr/bin/haproxy", "/usr/local/bin/haproxy",
                                         "/opt/homebrew/bin/haproxy"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static hal9_status write_config(const char *path, const char *backends, const char *socket,
                                struct hal9_error *err) {
    _cleanup_free_ char *text =
        hal9_strf("global\n  stats socket %s mode 600 level admin\n  maxconn 10\n"
                  "  hard-stop-after 1s\n"
                  "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n"
                  "  timeout server 1s\n%s",
                  socket, backends);

    return hal9_file_write(path, text, strlen(text), 0600, err);
}

/* It returns from the start when the socket answers. */
hal9_status rb_haproxy_start(const char *root, const char *name, const char *backends,
                             const char *socket, int cancel_fd, struct hal9_error *err) {
    _cleanup_free_ char *config = hal9_strf("%s/%s.cfg", root, name);
    _cleanup_free_ char *pid = hal9_strf("%s/%s.pid", root, name);
    const char *argv[] = {rb_haproxy(), "-D", "-f", config, "-p", pid, NULL};
    const struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    struct hal9_run_result run = {0};
    hal9_status st = write_config(config, backends, socket, err);

    if (st == HAL9_OK)
        st = hal9_run(&s, START_MS, cancel_fd, WORDS_MAX, &run, err);
    if (st == HAL9_OK && run.exit != 0)
        st = hal9_error_set(err, HAL9_E_FAILED, "a private haproxy did not start: %.*s",
                            (int)(run.err.len < 500 ? run.err.len : 500),
                            run.err.data ? run.err.data : "");
    hal9_run_result_clear(&run);
    return st;
}

/* ---- the end ---- */

/* The process of that pid, where it is one that was started with this folder's file. */
static bool is_ours(pid_t pid, const char *root, struct hal9_proc *ret) {
    if (pid <= 1 || hal9_proc_read(pid, HAL9_PROC_ARGV, ret, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < ret->argv.n; i++)
        if (hal9_startswith(ret->argv.v[i], root))
            return true;
    return false;
}

static void end_one(const char *root, const char *file) {
    _cleanup_free_ char *path = hal9_path_join(root, file);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_(hal9_proc_clear) struct hal9_proc proc = {0};
    _cleanup_close_ int fd = -1;
    int64_t pid = 0;

    if (hal9_file_read(path, 100, &text, NULL) != HAL9_OK || text.len == 0)
        return;
    hal9_buf_putc(&text, '\0');
    text.data[strcspn(text.data, "\n")] = '\0';
    if (hal9_parse_int(text.data, 2, INT32_MAX, &pid, NULL) != HAL9_OK ||
        !is_ours((pid_t)pid, root, &proc) || hal9_proc_open(&proc.id, &fd, NULL) != HAL9_OK)
        return;
    hal9_proc_signal(fd, &proc.id, SIGKILL, NULL);
    hal9_wait_fd(fd, hal9_mono_ms() + END_MS, -1, NULL);
}

void rb_haproxy_end(const char *root) {
    DIR *d = opendir(root);
    struct dirent *e;

    while (d && (e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        if (hal9_endswith(e->d_name, ".pid"))
            end_one(root, e->d_name);
    if (d)
        closedir(d);
}
