#!/usr/bin/env bats
# hal9-portfix - in a pipe: records choose services and never carry authority.
# shellcheck disable=SC2154 # set by the helpers

bats_require_minimum_version 1.5.0

load common
load portfix

setup() { portfix_setup; }

# A stage of another tool that says this of services: NAME STATE CAUSE…
stage() {
  local time host machine common
  time=$(date -u +%Y-%m-%dT%H:%M:%S.000Z -d "${AGE:-now}")
  machine=${MACHINE:-$(hal9-portfix --list -o json "$port" | jq -r 'select(.kind == "begin") | .machine')}
  host=${HOSTNAME:-here}
  common=$(jq -nc --arg t "$time" --arg h "$host" --arg m "$machine" \
    '{hal9: 1, kind: "", time: $t, host: $h, machine: $m, tool: "hal9-health", stage: 1, run: "01testrun00001"}')
  jq -c '.kind = "begin"' <<<"$common"
  while [ $# -gt 0 ]; do
    jq -c --arg s "$1" --arg st "$2" --arg c "$3" \
      '.kind = "verdict" | .service = $s | .state = $st | .cause = $c | .evidence = {pid: 1, port: 22}' <<<"$common"
    shift 3
  done
  jq -c --argjson e "${EXIT:-1}" '.kind = "end" | .planned = 1 | .ran = 1 | .passed = 0 | .failed = 1 | .unknown = 0 | .skipped = 0
    | .exit = $e | .resumable = false' <<<"$common"
}

operations() {
  find "$HAL9OPS_STATE_DIR/journal" -name '*.ndjson' 2>/dev/null | wc -l
}

@test "a port conflict: the service's port is freed, every line passed on, begin and end written" {
  start_fixture layer9-server --port "$port"
  stage hal9-server failing port_conflict >"$TEST_DIR/in"
  free - <"$TEST_DIR/in" >"$TEST_DIR/out"
  gone "$fixture_pid"
  [ "$(operations)" -eq 1 ]
  head -n 4 "$TEST_DIR/out" | tail -n 3 | cmp - "$TEST_DIR/in"
  [ "$(jq -s -r '[.[] | select(.tool == "hal9-portfix") | "\(.stage) \(.run)"] | unique | .[]' "$TEST_DIR/out")" = "2 01testrun00001" ]
  [ "$(head -n 1 "$TEST_DIR/out" | jq -r '"\(.kind) \(.tool)"')" = "begin hal9-portfix" ]
  [ "$(tail -n 1 "$TEST_DIR/out" | jq -r '"\(.kind) \(.exit)"')" = "end 0" ]
}

@test "any other cause is passed on and not acted on" {
  start_fixture layer9-server --port "$port"
  for cause in not_running check_failed resource wrong_owner; do
    run free - < <(stage hal9-server failing "$cause")
    [ "$status" -eq 0 ]
  done
  is_alive "$fixture_pid"
  [ "$(operations)" -eq 0 ]
}

@test "the port is free by now, or its owner's: nothing to do, exit 0" {
  run free - < <(stage hal9-server failing port_conflict)
  [ "$status" -eq 0 ]
  start_fixture hal9-server --port "$port"
  run free - < <(stage hal9-server failing port_conflict)
  [ "$status" -eq 0 ]
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "a stranger is refused; the stream ends in order" {
  start_fixture hold-port --port "$port"
  run --separate-stderr free - < <(stage hal9-server failing port_conflict)
  [ "$status" -eq 1 ]
  is_alive "$fixture_pid"
  [ "$(tail -n 1 <<<"$output" | jq -r '"\(.kind) \(.exit) \(.failed)"')" = "end 1 1" ]
  [ "$(jq -r 'select(.kind == "problem") | .code' <<<"$output")" = refused ]
}

@test "an old verdict, and one of another machine: told, passed on, nothing done, exit 4" {
  start_fixture layer9-server --port "$port"
  run free - < <(AGE='10 minutes ago' stage hal9-server failing port_conflict)
  [ "$status" -eq 4 ]
  has "$output" "nothing done (see --max-age)"
  run free - < <(MACHINE=00000000000000000000000000000001 stage hal9-server failing port_conflict)
  [ "$status" -eq 4 ]
  has "$output" "another machine"
  is_alive "$fixture_pid"
  run free - --max-age 1h < <(AGE='10 minutes ago' stage hal9-server failing port_conflict)
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
}

@test "a service that isn't configured here, or has no port: told, exit 4; the others are done" {
  start_fixture layer9-server --port "$port"
  run free - < <(stage elsewhere failing port_conflict portless failing port_conflict hal9-server failing port_conflict)
  [ "$status" -eq 4 ]
  has "$output" "elsewhere: no such service"
  has "$output" "portless: no port is configured"
  gone "$fixture_pid"
}

@test "an empty stream, one cut off, one with a line that is no record: nothing done, exit 4" {
  start_fixture layer9-server --port "$port"
  stage hal9-server failing port_conflict >"$TEST_DIR/whole"
  run free - </dev/null
  [ "$status" -eq 4 ]
  run free - < <(head -n -1 "$TEST_DIR/whole")
  [ "$status" -eq 4 ]
  run free - < <(echo nonsense; cat "$TEST_DIR/whole")
  [ "$status" -eq 4 ]
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "upstream's usage error is the pipe's" {
  run free - < <(EXIT=2 stage hal9-server healthy none)
  [ "$status" -eq 2 ]
}

@test "-n in a pipe tells the plan and changes nothing" {
  start_fixture layer9-server --port "$port"
  run hal9-portfix -n - < <(stage hal9-server failing port_conflict)
  [ "$status" -eq 1 ]
  has "$output" '"state":"pending"'
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "a terminal as stdin is told, not waited on" {
  skip_unless script bsdutils
  run at_terminal "" hal9-portfix -
  [ "$status" -eq 2 ]
  has "$output" "stdin is a terminal"
}
