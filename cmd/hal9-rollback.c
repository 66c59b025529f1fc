/* hal9-rollback - what was done to this host, and taking it back. */
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

struct rollback_options rollback_options = {.keep = -1};
struct hal9_stage_result rollback_counted;

static const struct poptOption options[] = {
    {"last", 0, POPT_ARG_INT, &rollback_options.last, 0, "history: only the newest N", "N"},
    {"keep", 0, POPT_ARG_INT, &rollback_options.keep, 0, "prune: the newest N stay", "N"},
    {"older", 0, POPT_ARG_STRING, &rollback_options.older, 0,
     "prune: what began longer ago, such as 30d", "AGE"},
    {"operations", 0, POPT_ARG_NONE, &rollback_options.operations, 0, "prune: operations", NULL},
    {"store", 0, POPT_ARG_STRING, &rollback_options.store, 0,
     "flags: this store, such as flagd:FILE", "KIND:PLACE"},
    {"token", 0, POPT_ARG_STRING, &rollback_options.token, 0,
     "flags: its token, file:PATH or env:NAME", "REF"},
    {"every", 0, POPT_ARG_STRING, &rollback_options.every, 0,
     "to, rehearse: time between two stops; watch, flags watch: how often a server is asked",
     "TIME"},
    {"plan", 0, POPT_ARG_STRING, &rollback_options.plan, 0,
     "snapshot, to, forward, rehearse: this plan of hal9.yaml", "PLAN"},
    {"to", 0, POPT_ARG_STRING, &rollback_options.until, 0, "forward: stop at this phase", "PHASE"},
    {"strategy", 0, POPT_ARG_STRING, &rollback_options.strategy, 0,
     "to: immediate, gradual or partial", "HOW"},
    {"parts", 0, POPT_ARG_STRING, &rollback_options.parts, 0,
     "to: only these, such as balancer,flags,files,release", "LIST"},
    {"file", 0, POPT_ARG_ARGV, &rollback_options.files, 0,
     "snapshot: this file or folder; several times", "PATH"},
    {"best-effort", 0, POPT_ARG_NONE, &rollback_options.best_effort, 0,
     "what can't be read is left out, and told", NULL},
    {"rounds", 0, POPT_ARG_STRING, &rollback_options.rounds, 0,
     "watch: so many times, where it looks itself", "N"},
    {"reset", 0, POPT_ARG_NONE, &rollback_options.reset, 0,
     "watch: forget cool-down and attempts, and end", NULL},
    {"env", 0, POPT_ARG_STRING, &rollback_options.environment, 0,
     "rehearse: the environment that the configuration must be of", "NAME"},
    {"sandbox", 0, POPT_ARG_NONE, &rollback_options.sandbox, 0,
     "rehearse: on copies, in any environment", NULL},
    {"thorough", 0, POPT_ARG_NONE, &rollback_options.thorough, 0,
     "rehearse: killed at each line of the journal", NULL},
    POPT_TABLEEND,
};
static const struct cli_subcommand subcommands[] = {
    {"status", "", "what is unfinished, and the last operation", rollback_status, false},
    {"history", "", "all operations, oldest first", rollback_history, false},
    {"show", "ID|RUN|SNAPSHOT",
     "one operation, those of a run, or a snapshot: all that is known of it", rollback_show, false},
    {"resume", "[ID]", "go on with an unfinished operation", rollback_resume, true},
    {"undo", "ID|RUN", "take back what an operation, or a whole run, did", rollback_undo, true},
    {"abort", "[ID]", "freeze an unfinished operation as it stands", rollback_abort, true},
    {"snapshot", "[NAME]", "keep how a plan's parts, or files, are now", rollback_snapshot, true},
    {"list", "", "the snapshots, oldest first", rollback_list, false},
    {"diff", "SNAPSHOT [SNAPSHOT]", "what differs from the first to the second, or to now",
     rollback_diff, false},
    {"to", "SNAPSHOT|last-healthy", "bring all that differs back to a snapshot", rollback_to, true},
    {"forward", "[PLAN]", "walk a migration up in its phases; back by itself where a gate fails",
     rollback_forward, true},
    {"prune", "[SNAPSHOT]...",
     "remove what is old: snapshots, or --operations; by --keep N or --older AGE", rollback_prune,
     true},
    {"export", "SNAPSHOT FILE", "write a snapshot with its contents to a tar file", rollback_export,
     false},
    {"import", "FILE", "take in a snapshot that was exported elsewhere", rollback_import, true},
    {"rehearse", "[PLAN]",
     "disturb a plan's parts in staging or on copies, and roll back, all ways", rollback_rehearse,
     true},
    {"flags", "list|get|set|watch ...", "feature flags of any store", rollback_flags, false},
    {"watch", "[-]", "roll back by itself when a trigger of the plan fires", rollback_watch, true},
    {"tick", "", "for cron: what has expired, what is due, what waits to be told", rollback_tick,
     true},
    {NULL, NULL, NULL, NULL, false},
};
static const struct cli_example examples[] = {
    {"hal9-rollback history", "what was done to this host, by whom"},
    {"hal9-rollback undo 7f3a", "take that operation back: what was stopped is started again"},
    {NULL, NULL},
};
static const char *const outputs[] = {"junit", NULL};
static const struct cli_command command = {
    .name = "hal9-rollback",
    .operands = "COMMAND [ID|RUN|SNAPSHOT]",
    .summary = "Shows what hal9ops did to this host, and takes it back.",
    .options = options,
    .subcommands = subcommands,
    .examples = examples,
    .outputs = outputs,
};

