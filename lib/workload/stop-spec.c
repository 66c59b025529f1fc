/* How a process is stopped: the stop section, and its members in args. */
#include <signal.h>
#include <string.h>

#include "workload/workload-internal.h"

#define DEFAULT_SIGNAL "TERM"
enum { DEFAULT_GRACE_MS = 30000, KILL_GRACE_MS = 5000 };

/* Signals that somebody could want a server to end by. */
static const struct {
    const char *name;
    int number;
} signals[] = {
    {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},   {"KILL", SIGKILL},
    {"ABRT", SIGABRT}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"ALRM", SIGALRM}, {"WINCH", SIGWINCH},
};

/* NULL when it is none of them. */
static const char *find(const char *text, int *ret) {
    const char *name = hal9_startswith(text, "SIG") ? text + 3 : text;
    int64_t number = 0;
    bool is_number = hal9_parse_int(text, 1, 64, &number, NULL) == HAL9_OK;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(signals); i++)
        if (is_number ? signals[i].number == number : strcmp(signals[i].name, name) == 0) {
            *ret = signals[i].number;
            return signals[i].name;
        }
    return NULL;
}

static const char *nearest(const char *text) {
    const char *names[HAL9_ARRAY_LEN(signals)];
    for (size_t i = 0; i < HAL9_ARRAY_LEN(signals); i++)
        names[i] = signals[i].name;
    return hal9_suggest(hal9_startswith(text, "SIG") ? text + 3 : text, names,
                        HAL9_ARRAY_LEN(signals));
}

hal9_status hal9_signal_parse(const char *name, int *ret, struct hal9_error *err) {
    if (find(name, ret))
        return HAL9_OK;
    const char *near = nearest(name);
    hal9_error_set(err, HAL9_E_USAGE, "'%s' is no signal that a process could be stopped by%s%s%s",
                   name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return HAL9_E_USAGE;
}

static void decode_signal(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, void *field) {
    _cleanup_error_ struct hal9_error err = {0};
    int number;
    char **name = field;
    (void)f;
    if (!n->text || n->kind == HAL9_NODE_NULL) {
        hal9_decoder_error(d, n, "signal wants a name such as TERM, or a number");
        return;
    }
    const char *known = find(n->text, &number);
    if (!known) {
        hal9_signal_parse(n->text, &number, &err);
        hal9_decoder_error(d, n, "%s", err.message);
        return;
    }
    free(*name);
    *name = hal9_strdup(known);
}

static void clear_signal(void *field) {
    free(*(char **)field);
}

static const struct hal9_field fields[] = {
    {.key = "signal",
     .type = HAL9_T_CUSTOM,
     .offset = offsetof(struct hal9_stop_spec, signal),
     .decode = decode_signal,
     .clear = clear_signal,
     .form = "{\"type\":[\"string\",\"integer\"],\"default\":\"TERM\"}",
     .doc = "the signal that asks it to end: a name or number; default: TERM"},
    {.key = "grace",
     .type = HAL9_T_DURATION,
     .offset = offsetof(struct hal9_stop_spec, grace_ms),
     .dflt = "30s",
     .doc = "how long it may take to end before KILL"},
    {.key = "kill",
     .type = HAL9_T_BOOL,
     .offset = offsetof(struct hal9_stop_spec, kill),
     .dflt = "true",
     .doc = "false forbids KILL"},
    {0},
};

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct hal9_stop_spec *s = object;
    (void)d, (void)n;
    if (!s->signal)
        s->signal = hal9_strdup(DEFAULT_SIGNAL);
}

const struct hal9_schema hal9_stop_schema = {.name = "stop",
                                             .size = sizeof(struct hal9_stop_spec),
                                             .fields = fields,
                                             .finish = finish,
                                             .doc = "how it is stopped"};

void wl_stop_add(cJSON *to, const struct hal9_stop_spec *stop) {
    hal9_json_add_str(to, "signal", stop && stop->signal ? stop->signal : DEFAULT_SIGNAL);
    hal9_json_add_int(to, "grace_ms", stop ? stop->grace_ms : DEFAULT_GRACE_MS);
    cJSON_AddBoolToObject(to, "kill", stop ? stop->kill : true);
    hal9_json_add_int(to, "kill_grace_ms", KILL_GRACE_MS);
}

void wl_stop_copy(cJSON *to, const cJSON *from) {
    static const char *const members[] = {"signal", "grace_ms", "kill", "kill_grace_ms"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(members); i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(from, members[i]);
        if (member)
            cJSON_AddItemToObject(to, members[i], cJSON_Duplicate(member, true));
    }
}
