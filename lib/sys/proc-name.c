/* The name that people know a process by: of interpreters the script's. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

/* Programs that run others' text. Their versions (python3.11) are not in the name. */
static const struct interpreter {
    const char *name;
    const char *
        with_value; /* letters of options whose value is the next argument; long ones follow blanks */
    const char *inline_; /* letters of options that bring the program itself: there is no script */
} interpreters[] = {
    {"python", "WX", "c"},
    {"pypy", "WX", "c"},
    {"perl", "", "eE"},
    {"ruby", "rIC", "e"},
    {"node", "r --require --import --loader", "ep"},
    {"nodejs", "r --require --import --loader", "ep"},
    {"php", "cdzS", "rBRF"},
    {"lua", "l", "e"},
    {"bash", "oO --rcfile --init-file", "c"},
    {"sh", "o", "c"},
    {"dash", "o", "c"},
    {"ash", "o", "c"},
    {"ksh", "o", "c"},
    {"zsh", "o", "c"},
    {"tclsh", "", ""},
    {"java", " -cp -classpath --class-path -p --module-path --add-modules", ""},
};

static const struct interpreter *interpreter_of(const char *exe) {
    const char *base = hal9_path_base(exe);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(interpreters); i++) {
        size_t len = strlen(interpreters[i].name);
        if (strncmp(base, interpreters[i].name, len) == 0 &&
            base[len + strspn(base + len, "0123456789.-")] == '\0')
            return &interpreters[i];
    }
    return NULL;
}

/* Whether a word stands in a list divided by blanks. */
static bool listed(const char *list, const char *word) {
    size_t len = strlen(word);
    for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
        if (at > list && at[-1] == ' ' && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static bool is_short(const char *letters, const char *option) {
    return option[1] && !option[2] && isalpha((unsigned char)option[1]) &&
           memchr(letters, option[1], strcspn(letters, " "));
}

const char *hal9_proc_script(const struct hal9_proc *p, bool *ret_module) {
    const struct interpreter *in = p->exe ? interpreter_of(p->exe) : NULL;
    *ret_module = false;
    if (!in)
        return NULL;
    for (size_t i = 1; i < p->argv.n; i++) {
        const char *arg = p->argv.v[i];
        if (strcmp(arg, "--") == 0)
            return i + 1 < p->argv.n ? p->argv.v[i + 1] : NULL;
        if (arg[0] != '-' || !arg[1]) {
            *ret_module = strcmp(in->name, "java") == 0; /* the main class */
            return arg[0] && arg[0] != '-' ? arg : NULL;
        }
        if (strcmp(in->name, "java") == 0 && strcmp(arg, "-jar") == 0)
            return i + 1 < p->argv.n ? p->argv.v[i + 1] : NULL;
        if (hal9_startswith(in->name, "py") && strcmp(arg, "-m") == 0) {
            *ret_module = true;
            return i + 1 < p->argv.n ? p->argv.v[i + 1] : NULL;
        }
        if (is_short(in->inline_, arg))
            return NULL;
        if (is_short(in->with_value, arg) || listed(in->with_value, arg))
            i++;
    }
    return NULL;
}

char *hal9_proc_script_path(const struct hal9_proc *p) {
    bool module;
    const char *script = hal9_proc_script(p, &module);
    if (!script || module || (*script != '/' && !p->cwd))
        return NULL;
    _cleanup_free_ char *path = hal9_path_join(*script == '/' ? "" : p->cwd, script);
    return hal9_path_canonical(path);
}

char *hal9_proc_name(const struct hal9_proc *p) {
    bool module;
    const char *script = hal9_proc_script(p, &module);
    const char *name = script && *hal9_path_base(script) ? script : p->exe;
    if (!name || !*hal9_path_base(name))
        return hal9_strdup(p->comm ? p->comm : "?");
    return hal9_strdup(module ? name : hal9_path_base(name));
}

bool hal9_proc_named(const struct hal9_proc *p, const char *word) {
    if (!*word)
        return false;
    bool module;
    const char *script = hal9_proc_script(p, &module);
    if (strchr(word, '/')) {
        _cleanup_free_ char *wanted = hal9_path_canonical(word);
        _cleanup_free_ char *script_path = hal9_proc_script_path(p);
        return hal9_streq(p->exe, word) || hal9_streq(p->exe, wanted) ||
               hal9_streq(script_path, wanted);
    }
    return (p->exe && strcmp(hal9_path_base(p->exe), word) == 0) ||
           (script && strcmp(hal9_path_base(script), word) == 0) || hal9_streq(p->comm, word) ||
           hal9_streq(p->unit, word);
}