static const struct cli_subcommand *find_subcommand(const char *word) {
    const char *names[HAL9_ARRAY_LEN(subcommands)];
    const char *near;
    size_t n = 0;

    for (; subcommands[n].name; n++) {
        if (strcmp(subcommands[n].name, word) == 0)
            return &subcommands[n];
        names[n] = subcommands[n].name;
    }
    near = hal9_suggest(word, names, n);
    if (near)
        cli_usage("'%s' is not one of its commands; did you mean '%s'?", word, near);
    else
        cli_usage("'%s' is not one of its commands; see hal9-rollback --help", word);
    return NULL;
}

/* Files and flags can be looked at where there is no history that can be read. */
static bool goes_without(const struct cli_subcommand *sub) {
    return sub->run == rollback_snapshot || sub->run == rollback_list ||
           sub->run == rollback_diff || sub->run == rollback_flags || sub->run == rollback_to ||
           sub->run == rollback_forward || sub->run == rollback_rehearse;
}

static int run(void) {
    const char *word = cli.operands.n > 0 ? cli.operands.v[0] : NULL;
    const struct cli_subcommand *sub = word ? find_subcommand(word) : NULL;
    struct hal9_stage_result r;
    int code;

    if (!word)
        return cli_usage(
            "which command? such as status, history, show or undo; see hal9-rollback --help");
    if (!sub || cli_load_config() != CLI_HOLDS)
        return CLI_USAGE;
    const bool rehearses = sub->run == rollback_rehearse;
    const bool changes = sub->changes && !cli.dry_run && !(rehearses && rollback_options.sandbox);

    if (cli.form && !rehearses)
        return cli_usage("--output=%s is of rehearse", cli.form);
    if (rehearses && rollback_rehearse_check() != CLI_HOLDS)
        return cli.form ? rollback_junit(NULL, cli.trouble, CLI_USAGE) : CLI_USAGE;
    if (sub->run == rollback_watch || sub->run == rollback_tick)
        return sub->run();

    code = cli_open_state(changes ? HAL9_STATE_WRITE : HAL9_STATE_READ);
    if (code != CLI_HOLDS)
        return code;
    if (changes)
        cli_acts();
    hal9_stream_begin(cli.out, NULL);
    code = cli.state || goes_without(sub) ? sub->run()
                                          : (cli_say("nothing was done yet\n"), CLI_HOLDS);
    r = rollback_counted;
    r.exit = code;
    r.resumable = code == CLI_UNFINISHED;
    hal9_stream_end(cli.out, &r);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
