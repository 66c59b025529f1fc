/* Incidents and the spool on disk: one key from the first failure to the recovery, whoever is killed
 * in between, whoever else is at it, and wherever there is room. */
#include "notify-world.h"

#include <dirent.h>

#include "sys/fault.h"

static cJSON *keep;

static int drop_keep(void **state) {
    cJSON_Delete(keep);
    keep = NULL;
    return world_teardown(state);
}

#define incident_test(f) cmocka_unit_test_setup_teardown(f, world_setup, drop_keep)

/* As each minute's cron does. */
static void minute(struct world *w, int n, const char *state) {
    char time[32];
    hal9_time_format(INT64_C(1795402800000) + n * INT64_C(60000), time);
    now_is(time);
    is_now(w, state);
    flush(w);
}

static void many_runs_are_one_incident_with_one_key(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    for (int i = 0; i < 40; i++)
        minute(w, i, "failing");
    assert_int_equal(count_received(w), 1);
    minute(w, 40, "healthy");
    minute(w, 41, "healthy");
    assert_int_equal(count_received(w), 2);
    minute(w, 60, "failing"); /* another one */
    assert_int_equal(count_received(w), 3);
    _cleanup_free_ char *first = hal9_strdup(body_text(w, 0, "dedup_key", &keep));
    assert_string_equal(body_text(w, 1, "dedup_key", &keep), first);
    assert_string_not_equal(body_text(w, 2, "dedup_key", &keep), first);
}

static void a_flapping_service_keeps_its_incident(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    for (int i = 0; i < 30; i++)
        minute(w, i, i % 2 ? "healthy" : "failing");
    for (int i = 30; i < 45; i++)
        minute(w, i, "healthy");
    assert_int_equal(count_received(w), 4); /* trigger, resolve, trigger, resolve */
    _cleanup_free_ char *first = hal9_strdup(body_text(w, 0, "dedup_key", &keep));
    for (int i = 1; i < 4; i++)
        assert_string_equal(body_text(w, i, "dedup_key", &keep), first);
    assert_string_equal(body_text(w, 3, "event_action", &keep), "resolve");
}

static void held_services_and_operations_are_no_news(void **state) {
    struct world *w = world_of(state);
    add_webhook(w, "/a");
    is_now(w, "held");
    assert_ok(verdict(w, "failing", "operation", NULL));
    assert_told(w, "");
    is_now(w, "failing");
    is_now(w, "held"); /* ends nothing either */
    assert_ok(verdict(w, "healthy", "operation", NULL));
    assert_told(w, "queued");
    is_now(w, "healthy");
    assert_told(w, "queued");
}

static void a_healthy_service_leaves_no_trace(void **state) {
    struct world *w = world_of(state);
    add_webhook(w, "/a");
    is_now(w, "healthy");
    _cleanup_free_ char *dir = hal9_strf("%s/incidents", hal9_state_path(w->t.s));
    assert_false(there(dir));
}

static void each_receiver_hears_what_it_wants(void **state) {
    struct world *w = world_of(state);
    add_webhook(w, "/all");
    hal9_strv_add(&((struct hal9_notify_spec *)w->specs.v[0])->on, "degraded");
    hal9_strv_add(&((struct hal9_notify_spec *)w->specs.v[0])->on, "failing");
    hal9_strv_add(&((struct hal9_notify_spec *)w->specs.v[0])->on, "recovered");
    add_webhook(w, "/usual");
    receiver_start(w, "200", NULL);
    minute(w, 0, "degraded");
    minute(w, 1, "failing");
    minute(w, 2, "degraded");
    minute(w, 30, "healthy");
    /* degraded, failing and recovered for the first; failing and recovered for the second */
    assert_int_equal(count_received(w), 5);
    _cleanup_free_ char *key = hal9_strdup(body_text(w, 0, "key", &keep));
    for (int i = 1; i < 5; i++)
        assert_string_equal(body_text(w, i, "key", &keep), key);
}

