/* The frame of every command: reads options, opens what is needed, closes, and exits with the right
 * code. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "notify-cli.h"

struct cli cli;

static void print_json(cJSON *doc) {
    char *text = cJSON_Print(doc);

    puts(text ? text : "");
    cJSON_free(text);
    cJSON_Delete(doc);
}

static int schema(void) {
    if (strcmp(cli.schema_option, "config") == 0)
        print_json(hal9_config_schema());
    else if (strcmp(cli.schema_option, "records") == 0)
        print_json(hal9_record_schema());
    else
        return cli_usage("--schema: '%s' is not config or records", cli.schema_option);
    return CLI_HOLDS;
}

/* Operands, in their order; "-" stands for the records on stdin. */
static void operands(poptContext con) {
    const char *word;

    while ((word = poptGetArg(con))) {
        if (strcmp(word, "-") == 0)
            cli.from_stdin = true;
        else
            hal9_strv_add(&cli.operands, word);
    }
}

/* -1: options are read, go on; else the exit code. */
static int parse(poptContext con) {
    int rc;

    while ((rc = poptGetNextOpt(con)) > 0) {
        if (rc == 'V') {
            printf("%s %s\n", cli.command->name, hal9_version());
            return CLI_HOLDS;
        }
        if (rc == 'H') {
            cli_help();
            return CLI_HOLDS;
        }
        /* Each -v is told by itself: popt's bit stays, the count is ours. */
    }
    if (rc < -1)
        return cli_bad_option(poptBadOption(con, POPT_BADOPTION_NOALIAS), poptStrerror(rc));
    operands(con);
    if (cli_settings() != CLI_HOLDS)
        return CLI_USAGE;
    hal9_log_setup(cli.command->name, cli.verbose);
    if (cli.schema_option)
        return schema();
    if (cli.bug_report)
        return cli_bug_report();
    if (cli.check_config) {
        rc = cli_load_config();
        if (rc == CLI_HOLDS && !cli.quiet)
            printf("%s is fine: %zu services\n",
                   cli.config->path ? cli.config->path : "no configuration",
                   cli.config->services.n);
        return rc;
    }
    return -1;
}

static void render_sink(void *data, const cJSON *record, const char *line, size_t len, bool own) {
    (void)data;
    (void)line;
    (void)len;
    if (record)
        cli_render(record, own);
}

bool cli_start(const struct cli_command *command, int argc, char **argv, int *ret_code) {
    struct poptOption table[] = {
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, NULL, 0, NULL, NULL},
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, NULL, 0, NULL, NULL},
        POPT_TABLEEND,
    };
    poptContext con;

    /* popt's tables are const, but the member that holds an included one is not. */
    memcpy(&table[0].arg, &command->options, sizeof(table[0].arg));
    const struct poptOption *common = cli_common_options;
    memcpy(&table[1].arg, &common, sizeof(table[1].arg));
    cli.command = command;
    cli.argv = (const char *const *)argv;
    cli_stdio();
    hal9_log_cleaner(hal9_redact_words);
    cli_signals();
    con = poptGetContext(command->name, argc, (const char **)argv, table, 0);
    *ret_code = parse(con);
    poptFreeContext(con);
    if (*ret_code < 0) {
        struct hal9_stream_opts o = {.tool = command->name,
                                     .host = hal9_host_name(),
                                     .machine = hal9_host_machine_id(),
                                     .fd = STDOUT_FILENO,
                                     .buffered_pass = true};

        if (cli.form)
            o.fd = -1;
        if (cli.text)
            o.sink = render_sink;
        cli.out = hal9_stream_new(&o);
        cli_patience();
        return true;
    }
    if (fflush(stdout) != 0 && *ret_code == CLI_HOLDS)
        *ret_code = CLI_UNKNOWN;
    return false;
}

int cli_finish(int code) {
    cli_progress_clear();
    cli_banner_due();
    cli_say_next();
    if (cli.tone == CLI_SALTY && cli.night && code != CLI_HOLDS && cli_utf8())
        cli_print("아 시발 아 컴퓨터네 우주가\n");
    cli_notify_flush();
    if (cli.out && hal9_stream_begun(cli.out))
        hal9_stream_end(cli.out, &(struct hal9_stage_result){.exit = code});
    hal9_stream_free(cli.out);
    hal9_state_close(cli.state);
    hal9_config_free(cli.config);
    hal9_strv_free(&cli.operands);
    hal9_strv_free(&cli.force);
    free(cli.trouble);
    fflush(stdout);
    /* What only tells has no safe step to come to: it was broken off. */
    if (cli.cancel.signal && !cli.acting && code < CLI_SIGNAL)
        code = CLI_SIGNAL + cli.cancel.signal;
    return code;
}
