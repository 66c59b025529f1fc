/*
 * Words for records. A tool says everything as records; at a terminal this file turns its own, and
 * those of the tools before it in the pipe, into what people read: so words and records can't
 * disagree.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "flags-cli.h"
#include "notify-cli.h"

static int name_width = 12;

/* The column of names is as wide as the longest of the stage. */
static void render_begin(const cJSON *r) {
    const cJSON *name;

    /* On a narrow terminal the state has to stand beside it. */
    const int most = cli.terminal && cli.width < 60 ? (int)cli.width / 3 : 30;

    name_width = name_width < most ? name_width : most;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(r, "services")) {
        _cleanup_free_ char *shown = cJSON_IsString(name) ? cli_fit(name->valuestring, 0) : NULL;
        const int len = shown ? cli_columns(shown) : 0;

        if (len > name_width && len <= most)
            name_width = len;
    }
}

struct look {
    const char *state, *sign, *style;
};
static const struct look looks[] = {
    {"healthy", ".", "green"},  {"failing", "x", "red"}, {"degraded", "!", "yellow"},
    {"unknown", "?", "yellow"}, {"held", "=", "dim"},
};

static const struct look *look_of(const char *state) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(looks); i++)
        if (hal9_streq(looks[i].state, state))
            return &looks[i];
    return &looks[3];
}

/* "port_conflict" -> "port conflict" */
static char *spaced(const char *word) {
    char *s = hal9_strdup(word ? word : "");

    for (char *p = s; *p; p++)
        if (*p == '_')
            *p = ' ';
    return s;
}

/* "(pid 4711" of the reason goes on with what the evidence knows of that process: since when, of which unit. */
static char *with_evidence(const char *reason, const cJSON *evidence) {
    const char *unit = hal9_json_str(evidence, "unit"),
               *started = hal9_json_str(evidence, "started"), *at;
    _cleanup_free_ char *pid =
        hal9_strf("(pid %lld)", (long long)hal9_json_int(evidence, "pid", -1));
    char clock[16] = "";
    int64_t ms;

    at = strstr(reason, pid);
    if (!at || (!unit && !started))
        return hal9_strdup(reason);
    if (started && hal9_time_parse(started, &ms, NULL) == HAL9_OK)
        hal9_time_clock(ms, clock);
    at += strlen(pid) - 1;
    return hal9_strf("%.*s%s%s%s%s%s", (int)(at - reason), reason, clock[0] ? ", since " : "",
                     clock, unit ? ", unit " : "", unit ? unit : "", at);
}

