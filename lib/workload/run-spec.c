/* The run section: how a service runs, and the identity that follows from it. */
#include <string.h>

#include "workload/workload-internal.h"

#define AT(member) offsetof(struct hal9_run_spec, member)

static const struct hal9_field fields[] = {
    {.key = "exec",
     .type = HAL9_T_STRV,
     .offset = AT(exec),
     .doc = "argv of a process that hal9ops starts itself"},
    {.key = "user", .type = HAL9_T_STRING, .offset = AT(user), .doc = "exec: user it runs as"},
    {.key = "cwd", .type = HAL9_T_STRING, .offset = AT(cwd), .doc = "exec: its directory"},
    {.key = "env",
     .type = HAL9_T_JSON,
     .offset = AT(env),
     .doc = "exec: environment, names to text or to references (file:PATH, env:NAME); PATH, HOME, "
            "USER, LOGNAME and LANG are there anyway"},
    {.key = "umask", .type = HAL9_T_STRING, .offset = AT(umask), .doc = "exec: octal, default 022"},
    {.key = "systemd", .type = HAL9_T_STRING, .offset = AT(systemd), .doc = "a systemd unit"},
    {.key = "container", .type = HAL9_T_STRING, .offset = AT(container), .doc = "a container"},
    {.key = "kubernetes",
     .type = HAL9_T_STRING,
     .offset = AT(kubernetes),
     .doc = "a Kubernetes workload, NAMESPACE/NAME"},
    {0},
};

enum hal9_run_kind hal9_run_kind(const struct hal9_run_spec *r) {
    return r->exec.n > 0   ? HAL9_RUN_EXEC
           : r->systemd    ? HAL9_RUN_SYSTEMD
           : r->container  ? HAL9_RUN_CONTAINER
           : r->kubernetes ? HAL9_RUN_KUBERNETES
                           : HAL9_RUN_NONE;
}

/* The node of a key, else of the whole. */
static const struct hal9_node *at(const struct hal9_node *n, const char *key) {
    const struct hal9_node *found = n ? hal9_node_get(n, key) : NULL;
    return found ? found : n;
}

static void check_kind(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_run_spec *r) {
    int kinds =
        (r->exec.n > 0) + (r->systemd != NULL) + (r->container != NULL) + (r->kubernetes != NULL);
    if (kinds != 1)
        hal9_decoder_error(d, n, "run wants exactly one of exec, systemd, container, kubernetes%s",
                           kinds == 0 ? ", and has none" : "");
    const char *alone = r->user    ? "user"
                        : r->cwd   ? "cwd"
                        : r->env   ? "env"
                        : r->umask ? "umask"
                                   : NULL;
    if (kinds == 1 && r->exec.n == 0 && alone)
        hal9_decoder_error(d, at(n, alone), "%s goes with exec only", alone);
}

static void check_exec(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_run_spec *r) {
    if (r->exec.n > 0 && !*r->exec.v[0])
        hal9_decoder_error(d, at(n, "exec"), "exec wants a program first");
    if (r->cwd && r->cwd[0] != '/')
        hal9_decoder_error(d, at(n, "cwd"), "cwd wants an absolute path, not '%s'", r->cwd);
    if (r->umask && (!*r->umask || strspn(r->umask, "01234567") != strlen(r->umask) ||
                     strlen(r->umask) > 4 || (strlen(r->umask) == 4 && r->umask[0] != '0')))
        hal9_decoder_error(d, at(n, "umask"), "umask wants an octal number such as 027, not '%s'",
                           r->umask);
}

static bool is_reference(const char *text) {
    return hal9_startswith(text, "file:") || hal9_startswith(text, "env:");
}

static void check_env(struct hal9_decoder *d, const struct hal9_node *n, const cJSON *env) {
    const cJSON *value;
    if (env && !cJSON_IsObject(env)) {
        hal9_decoder_error(d, n, "env wants names with their values");
        return;
    }
    cJSON_ArrayForEach(value, env) {
        const struct hal9_node *place = at(n, value->string);
        if (!*value->string || strchr(value->string, '='))
            hal9_decoder_error(d, place, "'%s' is no name for an environment variable",
                               value->string);
        else if (cJSON_IsObject(value) || cJSON_IsArray(value))
            hal9_decoder_error(d, place, "%s wants a text", value->string);
        else if (hal9_secret_name(value->string) && !is_reference(cJSON_GetStringValue(value))) {
            hal9_decoder_error(d, place, "%s looks like a secret and wants a reference",
                               value->string);
            hal9_decoder_hint(d, "%s: file:/path/to/it, or env:NAME", value->string);
        }
    }
}

/* "layer9" is layer9.service, as for systemctl. */
static void complete_unit(struct hal9_run_spec *r) {
    static const char *const types[] = {".service", ".socket", ".target", ".scope", ".timer",
                                        ".path",    ".slice",  ".mount",  NULL};
    if (!r->systemd)
        return;
    for (size_t i = 0; types[i]; i++)
        if (hal9_endswith(r->systemd, types[i]))
            return;
    char *whole = hal9_strf("%s.service", r->systemd);
    free(r->systemd);
    r->systemd = whole;
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_run_spec *r = object;
    check_kind(d, n, r);
    check_exec(d, n, r);
    check_env(d, at(n, "env"), r->env);
    complete_unit(r);
}

const struct hal9_schema hal9_run_schema = {.name = "run",
                                            .size = sizeof(struct hal9_run_spec),
                                            .fields = fields,
                                            .finish = finish,
                                            .doc = "how a service runs"};

/* The program's path as the service will find it: by PATH where it has no slash. Fresh; NULL: nowhere. */
static char *program_path(const struct hal9_run_spec *run) {
    const char *program = run->exec.v[0];
    if (strchr(program, '/'))
        return hal9_path_join(run->cwd ? run->cwd : "", program);
    const char *path = getenv("PATH");
    for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;
         path += strcspn(path, ":"), path += *path == ':') {
        _cleanup_free_ char *dir = hal9_strndup(path, strcspn(path, ":"));
        _cleanup_free_ char *file = hal9_path_join(*dir ? dir : ".", program);
        if (access(file, X_OK) == 0)
            return HAL9_TAKE_PTR(file);
    }
    return NULL;
}

/* Whether a program runs others' text, so that its path says nothing of what runs. */
static bool is_interpreter(const char *exe) {
    _cleanup_(hal9_proc_clear) struct hal9_proc trial = {.exe = hal9_strdup(exe)};
    _cleanup_free_ char *alone = hal9_proc_name(&trial);
    hal9_strv_add(&trial.argv, exe);
    hal9_strv_add(&trial.argv, "/a/script");
    _cleanup_free_ char *with_script = hal9_proc_name(&trial);
    return strcmp(alone, with_script) != 0;
}

void hal9_identity_default(const struct hal9_run_spec *run, struct hal9_identity *ret) {
    if (run->systemd)
        ret->unit = hal9_strdup(run->systemd);
    if (run->container)
        ret->container = hal9_strdup(run->container);
    if (run->exec.n == 0 || !*run->exec.v[0])
        return;
    ret->exe = program_path(run);
    if (!ret->exe)
        ret->exe = hal9_path_join("/usr/bin", run->exec.v[0]);
    if (!is_interpreter(ret->exe) || run->exec.n == 1)
        return;
    /* every python is /usr/bin/python3: only with its arguments it is this service */
    const struct hal9_strv arguments = {.v = run->exec.v + 1, .n = run->exec.n - 1};
    ret->cmdline = hal9_strv_join(&arguments, " ");
}
