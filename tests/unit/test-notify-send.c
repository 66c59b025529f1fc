/* What receivers get, and what becomes of it when they are down, slow, busy or of another mind. */
#include "notify-world.h"

static void pagerduty_gets_trigger_and_resolve_of_one_key(void **state) {
    struct world *w = world_of(state);
    _cleanup_json_ cJSON *body = NULL;
    _cleanup_free_ char *key = NULL;
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    is_now(w, "failing");
    flush(w);
    assert_told(w, "queued sent");
    assert_string_equal(body_text(w, 0, "event_action", &body), "trigger");
    assert_string_equal(hal9_json_str(body, "routing_key"), SECRET);
    assert_string_equal(hal9_json_str(body, "client"), "hal9ops");
    const cJSON *p = cJSON_GetObjectItem(body, "payload");
    assert_string_equal(hal9_json_str(p, "summary"),
                        "hal9-server: failing on web-1: port 8080 is held by layer9-server");
    assert_string_equal(hal9_json_str(p, "source"), "web-1");
    assert_string_equal(hal9_json_str(p, "severity"), "critical");
    assert_string_equal(hal9_json_str(p, "timestamp"), START);
    assert_string_equal(hal9_json_str(p, "component"), "hal9-server");
    assert_string_equal(hal9_json_str(cJSON_GetObjectItem(p, "custom_details"), "reason"),
                        "port 8080 is held by layer9-server");
    key = hal9_strdup(hal9_json_str(body, "dedup_key"));
    assert_true(strlen(key) > 10 && strlen(key) <= 255);
    is_now(w, "healthy");
    flush(w);
    assert_string_equal(body_text(w, 1, "event_action", &body), "resolve");
    assert_string_equal(hal9_json_str(body, "dedup_key"), key);
    assert_string_equal(hal9_json_str(body, "routing_key"), SECRET);
    assert_int_equal(count_spool(w, false) + count_spool(w, true), 0);
}

static void a_webhook_gets_the_record_with_its_token(void **state) {
    struct world *w = world_of(state);
    _cleanup_json_ cJSON *body = NULL;
    add_webhook(w, "/hook")->webhook->token = hal9_strdup(w->key);
    receiver_start(w, "200", NULL);
    is_now(w, "failing");
    flush(w);
    assert_string_equal(body_text(w, 0, "kind", &body), "verdict");
    assert_string_equal(hal9_json_str(body, "event"), "failing");
    assert_string_equal(hal9_json_str(body, "state"), "failing");
    assert_true(hal9_endswith(hal9_json_str(body, "key"), hal9_json_str(body, "incident")));
    _cleanup_json_ cJSON *all = received(w);
    const cJSON *headers = cJSON_GetObjectItem(cJSON_GetArrayItem(all, 0), "headers");
    assert_string_equal(hal9_json_str(headers, "authorization"), "Bearer " SECRET);
    assert_string_equal(hal9_json_str(headers, "content-type"), "application/json");
    assert_non_null(hal9_json_str(headers, "idempotency-key"));
}

static void a_command_gets_the_record_on_stdin(void **state) {
    struct world *w = world_of(state);
    _cleanup_buf_ struct hal9_buf got = {0};
    struct hal9_notify_spec *s = add_spec(w);
    hal9_strv_add(&s->command, "/bin/sh");
    hal9_strv_add(&s->command, "-c");
    hal9_strv_take(&s->command,
                   hal9_strf("cat >%s.part && mv %s.part %s", w->record, w->record, w->record));
    is_now(w, "failing");
    flush(w);
    assert_told(w, "queued sent");
    assert_ok(hal9_file_read(w->record, 1 << 16, &got, NULL));
    assert_int_equal(got.data[got.len - 1], '\n');
    _cleanup_json_ cJSON *record = NULL;
    assert_ok(hal9_json_parse(got.data, got.len, &record, NULL));
    assert_string_equal(hal9_json_str(record, "event"), "failing");
}