/* "03:04:05 " */
static void print_clock(void) {
    const time_t now = (time_t)(hal9_now_ms() / 1000);
    struct tm tm = {0};

    if (cli.clock && localtime_r(&now, &tm))
        cli_print("%02d:%02d:%02d ", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* What a watch knows besides. */
static void render_history(const cJSON *r) {
    const char *before = hal9_json_str(r, "before");
    _cleanup_free_ char *lasted = hal9_span_text(hal9_json_int(r, "before_ms", 0));

    if (before)
        cli_print("    it was %s for %s\n", before, lasted);
    if (hal9_json_bool(r, "flapping", false))
        cli_print("    flapping: it has changed %lld times lately; nobody is paged for that anew\n",
                  (long long)hal9_json_int(r, "changes", 0));
}

static void render_verdict(const cJSON *r) {
    const char *service = hal9_json_str(r, "service"), *state = hal9_json_str(r, "state"),
               *reason = hal9_json_str(r, "reason");
    const struct look *look = look_of(state);
    _cleanup_free_ char *cause = spaced(hal9_json_str(r, "cause"));
    const cJSON *blocked = cJSON_GetObjectItemCaseSensitive(r, "blocked_by"), *b;

    if (cli.quiet && hal9_streq(state, "healthy"))
        return;
    _cleanup_free_ char *name = cli_fit(service ? service : "?", 0);
    const int pad = name_width - cli_columns(name);

    print_clock();
    cli_print("%s%s%s %s%*s  %s%s%s", cli_style(look->style), look->sign, cli_style("off"), name,
              pad > 0 ? pad : 0, "", cli_style(look->style), state ? state : "?", cli_style("off"));
    if (hal9_streq(state, "healthy")) {
        cli_print("  %s\n", reason ? reason : "");
        render_history(r);
        return;
    }
    cli_print("%s%s\n", *cause ? "  " : "", cause);
    if (reason && *reason) {
        _cleanup_free_ char *words =
            with_evidence(reason, cJSON_GetObjectItemCaseSensitive(r, "evidence"));

        cli_print("    %s\n", words);
    }
    cJSON_ArrayForEach(b, blocked) {
        if (cJSON_IsString(b))
            cli_print("    waits for %s, which is not healthy\n", b->valuestring);
    }
    render_history(r);
}

static void render_check(const cJSON *r) {
    const char *state = hal9_json_str(r, "state"), *reason = hal9_json_str(r, "reason"),
               *name = hal9_json_str(r, "check");

    if (cli.verbose)
        cli_print("    %-7s %s%s%s\n", state ? state : "?", name ? name : "", reason ? ": " : "",
                  reason ? reason : "");
}

static void render_log(const cJSON *detail) {
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(detail, "log"), *line;
    const cJSON *lines = log ? cJSON_GetObjectItemCaseSensitive(log, "lines") : NULL;

    if (cJSON_GetArraySize(lines) == 0)
        return;
    cli_print("    the last lines of %s:\n",
              hal9_json_str(log, "path") ? hal9_json_str(log, "path") : "its log");
    cJSON_ArrayForEach(line, lines) {
        if (cJSON_IsString(line))
            cli_print("    | %s\n", line->valuestring);
    }
}

/* Where the logs are that were saved, and whether a look at them is worth the while. */
static void render_bundle(const cJSON *detail) {
    const cJSON *bundle = cJSON_GetObjectItemCaseSensitive(detail, "bundle"), *left;
    const char *path = hal9_json_str(bundle, "path");
    const long long lines = (long long)hal9_json_int(bundle, "suspicious", 0);

    if (!path)
        return;
    cli_print("    logs: %s, %lld suspicious line%s\n", path, lines, lines == 1 ? "" : "s");
    cJSON_ArrayForEach(left, cJSON_GetObjectItemCaseSensitive(bundle, "left_out")) {
        const char *what = hal9_json_str(left, "what"), *why = hal9_json_str(left, "why");

        if (cli.verbose && what && why)
            cli_print("    without %s: %s\n", what, why);
    }
}

static void render_step(const cJSON *r) {
    const char *state = hal9_json_str(r, "state"), *reason = hal9_json_str(r, "reason"),
               *hint = hal9_json_str(r, "hint");
    const char *title = hal9_json_str(r, "title");
    bool bad = hal9_streq(state, "failed") || hal9_streq(state, "warned");
    const char *style = hal9_streq(state, "failed")   ? "red"
                        : hal9_streq(state, "warned") ? "yellow"
                        : hal9_streq(state, "done")   ? "green"
                                                      : "dim";

    if (cli.quiet && !bad)
        return;
    /* Where there is no room for columns, how it went stays in one piece. */
    const bool narrow = cli.terminal && cli.width < 60;
    const bool timed = hal9_streq(state, "done") || bad;
    _cleanup_free_ char *took = timed ? hal9_strf(narrow ? "%.1f" CLI_GLUE "s" : "%4.1f s",
                                                  (double)hal9_json_int(r, "ms", 0) / 1000.0)
                                      : NULL;
    cli_print("  %lld/%lld %-*s %s%-*s%s%s%s\n", (long long)hal9_json_int(r, "index", 0),
              (long long)hal9_json_int(r, "count", 0), narrow ? 0 : 36, title ? title : "",
              cli_style(style), narrow ? 0 : 7, state ? state : "?", cli_style("off"),
              !took && !reason ? ""
              : narrow && took ? CLI_GLUE
                               : " ",
              took     ? took
              : reason ? reason
                       : "");
    render_bundle(cJSON_GetObjectItemCaseSensitive(r, "detail"));
    if (bad && reason)
        cli_print("    %s\n", reason);
    if (bad && hint)
        cli_print("    %s\n", hint);
    if (bad)
        render_log(cJSON_GetObjectItemCaseSensitive(r, "detail"));
}

/* The tool that made an operation says in its own words how it ended; for one further up the pipe
 * this line does. */
static void render_operation(const cJSON *r) {
    const char *id = hal9_json_str(r, "id"), *state = hal9_json_str(r, "state"),
               *title = hal9_json_str(r, "title");

    /* hal9-portfix says so in the holder record that follows. */
    if (hal9_streq(hal9_json_str(r, "by"), "hal9-portfix") && hal9_streq(state, "done"))
        return;

    cli_print("  %s: %s. Undo: hal9-rollback undo %s\n", title ? title : "operation",
              state ? state : "?", id ? cli_short(id) : "?");
}

static void render_reason(const cJSON *r) {
    const char *reason = hal9_json_str(r, "reason");

    if (reason && !cli.quiet)
        cli_print("%s\n", reason);
}

static void render_problem(const cJSON *r, bool own) {
    const char *message = hal9_json_str(r, "message");

    /* Our own problems were told on stderr already. */
    if (!own && message)
        cli_print("  problem: %s\n", message);
}

/* Which tool of the pipe speaks. */
static void heading(int now, const char *tool, bool own) {
    static int stage = -1;

    if (!cli.from_stdin || now == stage || cli.quiet)
        return;
    if (!own || stage >= 0)
        cli_print("%s%s%s\n", cli_style("dim"), tool ? tool : "?", cli_style("off"));
    stage = now;
}

void cli_own_heading(void) {
    if (cli.out)
        heading(hal9_stream_stage(cli.out), cli.command->name, true);
}

static void render(const cJSON *r, bool own) {
    const char *kind = hal9_json_str(r, "kind");

    if (hal9_streq(kind, "begin"))
        render_begin(r);
    if (!kind || hal9_streq(kind, "begin") || hal9_streq(kind, "end") ||
        (own && (hal9_streq(kind, "operation") || hal9_streq(kind, "problem"))))
        return;
    if (hal9_streq(kind, "check") && !cli.verbose)
        return;
    cli_progress_clear();
    /* The tools before this one in the pipe show their progress on the same terminal. */
    if (cli.from_stdin && cli.terminal)
        cli_print("\r\033[K");
    cli_banner_due();
    heading((int)hal9_json_int(r, "stage", 0), hal9_json_str(r, "tool"), own);
    if (hal9_streq(kind, "verdict"))
        render_verdict(r);
    else if (hal9_streq(kind, "check"))
        render_check(r);
    else if (hal9_streq(kind, "step"))
        render_step(r);
    else if (hal9_streq(kind, "operation"))
        render_operation(r);
    else if (hal9_streq(kind, "problem"))
        render_problem(r, own);
    else if (hal9_streq(kind, "flag"))
        cli_render_flag(r);
    else if (hal9_streq(kind, "notification"))
        cli_render_notification(r, own);
    else
        render_reason(r);
}

/* What came from elsewhere (a log line, an answer, a record of the pipe) may not talk to the terminal. */
static void scrub(cJSON *j) {
    for (char *p = cJSON_IsString(j) ? j->valuestring : NULL; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = *p == '\t' ? ' ' : '?';
    for (cJSON *child = j->child; child; child = child->next)
        scrub(child);
}

void cli_render(const cJSON *r, bool own) {
    _cleanup_json_ cJSON *clean = cJSON_Duplicate(r, true);

    scrub(clean);
    render(clean, own);
}
