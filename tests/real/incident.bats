#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# The incident this project exists for, on real processes: the service is down, a thief has its port and answers 200.

load common
load incident

setup() {
  common_setup
  skip_unless jq
  GATE=40s site
}

@test "the pipe finds the thief, frees the port, starts the service and proves it" {
  start_fixture layer9-server --port "$port"
  run hal9-health -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [[ $output == *"port conflict"* && $output == *"layer9-server (pid $fixture_pid"* ]]
  run incident_pipe
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_gone "$fixture_pid"
  run hal9-health -o text
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  [[ $output == *"healthy"* ]]
}

@test "a second run of the pipe changes nothing" {
  start_fixture layer9-server --port "$port"
  incident_pipe --settle 100ms >/dev/null
  first=$(listener)
  [ "$(operations)" -eq 2 ]
  run incident_pipe --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  [ "$(operations)" -eq 2 ]
  [ "$(listener)" = "$first" ]
}

@test "one pipe is one run, every stage has begun and ended, each later stage is one higher" {
  start_fixture layer9-server --port "$port"
  incident_pipe --settle 100ms >"$TEST_DIR/records"
  [ "$(jq -s '[.[].run] | unique | length' "$TEST_DIR/records")" -eq 1 ]
  [ "$(jq -s -c '[.[] | select(.kind == "begin") | .stage] | sort' "$TEST_DIR/records")" = "[1,2,3,4]" ]
  [ "$(jq -s -c '[.[] | select(.kind == "end") | .stage] | sort' "$TEST_DIR/records")" = "[1,2,3,4]" ]
  [ "$(jq -s -r '[.[] | select(.kind == "verdict" and .stage == 1)][0].cause' "$TEST_DIR/records")" = port_conflict ]
  [ "$(jq -s -r '[.[] | select(.kind == "verdict" and .stage == 4)][0].state' "$TEST_DIR/records")" = healthy ]
}

@test "a thief that ignores TERM is killed after the grace" {
  start_fixture layer9-server --port "$port" --ignore-term
  run incident_pipe --settle 100ms --grace 300ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_gone "$fixture_pid"
}

@test "a thief that respawns is told, with who starts it, and the exit is 1" {
  start_fixture layer9-server --port "$port" --respawn --respawn-delay 50
  run hal9-portfix hal9-server -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [[ $output == *"taken again"* && $output == *"$fixture_pid"* ]]
  is_alive "$fixture_pid"
}

@test "a thief with forked workers goes with all of them" {
  start_fixture layer9-server --port "$port" --workers 3
  run incident_pipe --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_gone "$fixture_pid"
  [ "$(hal9-portfix --list --all -o json "$port" | jq -s '[.[] | select(.kind == "holder" and .name == "layer9-server")] | length')" -eq 0 ]
}

@test "workers left behind by their master hold the port and are found" {
  start_fixture layer9-server --port "$port" --workers 2 --orphan-workers
  run incident_pipe --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  [[ $(listener) != "$fixture_pid" ]]
}

@test "the right program answering for the wrong service is not healthy, and nobody is stopped for it" {
  GATE=3s ARGS='--claim, other' write_site
  run hal9-restart hal9-server -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  run hal9-health -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [[ $output == *"check failed"* && $output == *"/service"* ]]
}

@test "a slow start is waited for" {
  GATE=40s ARGS='--slow-start, "1500"' write_site
  run incident_pipe --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
}

@test "a service that exits at its start: its log is shown, exit 1, nothing else is changed" {
  GATE=40s ARGS='--exit-at-start, "3"' write_site
  run hal9-restart hal9-server -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [[ $output == *"cannot open database"* ]]
  run incident_pipe --settle 100ms
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [ -z "$(listener)" ]
}

@test "a stranger on the port is never killed: exit 1, who it is and what next" {
  start_fixture hold-port --port "$port"
  run hal9-portfix hal9-server -o text
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  [[ $output == *"hold-port"* && $output == *"$fixture_pid"* && $output == *"--force=holder"* ]]
  is_alive "$fixture_pid"
  run incident_pipe --settle 100ms
  [ "$status" -eq 1 ] || fail "exit $status: $output"
  is_alive "$fixture_pid"
  run hal9-portfix "$port" --yes --force=holder --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_gone "$fixture_pid"
}

@test "the port's client is never killed" {
  start_fixture layer9-server --port "$port"
  start_fixture tcp-client --port "$port"
  client=$fixture_pid
  run incident_pipe --settle 100ms
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_alive "$client"
}

@test "not root, the owner hidden: could not be determined, exit 4" {
  need_root
  start_fixture layer9-server --port "$port"
  chmod 0644 "$HAL9OPS_CONFIG"
  run as_user 12345 env "PATH=$PATH" HAL9OPS_CONFIG="$HAL9OPS_CONFIG" HAL9OPS_STATE_DIR="$TEST_DIR/none" hal9-portfix --list "$port" -o text
  [ "$status" -eq 4 ] || fail "exit $status: $output"
  [[ $output == *"root"* ]]
  is_alive "$fixture_pid"
}

@test "an empty stream: nothing is done, exit 4" {
  start_fixture layer9-server --port "$port"
  run bash -c 'hal9-portfix - </dev/null'
  [ "$status" -eq 4 ] || fail "exit $status: $output"
  run bash -c 'hal9-restart - </dev/null'
  [ "$status" -eq 4 ] || fail "exit $status: $output"
  is_alive "$fixture_pid"
}