static void a_command_that_fails_or_hangs_is_tried_again(void **state) {
    struct world *w = world_of(state);
    struct hal9_notify_spec *s = add_spec(w);
    hal9_strv_add(&s->command, "/bin/sh");
    hal9_strv_add(&s->command, "-c");
    hal9_strv_add(&s->command, "echo noise >&2; echo no mail today >&2; exit 7");
    is_now(w, "failing");
    flush(w);
    assert_int_equal(w->told.n, 2);
    assert_int_equal(w->told.v[1].state, HAL9_NOTIFY_QUEUED);
    assert_string_equal(w->told.v[1].reason, "/bin/sh exits 7: no mail today");
    assert_string_equal(w->told.v[1].to, "command sh");
    hal9_notifications_clear(&w->told);
    free(s->command.v[2]);
    s->command.v[2] = hal9_strdup("exec sleep 1000"); /* another receiver by that */
    now_is("2026-11-23T05:00:00Z");
    is_now(w, "failing");
    w->n.within_ms = 300;
    const int64_t begin = hal9_mono_ms();
    flush(w);
    assert_true(hal9_mono_ms() - begin < 20000);
    assert_int_equal(w->told.v[w->told.n - 1].state, HAL9_NOTIFY_QUEUED);
    assert_non_null(strstr(w->told.v[w->told.n - 1].reason, "killed"));
}

/* Down: nothing is lost; up again: it is sent, later than asked for, once. */
static void a_receiver_that_is_down_gets_it_when_it_is_up(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    is_now(w, "failing");
    flush(w);
    assert_int_equal(w->told.n, 2);
    assert_non_null(strstr(w->told.v[1].reason, "127.0.0.1: connection refused"));
    assert_int_equal(w->told.v[1].tries, 1);
    assert_true(w->told.v[1].next_ms > hal9_now_ms());
    hal9_notifications_clear(&w->told);
    receiver_start(w, "202", NULL);
    flush(w);
    assert_told(w, ""); /* not due */
    now_is("2026-11-23T03:01:00Z");
    flush(w);
    assert_told(w, "sent");
    flush(w);
    assert_int_equal(count_received(w), 1);
}

static void what_is_busy_is_left_alone_as_long_as_it_wants(void **state) {
    struct world *w = world_of(state);
    add_webhook(w, "/a");
    receiver_start(w, "429:1800", "200");
    is_now(w, "failing");
    assert_ok(hal9_notify_operation(&w->n, NULL, NULL)); /* nobody wants it */
    flush(w);
    assert_told(w, "queued queued");
    assert_int_equal(count_received(w), 1);
    now_is("2026-11-23T03:29:59Z");
    flush(w);
    assert_int_equal(count_received(w), 1);
    now_is("2026-11-23T03:30:00Z");
    flush(w);
    assert_told(w, "sent");
}

static void a_short_trouble_is_over_within_one_flush(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    receiver_start(w, "500", "202");
    is_now(w, "failing");
    flush(w);
    assert_told(w, "queued sent");
    assert_int_equal(count_received(w), 2);
}

/* What a receiver will never take is set aside, told, and can be sent again by hand. */
static void a_final_no_is_set_aside_and_sent_again_by_hand(void **state) {
    struct world *w = world_of(state);
    size_t n = 0;
    add_pagerduty(w);
    receiver_start(w, "echo", NULL); /* 400, with all that it got */
    is_now(w, "failing");
    flush(w);
    assert_int_equal(w->told.n, 2);
    assert_int_equal(w->told.v[1].state, HAL9_NOTIFY_FAILED);
    assert_true(hal9_startswith(w->told.v[1].reason, "127.0.0.1 answers 400: "));
    assert_null(strstr(w->told.v[1].reason, SECRET));
    assert_int_equal(count_spool(w, false), 0);
    assert_int_equal(count_spool(w, true), 1);
    receiver_start(w, "202", NULL);
    now_is("2026-11-23T08:00:00Z");
    flush(w);
    assert_int_equal(count_received(w), 1);
    assert_ok(hal9_notify_again(&w->n, &n, NULL));
    assert_int_equal(n, 1);
    flush(w);
    assert_int_equal(count_received(w), 2);
    assert_int_equal(count_spool(w, true), 0);
}

