/* hal9-rollback show SNAPSHOT: what it keeps, and how the host was then, in words. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

static const cJSON *get(const cJSON *j, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(j, key);
}

static char *size_of(const cJSON *j, const char *key) {
    return hal9_size_text(hal9_json_u64(j, key));
}

/* ---- parts ---- */

static void show_files(const char *name, const cJSON *state) {
    _cleanup_free_ char *size = size_of(state, "bytes");

    if (hal9_json_bool(state, "absent", false))
        cli_say("  %s: absent\n", name);
    else
        cli_say("  %s: %lld files, %s\n", name, (long long)hal9_json_int(state, "files", 0), size);
}

static void show_service(const char *name, const cJSON *state) {
    const cJSON *exe = get(state, "exe"), *unit = get(state, "unit");
    const char *path = hal9_json_str(exe, "path"), *release = hal9_json_str(state, "release");
    const char *sha = hal9_json_str(exe, "sha256");

    cli_say("  %s: %s%s%s%s%s%s%.12s%s%s\n", name,
            hal9_json_bool(state, "running", false) ? "running" : "stopped",
            release ? ", release " : "", release ? release : "", path ? ", " : "", path ? path : "",
            sha ? " sha256 " : "", sha ? sha : "", unit ? ", unit " : "",
            unit && hal9_json_str(unit, "active") ? hal9_json_str(unit, "active") : "");
}

static void show_command(const char *name, const cJSON *state) {
    const char *text = hal9_json_str(state, "state");
    const cJSON *so = get(state, "so");

    cli_say("  %s:%s", name, cJSON_IsBool(so) ? cJSON_IsTrue(so) ? " so" : " not so" : "");
    if (text)
        cli_say(" %.*s%s", (int)strcspn(text, "\n"), text, strchr(text, '\n') ? " ..." : "");
    cli_say("\n");
}

static void show_part(const cJSON *one) {
    const cJSON *state = get(one, "state");
    const char *name = hal9_json_str(one, "part"), *gap = hal9_json_str(one, "gap");
    const char *kind = hal9_json_str(one, "kind");

    if (gap) {
        cli_say("  %s: not read: %s\n", name, gap);
    } else if (hal9_streq(kind, "files")) {
        show_files(name, state);
    } else if (hal9_streq(kind, "service")) {
        show_service(name, state);
    } else if (hal9_streq(kind, "command")) {
        show_command(name, state);
    } else {
        _cleanup_json_ cJSON *bare = cJSON_Duplicate(state, true);

        cJSON_DeleteItemFromObjectCaseSensitive(bare, "observed");
        _cleanup_free_ char *text = hal9_json_text(bare);

        cli_say("  %s: %s\n", name, text);
    }
}

/* ---- the host then ---- */

static void show_services(const cJSON *services) {
    const cJSON *one, *pid;

    cJSON_ArrayForEach(one, services) {
        const cJSON *pids = get(one, "pids");
        const char *sep = " ";

        cli_say("  service %s:", hal9_json_str(one, "name"));
        if (!pids)
            cli_say(" its processes could not be told");
        else if (!pids->child)
            cli_say(" no process");
        else
            cli_say(" pid");
        cJSON_ArrayForEach(pid, pids) {
            cli_say("%s%d", sep, pid->valueint);
            sep = ", ";
        }
        cli_say("%s\n", hal9_json_bool(one, "hidden", false) ? ", maybe more" : "");
    }
}

static void show_load(const cJSON *facts) {
    const cJSON *load = get(facts, "load"), *one;

    if (!load)
        return;
    cli_say("  host then: load");
    cJSON_ArrayForEach(one, load) {
        cli_say(" %.2f", one->valuedouble);
    }
    cli_say(" on %lld CPU%s, %lld processes\n", (long long)hal9_json_int(facts, "cpus", 0),
            hal9_json_int(facts, "cpus", 0) == 1 ? "" : "s",
            (long long)hal9_json_int(facts, "processes", 0));
}

static void show_space(const cJSON *facts) {
    const cJSON *memory = get(facts, "memory"), *disk;

    if (memory) {
        _cleanup_free_ char *free_ = size_of(memory, "available"), *all = size_of(memory, "total");
        _cleanup_free_ char *swap = size_of(memory, "swap_free");
        _cleanup_free_ char *all_swap = size_of(memory, "swap_total");

        cli_say("  memory then: %s of %s available, swap %s of %s free\n", free_, all, swap,
                all_swap);
    }
    cJSON_ArrayForEach(disk, get(facts, "disk")) {
        _cleanup_free_ char *free_ = size_of(disk, "available"), *all = size_of(disk, "total");

        cli_say("  disk then: %s of %s available on %s\n", free_, all, disk->string);
    }
}

static void show_counts(const char *what, const cJSON *counts, const char *before) {
    const cJSON *one;
    const char *sep = " ";

    if (!counts || !counts->child)
        return;
    cli_say("  %s:", what);
    cJSON_ArrayForEach(one, counts) {
        cli_say("%s%lld %s%s", sep, (long long)one->valuedouble, before, one->string);
        sep = ", ";
    }
    cli_say("\n");
}

static void show_host(const cJSON *snapshot) {
    const cJSON *connections = get(snapshot, "connections");

    show_services(get(snapshot, "services"));
    show_load(get(snapshot, "facts"));
    show_space(get(snapshot, "facts"));
    show_counts("connections then", get(connections, "by_state"), "");
    show_counts("established to peer ports", get(connections, "by_port"), "to ");
}

void rollback_show_snapshot(const cJSON *snapshot) {
    const cJSON *one;
    const char *user = hal9_json_str(snapshot, "user"), *host = hal9_json_str(snapshot, "host");

    if (!cli.text) {
        cJSON *extra = cJSON_CreateObject();

        cJSON_AddItemToObject(extra, "document", cJSON_Duplicate(snapshot, true));
        rollback_tell_snapshot(snapshot, NULL, extra);
        return;
    }
    rollback_tell_snapshot(snapshot, NULL, NULL);
    cli_say("  snapshot %s, by %s on %s\n", hal9_json_str(snapshot, "id"), user ? user : "?",
            host ? host : "?");
    cJSON_ArrayForEach(one, get(snapshot, "parts")) {
        show_part(one);
    }
    show_host(snapshot);
}