static void operations_are_told_to_those_who_ask(void **state) {
    struct world *w = world_of(state);
    _cleanup_json_ cJSON *record = cJSON_CreateObject();
    hal9_json_add_str(record, "kind", "operation");
    hal9_json_add_str(record, "id", "01jd8z4k2m7f3a");
    hal9_json_add_str(record, "host", "web-1");
    hal9_json_add_str(record, "title", "restart hal9-server");
    hal9_json_add_str(record, "service", "hal9-server");
    hal9_json_add_str(record, "state", "done");
    add_webhook(w, "/usual");
    hal9_strv_add(&add_pagerduty(w)->on, "operation");
    receiver_start(w, "202", NULL);
    assert_ok(hal9_notify_operation(&w->n, record, NULL));
    flush(w);
    assert_int_equal(count_received(w), 1);
    assert_string_equal(body_text(w, 0, "event_action", &keep), "trigger");
    const cJSON *p = cJSON_GetObjectItem(keep, "payload");
    assert_string_equal(hal9_json_str(p, "severity"), "info");
    assert_string_equal(hal9_json_str(p, "summary"),
                        "hal9-server: restart hal9-server on web-1: done");
}

static void a_long_key_is_cut_and_stays_its_own(void **state) {
    struct world *w = world_of(state);
    struct hal9_notifications all = {0};
    char name[2][400];
    for (int i = 0; i < 2; i++) {
        memset(name[i], 'x', sizeof(name[i]));
        name[i][390] = (char)('0' + i);
        name[i][391] = '\0';
    }
    add_pagerduty(w);
    for (int i = 0; i < 2; i++)
        assert_ok(hal9_notify_verdict(
            &w->n, &(struct hal9_notify_facts){.service = name[i], .state = "failing"}, NULL));
    assert_ok(hal9_notify_pending(&w->n, &all, NULL));
    assert_int_equal(all.n, 2);
    assert_int_equal(strlen(all.v[0].key), 255);
    assert_string_not_equal(all.v[0].key, all.v[1].key);
    hal9_notifications_clear(&all);
}

/* ---- killed */

static int incident_runs(struct world *w) {
    hal9_status status = verdict(w, "failing", NULL, NULL);
    if (status == HAL9_OK)
        status = hal9_notify_flush(&w->n, NULL);
    return status == HAL9_OK ? 0 : 1;
}

/* All triggers and resolves have one key, there is at least one of each, the last is a resolve. */
static void check_story(struct world *w) {
    _cleanup_json_ cJSON *all = received(w);
    const int n = cJSON_GetArraySize(all);
    _cleanup_free_ char *key = hal9_strdup(body_text(w, 0, "dedup_key", &keep));
    assert_true(n >= 2);
    assert_string_equal(body_text(w, 0, "event_action", &keep), "trigger");
    assert_string_equal(body_text(w, n - 1, "event_action", &keep), "resolve");
    for (int i = 0; i < n; i++)
        assert_string_equal(body_text(w, i, "dedup_key", &keep), key);
    assert_int_equal(count_spool(w, false) + count_spool(w, true), 0);
}

/* Returns how the killed process ended. */
static int killed_at(struct world *w, unsigned point) {
    char spec[32];
    snprintf(spec, sizeof(spec), "%u:KILL", point);
    pid_t pid = fork();
    if (pid == 0) {
        hal9_fault_setup(spec);
        _exit(incident_runs(w));
    }
    const int how = ended(pid);
    now_is("2026-11-23T03:20:00Z");
    assert_int_equal(incident_runs(w), 0);
    now_is("2026-11-23T03:21:00Z");
    is_now(w, "healthy");
    flush(w);
    check_story(w);
    return how;
}

static void killed_before_any_system_call_nothing_is_lost(void **state) {
    (void)state;
    unsigned point = 1;
    for (; point < 200; point++) {
        struct world *w = world_new();
        add_pagerduty(w);
        receiver_start(w, "202", NULL);
        const int how = killed_at(w, point);
        world_free(w);
        assert_true(how == 0 || how == 128 + SIGKILL);
        if (how == 0)
            break;
    }
    printf("# killed at %u points\n", point - 1);
    assert_in_range(point, 15, 199);
    cJSON_Delete(keep);
    keep = NULL;
}

/* ---- several at once */

