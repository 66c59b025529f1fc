#!/usr/bin/env bats
# hal9-restart on real processes: what it does to one service, and what keeps it from doing it.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

@test "one that is down is started, proven healthy, and its undo is told" {
  service hal9-server
  run -0 restart hal9-server
  says "hal9-server is not running"
  says "start hal9-server"
  one_of hal9-server
  says "hal9-server is healthy (pid $the_pid). Undo: hal9-rollback undo "
  answers hal9-server
}

@test "one that runs is stopped first: the old process is gone, a new one answers" {
  service hal9-server
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run -0 restart hal9-server
  says "hal9-server is running (pid $old, since "
  says "stop hal9-server (pid $old)"
  gone "$old"
  one_of hal9-server
  [ "$the_pid" != "$old" ]
  answers hal9-server
}

@test "one that somebody else started is the same service" {
  service hal9-server
  # shellcheck disable=SC2086
  start_in_background "$TEST_DIR/by-hand.log" "$TEST_DIR/bin/hal9-server" --port "${port_of[hal9-server]}"
  wait_for_log "$TEST_DIR/by-hand.log" "listening"
  run -0 restart hal9-server
  gone "$background_pid"
  one_of hal9-server
}

@test "a master goes with its workers" {
  service hal9-server --workers 2
  run -0 restart hal9-server
  mapfile -t family < <(pids_of hal9-server)
  [ "${#family[@]}" = 3 ]
  run -0 restart hal9-server
  for pid in "${family[@]}"; do gone "$pid"; done
  [ "$(pids_of hal9-server | wc -l)" = 3 ]
}

