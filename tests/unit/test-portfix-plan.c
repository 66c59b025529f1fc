/* The plan for what was found. */
#include "portfix-made.h"

#include "hal9ops/doc.h"

#define ONE(n) ((const uint64_t[]){n, 0})
#define TWO(a, b) ((const uint64_t[]){a, b, 0})

static struct hal9_portfix job = {.settle_ms = -1};

static struct hal9_plan planned(const struct hal9_portfix *p, const struct hal9_port_findings *f) {
    struct hal9_plan plan = {0};

    assert_ok(portfix_plan(p, f, &plan, NULL));
    return plan;
}

static size_t count(const struct hal9_plan *p, const char *kind) {
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += hal9_streq(p->steps[i]->kind, kind);
    return n;
}

static void plans_nothing_where_nothing_is_wrong(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_plan plan;

    (void)state;
    made_holder(made_finding(&all, 8080, ONE(11)), 0, 12, "hal9-server")->is_owner = true;
    plan = planned(&job, &all);
    assert_int_equal(plan.n, 0);
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

static void plans_stop_proof_and_watch(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_plan plan;

    (void)state;
    made_holder(made_finding(&all, 8080, ONE(11)), 0, 4711, "layer9-server");
    plan = planned(&job, &all);
    assert_int_equal(plan.n, 3);
    assert_string_equal(plan.title, "free 8080/tcp from layer9-server");
    assert_int_equal(hal9_json_int(plan.subject, "port", 0), 8080);
    assert_string_equal(plan.steps[0]->kind, "process.stop");
    assert_string_equal(plan.steps[0]->title, "stop layer9-server (pid 4711)");
    assert_string_equal(plan.steps[1]->kind, "port.prove");
    assert_string_equal(plan.steps[1]->title, "prove that 8080 can be bound");
    assert_string_equal(plan.steps[1]->after.v[0], plan.steps[0]->name);
    assert_string_equal(plan.steps[2]->kind, "port.settle");
    assert_string_equal(plan.steps[2]->title, "watch for a second thief");
    assert_string_equal(plan.steps[2]->after.v[0], plan.steps[1]->name);
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

static void watches_not_when_told_so(void **state) {
    struct hal9_port_findings all = {0};
    const struct hal9_portfix p = {.settle_ms = 0};
    struct hal9_plan plan;

    (void)state;
    made_holder(made_finding(&all, 8080, ONE(11)), 0, 4711, "layer9-server");
    plan = planned(&p, &all);
    assert_int_equal(count(&plan, "port.prove"), 1);
    assert_int_equal(count(&plan, "port.settle"), 0);
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

static void stops_a_process_once_for_several_ports(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_plan plan;

    (void)state;
    made_holder(made_finding(&all, 8080, ONE(11)), 0, 4711, "layer9-server");
    made_holder(made_finding(&all, 8081, ONE(12)), 0, 4711, "layer9-server");
    plan = planned(&job, &all);
    assert_int_equal(count(&plan, "process.stop"), 1);
    assert_int_equal(count(&plan, "port.prove"), 2);
    assert_int_equal(count(&plan, "port.settle"), 2);
    assert_string_equal(plan.title, "free 8080/tcp and 1 more port from layer9-server");
    assert_string_equal(plan.steps[0]->title, "stop layer9-server (pid 4711)");
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

static void stops_strangers_to_each_other_apart(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_plan plan;

    (void)state;
    made_holder(made_finding(&all, 8080, ONE(11)), 0, 4711, "layer9-server");
    made_holder(made_finding(&all, 8081, ONE(12)), 0, 4712, "hold-port");
    plan = planned(&job, &all);
    assert_int_equal(count(&plan, "process.stop"), 2);
    assert_string_equal(hal9_plan_find(&plan, "prove-8080-tcp")->after.v[0], "stop-1");
    assert_string_equal(hal9_plan_find(&plan, "prove-8081-tcp")->after.v[0], "stop-2");
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

/* One socket among different programs, and one program with a socket for each worker. */
static void stops_together_what_belongs_together(void **state) {
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, ONE(11));
    struct hal9_plan plan;

    (void)state;
    made_holder(f, 0, 10, "master");
    made_holder(f, 0, 11, "worker");
    f = made_finding(&all, 8081, TWO(21, 22));
    made_holder(f, 0, 20, "reuse");
    made_holder(f, 1, 21, "reuse");
    plan = planned(&job, &all);
    assert_int_equal(count(&plan, "process.stop"), 2);
    assert_string_equal(plan.steps[0]->title, "stop master (pid 10) and 1 more process");
    assert_string_equal(plan.steps[1]->title, "stop reuse (pid 20) and 1 more process");
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

/* The owner listens on another address and stays: the port as a whole can't be bound then, and its processes are no targets. */
static void leaves_the_owner_alone(void **state) {
    const struct hal9_service server = {.name = (char[]){"hal9-server"}};
    struct hal9_port_findings all = {0};
    struct hal9_port_finding *f = made_finding(&all, 8080, TWO(11, 12));
    struct hal9_plan plan;

    (void)state;
    f->owner = &server;
    made_holder(f, 0, 4711, "layer9-server");
    made_holder(f, 1, 12, "hal9-server")->is_owner = true;
    plan = planned(&job, &all);
    assert_int_equal(plan.n, 3);
    assert_string_equal(plan.steps[0]->title, "stop layer9-server (pid 4711)");
    assert_string_equal(plan.steps[1]->title, "prove that only hal9-server has 8080");
    assert_non_null(cJSON_GetObjectItem(plan.steps[1]->args, "owner"));
    hal9_plan_clear(&plan);
    hal9_port_findings_clear(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_nothing_where_nothing_is_wrong),
        cmocka_unit_test(plans_stop_proof_and_watch),
        cmocka_unit_test(watches_not_when_told_so),
        cmocka_unit_test(stops_a_process_once_for_several_ports),
        cmocka_unit_test(stops_strangers_to_each_other_apart),
        cmocka_unit_test(stops_together_what_belongs_together),
        cmocka_unit_test(leaves_the_owner_alone),
    };

    return cmocka_run_group_tests(tests, made_setup, NULL);
}
