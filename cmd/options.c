/* The common options, and help that is printed from the tables. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli-internal.h"

const struct poptOption cli_common_options[] = {
    {"config", 'c', POPT_ARG_STRING, &cli.config_option, 0, "read this configuration", "FILE"},
    {"dry-run", 'n', POPT_ARG_NONE, &cli.dry_run, 0, "tell the plan, change nothing", NULL},
    {"yes", 'y', POPT_ARG_NONE, &cli.yes, 0, "don't ask; a guard still wants its --force", NULL},
    {"force", 0, POPT_ARG_ARGV, &cli.force_option, 0,
     "lift one guard: holder, drift, flap, depends, last-server, foreign, no-data", "GUARD"},
    {"output", 'o', POPT_ARG_STRING, &cli.output_option, 0,
     "text or json; default: text on a terminal, else json", "FORM"},
    {"quiet", 'q', POPT_ARG_NONE, &cli.quiet, 0, "only problems", NULL},
    {"verbose", 'v', POPT_BIT_SET, &cli.verbose, 1, "more words", NULL},
    {"timeout", 0, POPT_ARG_STRING, &cli.timeout_option, 0,
     "end the whole after this time, such as 90s", "TIME"},
    {"state-dir", 0, POPT_ARG_STRING, &cli.state_option, 0, "keep journals here", "DIR"},
    {"lock-timeout", 0, POPT_ARG_STRING, &cli.lock_timeout_option, 0,
     "wait so long for another run; default: for ever on a terminal, else 0", "TIME"},
    {"no-notify", 0, POPT_ARG_NONE, &cli.no_notify, 0, "page nobody", NULL},
    {"tone", 0, POPT_ARG_STRING, &cli.tone_option, 0, "plain, 3am or salty", "TONE"},
    {"color", 0, POPT_ARG_STRING, &cli.color_option, 0, "auto, always or never", "WHEN"},
    {"check-config", 0, POPT_ARG_NONE, &cli.check_config, 0, "only check the configuration", NULL},
    {"schema", 0, POPT_ARG_STRING, &cli.schema_option, 0,
     "print the JSON Schema of config or records", "WHAT"},
    {"bug-report", 0, POPT_ARG_NONE, &cli.bug_report, 0,
     "print what a bug report needs, without secrets", NULL},
    {"version", 0, POPT_ARG_NONE, NULL, 'V', "print the version", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, 'H', "print this help", NULL},
    POPT_TABLEEND,
};

static bool is_end(const struct poptOption *o) {
    return !o->longName && !o->shortName && !o->arg;
}

/* "  -c, --config=FILE" */
static int print_name(const struct poptOption *o) {
    int n = o->shortName ? printf("  -%c, ", o->shortName) : printf("      ");

    n += printf("--%s", o->longName);
    if (o->argDescrip)
        n += printf("=%s", o->argDescrip);
    return n;
}

/* Words broken at 79 columns, continued at `indent`. */
static void print_wrapped(const char *text, int at, int indent) {
    while (*text) {
        int len = (int)strcspn(text, " ");
        bool first = at == indent;

        if (!first && at + 1 + len > 79) {
            printf("\n%*s", indent, "");
            at = indent;
            first = true;
        }
        at += printf("%s%.*s", first ? "" : " ", len, text);
        text += len;
        text += strspn(text, " ");
    }
    printf("\n");
}

/* --output knows the command's own forms, too. */
static char *describe(const struct poptOption *o) {
    struct hal9_buf b = {0};

    if (o->arg != &cli.output_option || !cli.command->outputs)
        return hal9_strdup(o->descrip ? o->descrip : "");
    hal9_buf_puts(&b, "text, json");
    for (const char *const *form = cli.command->outputs; *form; form++)
        hal9_buf_printf(&b, "%s%s", form[1] ? ", " : " or ", *form);
    hal9_buf_printf(&b, "%s", strchr(o->descrip, ';'));
    return hal9_buf_take(&b);
}

static void print_options(const struct poptOption *options) {
    for (const struct poptOption *o = options; o && !is_end(o); o++) {
        if (o->argInfo & POPT_ARGFLAG_DOC_HIDDEN)
            continue;
        int n = print_name(o);

        if (n > 24) {
            printf("\n");
            n = 0;
        }
        printf("%*s", 26 - n, "");
        _cleanup_free_ char *text = describe(o);

        print_wrapped(text, 26, 26);
    }
}

void cli_help(void) {
    const struct cli_command *c = cli.command;

    printf("usage: %s [OPTION]... %s\n", c->name, c->operands);
    printf("%s\n", c->summary);
    if (c->subcommands) {
        printf("\n");
        for (const struct cli_subcommand *s = c->subcommands; s->name; s++) {
            int n = printf("  %s %s", s->name, s->operands);

            printf("%*s", n < 26 ? 26 - n : 2, "");
            print_wrapped(s->summary, 26, 26);
        }
    }
    printf("\nOptions:\n");
    print_options(c->options);
    printf("\nOptions of all hal9ops tools:\n");
    print_options(cli_common_options);
    printf("\nExamples:\n");
    for (const struct cli_example *e = c->examples; e && e->command; e++)
        printf("  %s\n      %s\n", e->command, e->does);
    printf("\nSee %s(1), hal9.yaml(5), hal9ops(7).\n", c->name);
}

static void collect(const struct poptOption *options, const char **names, size_t *n) {
    for (const struct poptOption *o = options; o && !is_end(o) && *n < 64; o++)
        if (o->longName)
            names[(*n)++] = o->longName;
}

int cli_bad_option(const char *bad, const char *why) {
    const char *names[64];
    size_t n = 0;
    _cleanup_free_ char *word =
        hal9_strndup(bad + strspn(bad, "-"), strcspn(bad + strspn(bad, "-"), "="));
    const char *near;

    collect(cli.command->options, names, &n);
    collect(cli_common_options, names, &n);
    near = strlen(word) > 1 ? hal9_suggest(word, names, n) : NULL;
    if (near && strcmp(near, word) != 0)
        fprintf(stderr, "%s: %s: %s; did you mean '--%s'?\n", cli.command->name, bad, why, near);
    else
        fprintf(stderr, "%s: %s: %s; see %s --help\n", cli.command->name, bad, why,
                cli.command->name);
    return CLI_USAGE;
}
