/* --bug-report: what whoever looks into a fault needs to know, without anybody's secrets. Nothing of it is written or changed. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

enum { LAST_OPERATIONS = 10, RELEASE_MAX = 65536 };

struct report {
    struct hal9_buf text;
    struct hal9_redactor *redactor;
};

static void heading(struct report *r, const char *what) {
    hal9_buf_printf(&r->text, "\n== %s\n", what);
}

/* ---- the program and the host ---- */

static void add_build(struct report *r) {
    hal9_buf_printf(&r->text, "%s %s\n", cli.command->name, hal9_version());
    hal9_buf_printf(&r->text, "compiler: %s, C%ld%s%s\n", __VERSION__, __STDC_VERSION__ / 100 % 100,
#ifdef HAL9_TEST_HOOKS
                    ", with hooks for tests",
#else
                    "",
#endif
#ifdef HAL9_CURL_LINK
                    ", libcurl linked"
#else
                    ""
#endif
    );
    hal9_buf_printf(&r->text, "cJSON: %s\n", cJSON_Version());
}

/* PRETTY_NAME of os-release. */
static void add_release(struct report *r) {
    static const char name[] = "PRETTY_NAME=";
    _cleanup_buf_ struct hal9_buf text = {0};

    if (hal9_file_read("/etc/os-release", RELEASE_MAX, &text, NULL) != HAL9_OK || !text.data)
        return;
    const char *line = strstr(text.data, name);

    if (line)
        hal9_buf_printf(&r->text, "system: %.*s\n", (int)strcspn(line + strlen(name), "\n"),
                        line + strlen(name));
}

/* What is run by its name, where the tools look for it. */
static void add_programs(struct report *r) {
    static const char *const programs[] = {"systemctl", "journalctl"};
    static const char *const places[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                         "/usr/bin",        "/sbin",          "/bin"};

    hal9_buf_puts(&r->text, "programs: ");
    for (size_t i = 0; i < HAL9_ARRAY_LEN(programs); i++) {
        bool found = false;

        for (size_t k = 0; k < HAL9_ARRAY_LEN(places) && !found; k++) {
            _cleanup_free_ char *path = hal9_path_join(places[k], programs[i]);

            found = access(path, X_OK) == 0;
        }
        hal9_buf_printf(&r->text, "%s%s%s", i > 0 ? ", " : "", found ? "" : "no ", programs[i]);
    }
    hal9_buf_putc(&r->text, '\n');
}

static void add_host(struct report *r) {
    struct utsname u = {0};
    struct hal9_memory m;
    double load[3];
    unsigned cpus;

    uname(&u);
    heading(r, "host");
    hal9_buf_printf(&r->text, "kernel: %s %s %s\n", u.sysname, u.release, u.machine);
    add_release(r);
    hal9_buf_printf(&r->text, "user: %s, terminal: %s, systemd: %s\n",
                    geteuid() == 0 ? "root" : "not root", cli.terminal ? "yes" : "no",
                    hal9_systemd_running() ? "yes" : "no");
    if (hal9_host_load(load, &cpus, NULL) == HAL9_OK)
        hal9_buf_printf(&r->text, "load: %.2f %.2f %.2f, %u CPUs\n", load[0], load[1], load[2],
                        cpus);
    if (hal9_host_memory(&m, NULL) == HAL9_OK) {
        _cleanup_free_ char *total = hal9_size_text(m.total), *rest = hal9_size_text(m.available);

        hal9_buf_printf(&r->text, "memory: %s, %s available\n", total, rest);
    }
    _cleanup_free_ char *why = NULL;
    static const char *const places[] = {"nowhere better", "a cgroup of its own", "a scope"};

    hal9_buf_printf(&r->text, "what is started lives in: %s", places[hal9_detach_available(&why)]);
    hal9_buf_printf(&r->text, "%s%s\n", why ? "; not more: " : "", why ? why : "");
    add_programs(r);
}

/* Which of our variables are set, and nothing of their values. */
static void add_environment(struct report *r) {
    heading(r, "environment");
    for (char **e = environ; *e; e++)
        if (hal9_startswith(*e, "HAL9OPS_") || hal9_startswith(*e, "XDG_"))
            hal9_buf_printf(&r->text, "%.*s is set\n", (int)strcspn(*e, "="), *e);
}

/* ---- the configuration ---- */

static void add_document(struct report *r, const struct hal9_node *root) {
    _cleanup_json_ cJSON *j = hal9_node_json(root);

    hal9_redact_json(r->redactor, j);
    char *text = cJSON_Print(j);

    hal9_buf_printf(&r->text, "%s:\n%s\n", root->file, text ? text : "");
    cJSON_free(text);
}

/* Where it is wrong; the words may quote a value that has slipped into the wrong place. */
static void add_errors(struct report *r, const struct hal9_errors *errors) {
    for (size_t i = 0; i < errors->n; i++)
        hal9_buf_printf(&r->text, "error at %s:%u:%u\n",
                        errors->v[i].file ? errors->v[i].file : "?", errors->v[i].line,
                        errors->v[i].col);
}

/* The caller's to free, NULL where it can't be read. */
static struct hal9_config *add_config(struct report *r) {
    struct hal9_errors errors = {0};
    struct hal9_config *cfg = NULL;

    heading(r, "configuration");
    if (hal9_config_load(cli.config_option, &cfg, &errors) != HAL9_OK)
        hal9_buf_puts(&r->text, "configuration: it can't be used\n");
    else
        hal9_buf_printf(&r->text, "configuration: %s, %zu services\n",
                        cfg->path ? cfg->path : "none", cfg->services.n);
    add_errors(r, &errors);
    hal9_errors_clear(&errors);
    if (!cfg)
        return NULL;
    _cleanup_strv_ struct hal9_strv secrets = {0};