static void two_that_flush_at_once_send_each_once(void **state) {
    struct world *w = world_of(state);
    enum { ITEMS = 24, PROCESSES = 3 };
    pid_t pids[PROCESSES];
    int gate[2];
    add_pagerduty(w);
    receiver_start(w, "slow:10", NULL);
    for (int i = 0; i < ITEMS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "service-%d", i);
        assert_ok(hal9_notify_verdict(
            &w->n, &(struct hal9_notify_facts){.service = name, .state = "failing"}, NULL));
    }
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char byte;
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0)
                _exit(9);
            w->n.within_ms = 60000;
            _exit(hal9_notify_flush(&w->n, NULL) == HAL9_OK ? 0 : 1);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(ended(pids[i]), 0);
    assert_int_equal(count_received(w), ITEMS);
    assert_int_equal(count_spool(w, false), 0);
}

static void two_that_decide_at_once_open_one_incident(void **state) {
    struct world *w = world_of(state);
    enum { PROCESSES = 8 };
    pid_t pids[PROCESSES];
    int gate[2];
    add_pagerduty(w);
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char byte;
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0)
                _exit(9);
            _exit(verdict(w, "failing", NULL, NULL) == HAL9_OK ? 0 : 1);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(ended(pids[i]), 0);
    assert_int_equal(count_spool(w, false), 1);
}

static void who_keeps_the_incidents_locked_is_not_waited_for_long(void **state) {
    struct world *w = world_of(state);
    struct hal9_places p = {.v = {w->t.s}, .n = 1};
    _cleanup_error_ struct hal9_error err = {0};
    int fd;
    add_pagerduty(w);
    assert_ok(hal9_incidents_lock(&p, -1, &fd, NULL));
    assert_int_equal(verdict(w, "failing", NULL, &err), HAL9_E_BUSY);
    assert_says(err, "what happened to hal9-server cannot be told");
    hal9_spool_release(fd);
    is_now(w, "failing");
    assert_told(w, "queued");
}

/* ---- full, read-only, damaged */

static void a_full_disk_is_no_reason_to_be_silent(void **state) {
    struct world *w = world_of(state);
    _cleanup_free_ char *spare = hal9_strf("%s/spare", w->t.dir);
    _cleanup_error_ struct hal9_error err = {0};
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    hal9_fault_setup("open:1+:ENOSPC");
    assert_int_equal(verdict(w, "failing", NULL, &err), HAL9_E_IO);
    assert_non_null(err.hint);
    assert_int_equal(count_spool(w, false), 0);
    hal9_fault_setup(NULL);
    /* a regular file where the directories should be: nothing can be written there */
    _cleanup_free_ char *incidents = hal9_strf("%s/incidents", hal9_state_path(w->t.s));
    _cleanup_free_ char *spool = hal9_strf("%s/spool", hal9_state_path(w->t.s));
    rmdir(incidents);
    assert_ok(hal9_file_write(incidents, "", 0, 0600, NULL));
    assert_ok(hal9_file_write(spool, "", 0, 0600, NULL));
    w->n.spare_dir = spare;
    is_now(w, "failing");
    is_now(w, "failing");
    assert_told(w, "queued");
    unlink(spool);
    flush(w);
    assert_told(w, "sent");
    unlink(incidents); /* there is room again */
    is_now(w, "failing");
    assert_told(w, "");
    is_now(w, "healthy");
    flush(w);
    assert_told(w, "queued sent");
    check_story(w);
    w->n.spare_dir = NULL; /* and what is newest is in its place again */
    is_now(w, "healthy");
    assert_told(w, "");
}

static void a_damaged_incident_begins_anew(void **state) {
    struct world *w = world_of(state);
    _cleanup_free_ char *path = hal9_strf("%s/incidents/hal9-server.json", hal9_state_path(w->t.s));
    add_pagerduty(w);
    is_now(w, "failing");
    assert_ok(hal9_file_write(path, "{\"told\":[{", 10, 0600, NULL));
    is_now(w, "failing");
    assert_told(w, "queued queued");
    assert_ok(hal9_file_write(path, "[]", 2, 0600, NULL));
    is_now(w, "failing");
    assert_told(w, "queued");
}

