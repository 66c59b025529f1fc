/* What was found, in words; refusals. */
#include "portfix-made.h"

#include "hal9ops/doc.h"

#define ONE ((const uint64_t[]){11, 0})
#define TWO ((const uint64_t[]){11, 12, 0})
#define NOBODY ((const uint64_t[]){0})

static struct hal9_service server = {.name = "hal9-server"};

static void says(struct hal9_port_finding *f, const char *words) {
    portfix_words(f);
    assert_string_equal(f->words, words);
}

static void says_who_holds_it(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);
    struct hal9_port_holder *h = made_holder(f, 0, 4711, "layer9-server");

    (void)state;
    says(f, "8080/tcp is held by layer9-server, pid 4711, for 13 min");
    assert_string_equal(f->next, "hal9-portfix 8080");
    h->unit = hal9_strdup("layer9.service");
    says(f, "8080/tcp is held by layer9-server, pid 4711 (unit layer9.service), for 13 min");
    hal9_port_findings_clear(&all);
}

static void says_how_many_more(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);

    (void)state;
    for (pid_t pid = 10; pid < 13; pid++)
        made_holder(f, 0, pid, "layer9-server");
    says(f, "8080/tcp is held by layer9-server, pid 10, for 13 min and 2 more processes");
    made_holder(f, 0, 20, "helper");
    says(f, "8080/tcp is held by layer9-server, pid 10, for 13 min, and by helper, pid 20, for 13 "
            "min and 2 more processes");
    hal9_port_findings_clear(&all);
}

static void says_that_it_is_the_owners(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);

    (void)state;
    made_holder(f, 0, 12, "hal9-server")->is_owner = true;
    f->owner = &server;
    f->answer = HAL9_PORT_OWNER;
    says(f, "8080/tcp is its owner's: hal9-server, pid 12");
    assert_null(f->next);
    hal9_port_findings_clear(&all);
}

static void says_that_the_owner_has_another_address(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, TWO);

    (void)state;
    f->owner = &server;
    made_holder(f, 0, 4711, "layer9-server");
    made_holder(f, 1, 12, "hal9-server")->is_owner = true;
    says(f, "8080/tcp is held by layer9-server, pid 4711, for 13 min, while its owner, "
            "hal9-server, has 127.0.0.1:8080");
    hal9_port_findings_clear(&all);
}

static void says_that_it_is_free(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 53, NOBODY);

    (void)state;
    f->proto = HAL9_UDP;
    says(f, "53/udp is free");
    assert_int_equal(hal9_portfix_exit(&all), 0);
    hal9_port_findings_clear(&all);
}

static void says_that_the_holder_is_hidden(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);

    (void)state;
    f->answer = HAL9_PORT_HIDDEN;
    f->hidden = true;
    portfix_words(f);
    if (geteuid() == 0)
        assert_non_null(strstr(f->words, "another pid namespace"));
    else
        assert_string_equal(
            f->words, "8080/tcp is held by a process of uid 1000 that you can't see; run as root");
    assert_int_equal(hal9_portfix_exit(&all), 4);
    hal9_port_findings_clear(&all);
}

static void blanks_secrets(void **state) {
    struct hal9_proc p = {.comm = (char[]){"x"}, .uid = 0, .started_ms = NOW_MS - 60000};
    static const char *const argv[] = {"x", "--token=abc", "--password", "abc", "--port", "80"};
    char *text;

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(argv); i++)
        hal9_strv_add(&p.argv, argv[i]);
    text = portfix_portrait(&p);
    assert_non_null(strstr(text, "x (pid 0, user root, since 02:59): "));
    assert_non_null(strstr(text, "--port 80"));
    assert_null(strstr(text, "abc"));
    free(text);
    hal9_strv_free(&p.argv);
}

/* ---- refusals */