    hal9_config_secrets(cfg, &secrets);
    for (size_t i = 0; i < secrets.n; i++)
        hal9_redactor_learn_reference(r->redactor, secrets.v[i]);
    for (size_t i = 0; i < cfg->docs.n; i++)
        add_document(r, hal9_doc_root(cfg->docs.v[i]));
    return cfg;
}

/* ---- the state directory ---- */

/* Files below a folder, and their bytes; two levels are all that there are. */
static void count_files(const char *path, int levels, size_t *files, uint64_t *bytes) {
    DIR *d = opendir(path);
    const struct dirent *entry;

    while (d && (entry = readdir(d))) {
        _cleanup_free_ char *name = hal9_path_join(path, entry->d_name);
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            lstat(name, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && levels > 0)
            count_files(name, levels - 1, files, bytes);
        if (!S_ISREG(st.st_mode))
            continue;
        ++*files;
        *bytes += (uint64_t)st.st_size;
    }
    if (d)
        closedir(d);
}

static void add_folders(struct report *r, const char *dir) {
    static const char *const folders[] = {"journal", "open",  "blobs",     "services",
                                          "reserve", "spool", "incidents", "snapshots"};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(folders); i++) {
        _cleanup_free_ char *path = hal9_path_join(dir, folders[i]);
        size_t files = 0;
        uint64_t bytes = 0;
        struct stat st;

        if (lstat(path, &st) < 0)
            continue;
        count_files(path, 3, &files, &bytes);
        _cleanup_free_ char *size = hal9_size_text(bytes);

        hal9_buf_printf(&r->text, "%s: %zu files, %s, mode %04o\n", folders[i], files, size,
                        (unsigned)st.st_mode & 07777);
    }
}

struct last {
    struct report *report;
    size_t skip;
};

static int count_one(const struct hal9_op *o, void *data) {
    (void)o;
    ++((struct last *)data)->skip;
    return 0;
}

static int add_one(const struct hal9_op *o, void *data) {
    struct last *last = data;
    struct hal9_buf *text = &last->report->text;
    char time[32];

    if (last->skip > 0) {
        last->skip--;
        return 0;
    }
    hal9_time_format(o->started_ms, time);
    hal9_buf_printf(text, "%s %s %s %s, %zu of %zu steps: %s\n", time, o->id, o->by,
                    o->running ? "running" : hal9_op_state_name(o->state), o->n_done, o->n_steps,
                    o->title ? o->title : "");
    for (size_t i = 0; i < o->n_steps; i++)
        if (o->steps[i].reason &&
            (o->steps[i].state == HAL9_STEP_FAILED || o->steps[i].state == HAL9_STEP_WARNED))
            hal9_buf_printf(text, "    %s (%s) %s: %s\n", o->steps[i].name, o->steps[i].kind,
                            hal9_step_state_name(o->steps[i].state), o->steps[i].reason);
    return 0;
}

static void add_bad(const char *id, const struct hal9_error *e, void *data) {
    const struct last *last = data;

    hal9_buf_printf(&last->report->text, "%s can't be read: %s\n", id, e->message);
}

static void add_operations(struct report *r, const char *dir) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_state *state = NULL;
    struct last last = {.report = r};
    hal9_status st = hal9_state_open(dir, HAL9_STATE_READ, false, &state, &err);

    heading(r, "last operations");
    if (st == HAL9_OK)
        st = hal9_op_each(state, count_one, NULL, &last, &err);
    last.skip = last.skip > LAST_OPERATIONS ? last.skip - LAST_OPERATIONS : 0;
    if (st == HAL9_OK)
        st = hal9_op_each(state, add_one, add_bad, &last, &err);
    if (st != HAL9_OK)
        hal9_buf_printf(&r->text, "they can't be read: %s\n", err.message);
    hal9_state_close(state);
}

static void add_disk(struct report *r, const char *dir) {
    struct hal9_disk d;

    if (hal9_host_disk(dir, &d, NULL) != HAL9_OK)
        return;
    _cleanup_free_ char *rest = hal9_size_text(d.available), *total = hal9_size_text(d.total);

    hal9_buf_printf(&r->text, "its disk: %s free of %s\n", rest, total);
}

static void add_state(struct report *r, const struct hal9_config *cfg) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *dir = NULL;
    struct stat st;

    heading(r, "state");
    if (hal9_state_find(cli.state_option, cfg ? cfg->state : NULL, &dir, &err) != HAL9_OK) {
        hal9_buf_printf(&r->text, "state directory: %s\n", err.message);
        return;
    }
    if (lstat(dir, &st) < 0) {
        hal9_buf_printf(&r->text, "state directory: %s (%s)\n", dir, strerror(errno));
        return;
    }
    hal9_buf_printf(&r->text, "state directory: %s, mode %04o, %s\n", dir,
                    (unsigned)st.st_mode & 07777,
                    st.st_uid == geteuid() ? "own" : "of another user");
    add_disk(r, dir);
    add_folders(r, dir);
    add_operations(r, dir);
}

int cli_bug_report(void) {
    struct report r = {.redactor = hal9_redactor_new()};
    _cleanup_buf_ struct hal9_buf clean = {0};

    add_build(&r);
    add_host(&r);
    add_environment(&r);
    struct hal9_config *cfg = add_config(&r);

    add_state(&r, cfg);
    /* once more over all of it: words of errors and titles may quote anything */
    hal9_redact_text(r.redactor, r.text.data, r.text.len, &clean);
    fwrite(clean.data, 1, clean.len, stdout);
    hal9_config_free(cfg);
    hal9_redactor_free(r.redactor);
    hal9_buf_free(&r.text);
    return CLI_HOLDS;
}