/* Its recovery was sent meanwhile: to send the alarm now would leave it open for ever. */
static void what_is_over_is_not_sent_again(void **state) {
    struct world *w = world_of(state);
    size_t n = 9;
    add_pagerduty(w);
    receiver_start(w, "400", "202");
    is_now(w, "failing");
    flush(w);
    is_now(w, "healthy");
    flush(w);
    assert_told(w, "queued failed queued sent");
    assert_ok(hal9_notify_again(&w->n, &n, NULL));
    assert_int_equal(n, 0);
    assert_told(w, "dropped");
    assert_int_equal(count_spool(w, true) + count_spool(w, false), 0);
}

static void poison_is_given_up_after_many_tries_and_a_day(void **state) {
    struct world *w = world_of(state);
    char time[32];
    const int64_t begin = hal9_now_ms();
    int64_t hours = 0;
    add_webhook(w, "/a");
    receiver_start(w, "500", NULL);
    is_now(w, "failing");
    hal9_notifications_clear(&w->told);
    for (; count_spool(w, true) == 0 && hours < 100; hours++) {
        hal9_time_format(begin + hours * 60 * 60 * 1000, time);
        now_is(time);
        flush(w);
        assert_int_equal(count_spool(w, false) + count_spool(w, true), 1);
    }
    assert_int_equal(hours, 25); /* tries each hour: the 20th was earlier */
    const struct hal9_notification *last = &w->told.v[w->told.n - 1];
    assert_int_equal(last->state, HAL9_NOTIFY_FAILED);
    assert_true(last->tries >= 20);
    assert_string_equal(last->reason, "127.0.0.1 answers 500: {\"status\":\"received\"}");
}

/* The trigger is late: its resolve waits for it. */
static void a_recovery_never_overtakes_its_failure(void **state) {
    struct world *w = world_of(state);
    _cleanup_json_ cJSON *body = NULL;
    add_pagerduty(w);
    is_now(w, "failing");
    flush(w); /* nobody listens: later */
    now_is("2026-11-23T03:00:00.500Z");
    is_now(w, "healthy");
    receiver_start(w, "202", NULL);
    flush(w);
    assert_int_equal(count_received(w), 0);
    now_is("2026-11-23T03:20:00Z");
    flush(w);
    assert_string_equal(body_text(w, 0, "event_action", &body), "trigger");
    assert_string_equal(body_text(w, 1, "event_action", &body), "resolve");
    assert_int_equal(count_received(w), 2);
}

/* Slow or silent receivers hold up nobody else, and the end comes in time. */
static void one_that_hangs_costs_only_its_own(void **state) {
    struct world *w = world_of(state);
    struct world *other = world_new();
    receiver_start(other, "hang", NULL);
    receiver_start(w, "slow:200", NULL);
    add_webhook(w, "/a");
    struct hal9_notify_spec *hanging = add_webhook(w, "/b");
    free(hanging->webhook->url);
    hanging->webhook->url = hal9_strf("http://127.0.0.1:%d/b", other->port);
    is_now(w, "failing");
    w->n.within_ms = 1500;
    const int64_t begin = hal9_mono_ms();
    flush(w);
    assert_true(hal9_mono_ms() - begin < 10000);
    assert_int_equal(count_received(w), 1);
    assert_int_equal(count_received(other), 1);
    assert_int_equal(count_spool(w, false), 1);
    now_is("2026-11-23T03:20:00Z");
    receiver_start(other, "202", NULL);
    flush(w);
    assert_int_equal(count_received(other), 2);
    assert_int_equal(count_spool(w, false), 0);
    world_free(other);
    now_is(START);
}