static void a_damaged_notification_is_set_aside_and_holds_up_nobody(void **state) {
    struct world *w = world_of(state);
    struct hal9_notifications all = {0};
    size_t n;
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    is_now(w, "failing");
    _cleanup_free_ char *path = hal9_spool_path(w->t.s, false, "01jd8z4k2m7f3a");
    assert_ok(hal9_file_write(path, "{\"hal9\":1,", 10, 0600, NULL));
    flush(w);
    assert_told(w, "queued sent");
    assert_int_equal(count_spool(w, true), 1);
    assert_ok(hal9_notify_pending(&w->n, &all, NULL));
    assert_int_equal(all.n, 1);
    assert_int_equal(all.v[0].state, HAL9_NOTIFY_FAILED);
    assert_ok(hal9_notify_again(&w->n, &n, NULL));
    assert_int_equal(n, 0);
    hal9_notifications_clear(&all);
    /* a newer build's stays where it is */
    const char *newer = "{\"hal9\":2,\"id\":\"01jd8z4k2m7f3a\"}";
    assert_ok(hal9_file_write(path, newer, strlen(newer), 0600, NULL));
    flush(w);
    assert_true(there(path));
}

/* Nobody here knows the receiver: perhaps another configuration does, for a week. */
static void what_another_configuration_has_spooled_is_left_alone(void **state) {
    struct world *w = world_of(state);
    struct hal9_notifications all = {0};
    struct hal9_list none = {0};
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    is_now(w, "failing");
    w->n.specs = &none;
    flush(w);
    assert_told(w, "queued");
    assert_ok(hal9_notify_pending(&w->n, &all, NULL));
    assert_int_equal(all.n, 1);
    assert_false(all.v[0].configured);
    hal9_notifications_clear(&all);
    now_is("2026-12-01T03:00:00Z");
    flush(w);
    assert_told(w, "failed");
}

static void the_spool_is_bounded(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    is_now(w, "failing");
    hal9_notifications_clear(&w->told);
    _cleanup_strv_ struct hal9_strv ids = {0};
    assert_ok(hal9_spool_list(w->t.s, false, &ids, NULL));
    struct hal9_item item;
    _cleanup_free_ char *first = hal9_spool_path(w->t.s, false, ids.v[0]);
    for (int i = 1; i < HAL9_SPOOL_MAX; i++) { /* by name alone, which is what is counted */
        char id[HAL9_ID_LEN + 1];
        hal9_id_new(id);
        _cleanup_free_ char *other = hal9_spool_path(w->t.s, false, id);
        assert_int_equal(link(first, other), 0);
    }
    assert_int_equal(count_spool(w, false), HAL9_SPOOL_MAX);
    is_now(w, "healthy");
    assert_told(w, "dropped queued");
    assert_int_equal(count_spool(w, false), HAL9_SPOOL_MAX);
    assert_int_equal(count_spool(w, true), 1);
    assert_ok(hal9_spool_read(w->t.s, true, ids.v[0], &item, NULL)); /* the oldest */
    hal9_item_clear(&item);
}

static mode_t mode_of_first(const char *dir) {
    DIR *d = opendir(dir);
    struct stat st = {0};
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (hal9_endswith(e->d_name, ".json"))
            assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
    closedir(d);
    return st.st_mode & 07777;
}

static void files_are_ones_own(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    const mode_t before = umask(0);
    is_now(w, "failing");
    umask(before);
    _cleanup_free_ char *spool = hal9_strf("%s/spool", hal9_state_path(w->t.s));
    _cleanup_free_ char *incidents = hal9_strf("%s/incidents", hal9_state_path(w->t.s));
    assert_int_equal(mode_of_first(spool), 0600);
    assert_int_equal(mode_of_first(incidents), 0600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        incident_test(many_runs_are_one_incident_with_one_key),
        incident_test(a_flapping_service_keeps_its_incident),
        incident_test(held_services_and_operations_are_no_news),
        incident_test(a_healthy_service_leaves_no_trace),
        incident_test(each_receiver_hears_what_it_wants),
        incident_test(operations_are_told_to_those_who_ask),
        incident_test(a_long_key_is_cut_and_stays_its_own),
        cmocka_unit_test(killed_before_any_system_call_nothing_is_lost),
        incident_test(two_that_flush_at_once_send_each_once),
        incident_test(two_that_decide_at_once_open_one_incident),
        incident_test(who_keeps_the_incidents_locked_is_not_waited_for_long),
        incident_test(a_full_disk_is_no_reason_to_be_silent),
        incident_test(a_damaged_incident_begins_anew),
        incident_test(a_damaged_notification_is_set_aside_and_holds_up_nobody),
        incident_test(what_another_configuration_has_spooled_is_left_alone),
        incident_test(the_spool_is_bounded),
        incident_test(files_are_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
