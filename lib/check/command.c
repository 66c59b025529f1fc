/* The command check: a program with Nagios' exit codes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/kid.h"
#include "check/runner.h"
#include "check/text.h"

#define MAX_OUTPUT ((size_t)64 * 1024)
#define SHOWN 300

struct params {
    struct hal9_strv argv;
};
static const struct hal9_field fields[] = {
    {.key = "command",
     .type = HAL9_T_STRV,
     .offset = offsetof(struct params, argv),
     .flags = HAL9_F_REQUIRED,
     .doc = "program and arguments; exit 0 passes, 1 and 2 fail, 3 is unknown"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct params *p = object;
    const struct hal9_node *command = hal9_node_get(n, "command");
    if (command && (p->argv.n == 0 || !*p->argv.v[0]))
        hal9_decoder_error(d, command, "command needs a program");
}

static const struct hal9_schema schema = {
    .name = "command", .size = sizeof(struct params), .fields = fields, .finish = finish};

static char *default_name(const void *params) {
    const struct params *p = params;
    const char *program = p->argv.n > 0 ? p->argv.v[0] : "", *slash = strrchr(program, '/');
    return hal9_strf("command %s", slash ? slash + 1 : program);
}

/* What it says first, without the figures for other programs after '|'; stderr where stdout is silent. */
static char *words_of(const struct hal9_kid_result *k) {
    char *line = hal9_first_line(&k->out[0], SHOWN);
    if (!*line) {
        free(line);
        line = hal9_first_line(&k->out[1], SHOWN);
    }
    line[strcspn(line, "|")] = '\0';
    for (size_t n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
        line[n - 1] = '\0';
    struct hal9_buf clean = {0};

    hal9_redact_text(NULL, line, strlen(line), &clean);
    free(line);
    return hal9_buf_take(&clean);
}

/* "DISK CRITICAL - ..." and exit 0: its exit status was lost on the way, as in a pipe of a shell. */
static bool contradicts(const char *words) {
    static const char *const bad[] = {"WARNING", "CRITICAL", "UNKNOWN"};
    const size_t first = strspn(words, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    const char *second = words[first] == ' ' ? words + first + 1 : words;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++)
        for (int k = 0; k < 2; k++) {
            const char *at = k ? second : words;
            const size_t n = strlen(bad[i]);
            if (hal9_startswith(at, bad[i]) &&
                (at[n] == '\0' || at[n] == ':' || hal9_startswith(at + n, " -") || at[n] == '-'))
                return true;
        }
    return false;
}

static void on_done(void *data, const struct hal9_kid_result *k) {
    struct hal9_check_run *r = data;
    _cleanup_free_ char *words = words_of(k);
    r->own = NULL;
    hal9_json_add_int(hal9_check_evidence(r), "exit", k->exit);
    if (!*words) {
        free(words);
        words = k->exit > 128 ? hal9_strf("ended by signal %d", k->exit - 128)
                              : hal9_strf("exit %d", k->exit);
    }
    hal9_json_add_str(hal9_check_evidence(r), "answer", words);
    if (k->exit == 0 && contradicts(words))
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "it says '%s', but its exit is 0", words);
    else if (k->exit == 0)
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s", words);
    else if (k->exit == 1 || k->exit == 2)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "%s", words);
    else
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, k->exit == 3 ? "%s" : "%s (exit %d)", words,
                        k->exit);
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    struct hal9_child child = HAL9_CHILD_INIT;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0)
        hal9_error_errno(&err, errno, "cannot make a pipe");
    _cleanup_close_ int out_read = out[0], out_write = out[1];
    _cleanup_close_ int err_read = errors[0], err_write = errors[1];
    const struct hal9_spawn spawn = {.argv = (const char *const *)p->argv.v,
                                     .stdio = {-1, out_write, err_write},
                                     .new_session = true};
    if (err.code != HAL9_OK || hal9_spawn(&spawn, &child, &err) != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    r->own = hal9_kid_watch(r->loop, &child, HAL9_TAKE_FD(out_read), HAL9_TAKE_FD(err_read),
                            MAX_OUTPUT, on_done, r);
}

static void cancel(struct hal9_check_run *r) {
    hal9_kid_kill(HAL9_TAKE_PTR(r->own));
}

const struct hal9_check_driver hal9_check_command_driver = {
    .key = "command",
    .doc = "a program that must say that all is well",
    .schema = &schema,
    .name = default_name,
    .start = start,
    .cancel = cancel,
};