static void a_dead_receiver_is_left_alone_for_a_while(void **state) {
    struct world *w = world_of(state);
    add_webhook(w, "/a");
    receiver_start(w, "500", NULL);
    is_now(w, "failing");
    flush(w); /* three tries */
    now_is("2026-11-23T03:10:00Z");
    is_now(w, "healthy");
    flush(w); /* two: the breaker opens */
    assert_int_equal(count_received(w), 5);
    hal9_notifications_clear(&w->told);
    now_is("2026-11-23T03:10:29Z");
    flush(w);
    assert_told(w, ""); /* nothing was tried, so no try is counted */
    assert_int_equal(count_received(w), 5);
    receiver_start(w, "202", NULL);
    now_is("2026-11-23T03:40:00Z");
    flush(w);
    assert_told(w, "sent sent");
}

static void a_missing_secret_is_told_and_tried_again(void **state) {
    struct world *w = world_of(state);
    add_pagerduty(w);
    receiver_start(w, "202", NULL);
    assert_int_equal(unlink(w->key + 5), 0);
    is_now(w, "failing");
    flush(w);
    assert_non_null(strstr(w->told.v[1].reason, "the secret in "));
    assert_int_equal(count_received(w), 0);
    assert_ok(hal9_file_write(w->key + 5, "other", 5, 0600, NULL));
    now_is("2026-11-23T03:20:00Z");
    flush(w);
    assert_int_equal(count_received(w), 1);
}

static bool says_secret(const char *path) {
    _cleanup_buf_ struct hal9_buf text = {0};
    return hal9_file_read(path, 1 << 20, &text, NULL) == HAL9_OK && text.len > 0 &&
           (strstr(text.data, SECRET) || strstr(text.data, "hook-secret"));
}

static int no_secret_in(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)ftw;
    return type == FTW_F && says_secret(path) ? 1 : 0;
}

/* Neither key nor token nor the URL, which may be a secret itself, is in any file or message. */
static void no_file_and_no_message_holds_a_secret(void **state) {
    struct world *w = world_of(state);
    struct hal9_notifications all = {0};
    add_pagerduty(w);
    add_webhook(w, "/hook-secret?also=hook-secret")->webhook->token = hal9_strdup(w->key);
    receiver_start(w, "503", "echo");
    is_now(w, "failing");
    flush(w);
    receiver_stop(w);
    now_is("2026-11-23T03:05:00Z");
    flush(w);
    assert_ok(hal9_notify_pending(&w->n, &all, NULL));
    assert_int_equal(all.n, 2);
    assert_int_equal(nftw(hal9_state_path(w->t.s), no_secret_in, 16, FTW_PHYS), 0);
    for (size_t i = 0; i < all.n; i++) {
        assert_null(all.v[i].reason ? strstr(all.v[i].reason, "ecret-") : NULL);
        assert_null(strstr(all.v[i].to, "hook-secret"));
        assert_null(all.v[i].reason ? strstr(all.v[i].reason, "hook-secret") : NULL);
        assert_null(all.v[i].reason ? strstr(all.v[i].reason, SECRET) : NULL);
    }
    for (size_t i = 0; i < w->told.n; i++)
        assert_null(w->told.v[i].reason ? strstr(w->told.v[i].reason, "hook-secret") : NULL);
    hal9_notifications_clear(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        world_test(pagerduty_gets_trigger_and_resolve_of_one_key),
        world_test(a_webhook_gets_the_record_with_its_token),
        world_test(a_command_gets_the_record_on_stdin),
        world_test(a_command_that_fails_or_hangs_is_tried_again),
        world_test(a_receiver_that_is_down_gets_it_when_it_is_up),
        world_test(what_is_busy_is_left_alone_as_long_as_it_wants),
        world_test(a_short_trouble_is_over_within_one_flush),
        world_test(a_final_no_is_set_aside_and_sent_again_by_hand),
        world_test(what_is_over_is_not_sent_again),
        world_test(poison_is_given_up_after_many_tries_and_a_day),
        world_test(a_recovery_never_overtakes_its_failure),
        world_test(one_that_hangs_costs_only_its_own),
        world_test(a_dead_receiver_is_left_alone_for_a_while),
        world_test(a_missing_secret_is_told_and_tried_again),
        world_test(no_file_and_no_message_holds_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