@test "TERM ignored: KILL after the grace" {
  STOP='{grace: 300ms}' service hal9-server --ignore-term
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run -0 restart hal9-server
  gone "$old"
  one_of hal9-server
  grep -q "SIGTERM ignored" "$TEST_DIR"/state/services/hal9-server/*.log
}

@test "TERM ignored where KILL is forbidden: exit 1, the old one goes on" {
  STOP='{grace: 300ms, kill: false}' service hal9-server --ignore-term
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run -1 restart hal9-server
  says "hal9-server could not be stopped: "
  one_of hal9-server
  [ "$the_pid" = "$old" ]
}

@test "a graceful stop that holds the port to its end is waited for" {
  service hal9-server --term-delay 700 --term-holds
  run -0 restart hal9-server
  run -0 restart hal9-server
  one_of hal9-server
}

@test "connections of clients, open or in TIME_WAIT, are no hindrance" {
  service hal9-server
  run -0 restart hal9-server
  start_fixture tcp-client --port "${port_of[hal9-server]}" --connections 3 --send
  run -0 restart hal9-server
  answers hal9-server
  is_alive "$fixture_pid"
}

@test "a slow start is waited for" {
  service hal9-server --slow-start 1500
  run -0 restart hal9-server
  says "healthy"
  answers hal9-server
}

@test "one that answers 503 for a while is waited for" {
  service hal9-server --slow-health 1000
  run -0 restart hal9-server
  answers hal9-server
}

@test "it exits at its start: the log's tail is shown, exit 1, and what next" {
  service hal9-server --exit-at-start 3
  run -1 restart hal9-server
  says "cannot open database: connection refused"
  says_failed hal9-server
  says "hal9-rollback show"
  says "hal9-health hal9-server -v"
  says "$TEST_DIR/state/services/hal9-server/"
  none_of hal9-server
}

@test "it runs and does not become healthy: left running for a look, exit 1" {
  CHECK='{status: 200, json: {/service: other}}' GATE='{within: 1s, interval: 100ms}' service hal9-server
  run -1 restart hal9-server
  one_of hal9-server
  says "did not become healthy: "
  says "left running (pid $the_pid)"
  says "hal9-rollback undo"
}

@test "its port is held by a stranger: refused, nothing touched, the stranger lives" {
  service hal9-server
  start_fixture layer9-server --port "${port_of[hal9-server]}"
  run -1 restart hal9-server
  says "${port_of[hal9-server]}/tcp is held by layer9-server (pid $fixture_pid)"
  says "hal9-portfix hal9-server"
  is_alive "$fixture_pid"
  [ "$(journals)" = 0 ]
}

@test "preflight fails: the old one goes on, its output is shown" {
  service hal9-server
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  clear_site
  MORE="    preflight: [$TEST_DIR/bin/hal9-server, --check-config, --bad-config]" service hal9-server
  run -1 restart hal9-server
  says "unknown directive"
  says "hal9-server was not stopped: the check of its configuration failed"
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  answers hal9-server
}

@test "preflight passes: the restart goes on" {
  MORE="    preflight: [$TEST_DIR/bin/hal9-server, --check-config]" service hal9-server
  run -0 restart hal9-server
  says "check the configuration of hal9-server"
  one_of hal9-server
}

# refused_for KEY WORDS: what runs is not stopped because `run` names something that is not there.
refused_for() {
  run -1 restart hal9-server
  says "$HAL9OPS_CONFIG:"
  says "hal9-server: run.$1: "
  says "$2"
  one_of hal9-server
  [ "$the_pid" = "$old" ]
}

@test "a missing program, folder or user: refused before anything is stopped, with key and place" {
  service hal9-server
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  identity="    identity: {exe: $TEST_DIR/bin/hal9-server}"
  sed "s|exec: .*|exec: [/nonexistent/server]|; /^  hal9-server:/a\\$identity" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  refused_for exec "/nonexistent/server does not exist"
  sed "s|exec: .*|exec: [$HAL9OPS_CONFIG]|; /^  hal9-server:/a\\$identity" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  refused_for exec "is not executable"
  sed "s|exec: .*|exec: [no-such-server-anywhere]|; /^  hal9-server:/a\\$identity" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  refused_for exec "no program 'no-such-server-anywhere' in PATH"
  sed "s|^    run:|&\n      cwd: /nonexistent|" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  refused_for cwd "/nonexistent"
  sed "s|^    run:|&\n      user: no-such-user|" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  refused_for user "no-such-user"
}

@test "--if-down: what is healthy is left alone, twice" {
  service hal9-server
  run -0 restart --if-down hal9-server
  one_of hal9-server
  old=$the_pid
  [ "$(journals)" = 1 ]
  run -0 restart --if-down hal9-server
  [ "$output" = "hal9-server is healthy already; nothing done" ]
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  [ "$(journals)" = 1 ]
}

@test "--if-down: what runs and fails its own checks is restarted" {
  service hal9-server --status 500
  run -1 restart --no-gate hal9-server --if-down -q </dev/null || true
  one_of hal9-server
  old=$the_pid
  clear_site
  service hal9-server
  run -0 restart --if-down hal9-server
  says "is running (pid $old, since "
  says "500"
  gone "$old"
}

@test "-n tells the plan and changes nothing: exit 1 with something to do, else 0" {
  service hal9-server
  run -1 restart -n hal9-server
  says "start hal9-server"
  says "pending"
  none_of hal9-server
  [ ! -e "$TEST_DIR/state" ]
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run -1 restart -n hal9-server
  says "stop hal9-server (pid $old)"
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  run -0 restart -n --if-down hal9-server
  [ "$(journals)" = 1 ]
}

@test "--no-gate: started and not waited for" {
  service hal9-server --slow-start 60000
  run -0 restart --no-gate hal9-server
  says "whether it is healthy was not waited for"
  never_says "wait until"
  one_of hal9-server
}

@test "--timeout bounds the waiting" {
  service hal9-server --slow-start 60000
  run -3 restart --timeout 1s hal9-server
  says "the time is over: stopped in the middle of step 'hal9-server/gate'"
  says "hal9-rollback resume"
  one_of hal9-server
}

@test "-q says nothing while all is well, -o json nothing but records" {
  service hal9-server
  run -0 restart -q hal9-server
  [ -z "$output" ]
  hal9-restart hal9-server >"$TEST_DIR/out" 2>"$TEST_DIR/err"
  jq -e . "$TEST_DIR/out" >/dev/null
  [ ! -s "$TEST_DIR/err" ] || grep -q "control group of this session" "$TEST_DIR/err"
}

@test "no check of its own: started, but nobody knows whether it is healthy: exit 4" {
  cp "$HAL9_FIXTURES/hold-port" "$TEST_DIR/bin/holder"
  cat >>"$HAL9OPS_CONFIG" <<YAML
  holder:
    run: {exec: [$TEST_DIR/bin/holder, --port, "0"], env: {HAL9_TEST_MARK: "$HAL9_TEST_MARK"}}
    checks: [{memory: {available: 0%}}]
YAML
  run -4 restart holder
  says "nobody knows whether it is healthy"
  one_of holder
}

@test "the output of a service goes to its log in the state directory" {
  service hal9-server --log-lines 3
  run -0 restart hal9-server
  log=$(find "$TEST_DIR/state/services/hal9-server" -name '*.log')
  grep -q "log line 3 of 3" "$log"
  one_of hal9-server
  [ "$(readlink "/proc/$the_pid/fd/2")" = "$log" ]
  [ "$(readlink "/proc/$the_pid/fd/0")" = /dev/null ]
}

@test "a wrong name is answered with the nearest right one, exit 2, nothing touched" {
  service hal9-server
  run -2 restart hal9-serve
  says "no service 'hal9-serve' in hal9.yaml; did you mean 'hal9-server'?"
  run -2 restart hal9-server hal9-sever
  says "did you mean 'hal9-server'?"
  none_of hal9-server
  [ ! -e "$TEST_DIR/state" ]
}

@test "no operand: the services are listed, exit 2" {
  service hal9-server
  service other
  run -2 restart
  says "hal9-server, other"
}

@test "kinds without a driver and services that nobody starts are refused by name, exit 2" {
  cat >>"$HAL9OPS_CONFIG" <<YAML
  boxed: {run: {container: web}}
  pods: {run: {kubernetes: shop/web}}
  postgres: {checks: [{tcp: "127.0.0.1:1"}]}
YAML
  run -2 restart boxed
  says "boxed: run.container: "
  run -2 restart pods
  says "pods: run.kubernetes: "
  run -2 restart postgres
  says "postgres: run: nothing tells how it is started"
  [ ! -e "$TEST_DIR/state" ]
}