@test "a stream that is cut off: passed on, nothing is done, exit 4" {
  start_fixture layer9-server --port "$port"
  hal9-health >"$TEST_DIR/whole" || true
  head -n -1 "$TEST_DIR/whole" >"$TEST_DIR/cut"
  run bash -c 'hal9-portfix - <"$TEST_DIR/cut"'
  [ "$status" -eq 4 ] || fail "exit $status: $output"
  is_alive "$fixture_pid"
  [ "$(operations)" -eq 0 ]
}

@test "a tool before that ended in a usage error: its 2 goes down the pipe, nothing is done" {
  start_fixture layer9-server --port "$port"
  run bash -c 'hal9-health -c "$TEST_DIR/missing.yaml" | hal9-portfix - | hal9-restart - | hal9-health -'
  [ "$status" -eq 2 ] || fail "exit $status: $output"
  is_alive "$fixture_pid"
  run bash -c 'hal9-health no-such-service | hal9-portfix -'
  [ "$status" -eq 2 ] || fail "exit $status: $output"
  is_alive "$fixture_pid"
  [ "$(operations)" -eq 0 ]
}

@test "verdicts of another host are passed on and not acted on" {
  start_fixture layer9-server --port "$port"
  HAL9OPS_MACHINE=00000000000000000000000000000001 HAL9OPS_HOST=elsewhere hal9-health >"$TEST_DIR/foreign" || true
  run bash -c 'HAL9OPS_MACHINE=00000000000000000000000000000002 hal9-portfix - <"$TEST_DIR/foreign"'
  [[ $output == *"another machine"* ]]
  is_alive "$fixture_pid"
  [ "$(operations)" -eq 0 ]
}

@test "every line of the pipe is passed on byte for byte" {
  start_fixture layer9-server --port "$port"
  hal9-health >"$TEST_DIR/in" || true
  hal9-portfix --settle 100ms - <"$TEST_DIR/in" >"$TEST_DIR/out"
  # Between this stage's begin and its own records stand the lines read.
  sed -n "2,$(($(wc -l <"$TEST_DIR/in") + 1))p" "$TEST_DIR/out" | cmp - "$TEST_DIR/in"
}

@test "what portfix killed can be started again by undo, with argv, cwd and environment" {
  open_ready_fifo
  start_in_background "$TEST_DIR/thief.log" env -C "$TEST_DIR" PLANTED=yes "$HAL9_FIXTURES/layer9-server" --port "$port" --ready-file "$ready_fifo"
  wait_ready
  thief=$fixture_server_pid
  tr '\0' '\n' <"/proc/$thief/environ" | sort >"$TEST_DIR/env.before"
  tr '\0' ' ' <"/proc/$thief/cmdline" >"$TEST_DIR/argv.before"
  hal9-portfix hal9-server --settle 100ms >/dev/null
  is_gone "$thief"
  id=$(hal9-rollback history -o json | jq -s -r '[.[] | select(.kind == "operation")][-1].id')
  run hal9-rollback undo "$id"
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  wait_ready
  [ "$fixture_server_pid" != "$thief" ]
  tr '\0' '\n' <"/proc/$fixture_server_pid/environ" | sort | cmp - "$TEST_DIR/env.before"
  tr '\0' ' ' <"/proc/$fixture_server_pid/cmdline" | cmp - "$TEST_DIR/argv.before"
  [ "$(readlink "/proc/$fixture_server_pid/cwd")" = "$TEST_DIR" ]
}

@test "undo of a whole run: the service is down and the thief is back" {
  open_ready_fifo
  start_in_background "$TEST_DIR/thief.log" "$HAL9_FIXTURES/layer9-server" --port "$port" --ready-file "$ready_fifo"
  wait_ready
  incident_pipe --settle 100ms >"$TEST_DIR/records"
  run_id=$(jq -s -r '.[0].run' "$TEST_DIR/records")
  run hal9-rollback undo "$run_id"
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  wait_ready
  [ "$(listener)" = "$fixture_server_pid" ]
  [ "$(cat "/proc/$fixture_server_pid/comm")" = layer9-server ]
}

@test "two services of one program are told apart by their arguments" {
  free_port
  cat >>"$HAL9OPS_CONFIG" <<YAML
  other:
    port: $free_port
    run:
      exec: [$TEST_DIR/bin/hal9-server, --port, "$free_port", --claim, other]
      env: {HAL9_TEST_MARK: "$HAL9_TEST_MARK", HAL9_FIXTURE_LIFETIME: "300"}
    gate: {within: 15s}
YAML
  hal9-restart other >/dev/null
  other=$(hal9-portfix --list -o json "$free_port" | jq -s -r '[.[] | select(.kind == "holder")][0].pid')
  run hal9-health hal9-server -o text
  [[ $output == *"hal9-server is not running"* ]]
  run hal9-restart hal9-server
  [ "$status" -eq 0 ] || fail "exit $status: $output"
  is_alive "$other"
  [ "$(listener)" != "$other" ]
  run hal9-health
  [ "$status" -eq 0 ] || fail "exit $status: $output"
}