static void refuses_strangers(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);
    struct hal9_port_holder *h = made_holder(f, 0, 4711, "stranger");

    (void)state;
    portfix_refuse(&all, NULL);
    assert_string_equal(f->guard, "holder");
    assert_non_null(
        strstr(f->refusal, "stranger (pid 4711, user root, since 02:47): /opt/stranger"));
    h->allowed = true;
    portfix_refuse(&all, NULL);
    assert_null(f->refusal);
    assert_null(f->guard);
    hal9_port_findings_clear(&all);
}

static bool say_yes(void *data, const struct hal9_port_finding *f,
                    const struct hal9_port_holder *h) {
    (void)f, (void)h;
    ++*(int *)data;
    return true;
}

static void never_asks_for_what_is_never_stopped(void **state) {
    struct hal9_port_findings all = {0};
    int asked = 0;
    struct hal9_portfix p = {.confirm = say_yes, .data = &asked};
    struct portfix_job j = {.p = &p};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE);

    (void)state;
    made_holder(f, 0, 1, "init")->never = "it is PID 1";
    assert_int_equal(portfix_permit(&j, &all, &err), HAL9_E_REFUSED);
    assert_says(err, "it is never stopped: it is PID 1");
    assert_null(f->guard);
    assert_int_equal(asked, 0);
    hal9_port_findings_clear(&all);
}

static void asks_once_for_a_program(void **state) {
    struct hal9_port_findings all = {0};
    int asked = 0;
    struct hal9_portfix p = {.confirm = say_yes, .data = &asked};
    struct portfix_job j = {.p = &p};

    (void)state;
    made_holder(made_finding(&all, 8080, ONE), 0, 4711, "stranger");
    made_holder(made_finding(&all, 8081, ONE), 0, 4712, "stranger");
    assert_ok(portfix_permit(&j, &all, NULL));
    assert_int_equal(asked, 1);
    assert_null(all.v[1].refusal);
    made_holder(made_finding(&all, 8082, ONE), 0, 4713, "another");
    assert_int_equal(portfix_permit(&j, &all, NULL), HAL9_E_REFUSED);
    assert_int_equal(asked, 1); /* who comes later is refused, not asked about */
    portfix_job_clear(&j);
    hal9_port_findings_clear(&all);
}

/* Nobody is asked about one port when another can't be had anyway. */
static void asks_nothing_in_vain(void **state) {
    struct hal9_port_findings all = {0};
    int asked = 0;
    struct hal9_portfix p = {.confirm = say_yes, .data = &asked};
    struct portfix_job j = {.p = &p};
    _cleanup_error_ struct hal9_error err = {0};

    (void)state;
    made_holder(made_finding(&all, 8080, ONE), 0, 4711, "stranger");
    made_finding(&all, 8081, ONE)->answer = HAL9_PORT_HIDDEN;
    portfix_words(&all.v[1]);
    assert_int_equal(portfix_permit(&j, &all, &err), HAL9_E_UNKNOWN);
    assert_says(err, "8081/tcp is held by a process");
    assert_int_equal(asked, 0);
    assert_int_equal(hal9_portfix_exit(&all), 1);
    hal9_port_findings_clear(&all);
}

static void names_answers(void **state) {
    (void)state;
    assert_string_equal(hal9_port_answer_name(HAL9_PORT_TIME_WAIT), "time_wait");
    assert_string_equal(hal9_port_answer_name(HAL9_PORT_RELEASED), "released");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_who_holds_it),
        cmocka_unit_test(says_how_many_more),
        cmocka_unit_test(says_that_it_is_the_owners),
        cmocka_unit_test(says_that_the_owner_has_another_address),
        cmocka_unit_test(says_that_it_is_free),
        cmocka_unit_test(says_that_the_holder_is_hidden),
        cmocka_unit_test(blanks_secrets),
        cmocka_unit_test(refuses_strangers),
        cmocka_unit_test(never_asks_for_what_is_never_stopped),
        cmocka_unit_test(asks_once_for_a_program),
        cmocka_unit_test(asks_nothing_in_vain),
        cmocka_unit_test(names_answers),
    };

    return cmocka_run_group_tests(tests, made_setup, NULL);
}
