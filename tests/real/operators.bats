#!/usr/bin/env bats
# Two operators, two users, one shared state directory: one works at a time, and the other is told for whom it would wait.
# shellcheck disable=SC2154 # set by the helpers

load common
load incident

setup() {
  common_setup
  need_root
  skip_unless jq
  site
  unset HAL9OPS_STATE_DIR
  printf 'state: %s\n' "$TEST_DIR/shared" >>"$HAL9OPS_CONFIG"
  install -d -m 2770 -g 23456 "$TEST_DIR/shared"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  chmod -R a+rX "$TEST_DIR/bin" "$HAL9OPS_CONFIG"
}

as_operator() { # UID COMMAND…
  local uid=$1
  shift
  setpriv --reuid "$uid" --regid 23456 --clear-groups --inh-caps=-all --bounding-set=-all -- "$@"
}

@test "the second operator exits 5 and says for whom, or waits; then the service is healthy" {
  mkfifo -m 0666 "$TEST_DIR/ready" "$TEST_DIR/go"
  exec {ready}<>"$TEST_DIR/ready" {go}<>"$TEST_DIR/go"
  # The first one is held after the second line of its journal: its locks are taken, the service does not run yet.
  HAL9OPS_TEST_STOP=2:$ready:$go as_operator 12345 hal9-restart hal9-server >"$TEST_DIR/first.log" 2>&1 3>&- 4>&- </dev/null &
  first=$!
  read -r -n 1 -t 20 -u "$ready"
  run as_operator 12346 hal9-restart hal9-server --lock-timeout 0 -o text
  [ "$status" -eq 5 ]
  [[ $output == *12345* || $output == *hal9-restart* ]]
  printf g >&"$go"
  wait "$first"
  # The journal of one is read by the other.
  [ "$(as_operator 12346 hal9-rollback history -o json | jq -s -r '[.[] | select(.kind == "operation")][0].user')" = 12345 ]
  run as_operator 12345 hal9-health
  [ "$status" -eq 0 ]
}

@test "at a terminal the second one waits, is told for whom, and goes on" {
  skip_unless script bsdutils
  mkfifo -m 0666 "$TEST_DIR/ready" "$TEST_DIR/go"
  exec {ready}<>"$TEST_DIR/ready" {go}<>"$TEST_DIR/go"
  HAL9OPS_TEST_STOP=2:$ready:$go as_operator 12345 hal9-restart hal9-server >"$TEST_DIR/first.log" 2>&1 3>&- 4>&- </dev/null &
  first=$!
  read -r -n 1 -t 20 -u "$ready"
  export -f as_operator
  # script(1) starts the command by $SHELL, and only bash knows the function
  SHELL=$BASH start_in_background "$TEST_DIR/second.log" script -qefc "bash -c 'as_operator 12345 hal9-restart hal9-server --tone plain'" /dev/null
  second=$background_pid
  wait_for_log "$TEST_DIR/second.log" "waiting for port $port, which hal9-restart holds" 15 || fail "$(cat "$TEST_DIR/second.log" "$TEST_DIR/first.log")"
  tr -s '\r\n ' ' ' <"$TEST_DIR/second.log" | grep -q "(pid [0-9]*, user 12345, operation [0-9a-z]*)"
  is_alive "$second"
  printf g >&"$go"
  wait "$first"
  wait_for_exit "$second" 30
  [ "$exit_status" -eq 0 ] || fail "exit $exit_status: $(cat "$TEST_DIR/second.log")"
  run as_operator 12345 hal9-health
  [ "$status" -eq 0 ]
}

@test "a lock timeout that is over: exit 5, for whom, in time" {
  mkfifo -m 0666 "$TEST_DIR/ready" "$TEST_DIR/go"
  exec {ready}<>"$TEST_DIR/ready" {go}<>"$TEST_DIR/go"
  HAL9OPS_TEST_STOP=2:$ready:$go as_operator 12345 hal9-restart hal9-server >"$TEST_DIR/first.log" 2>&1 3>&- 4>&- </dev/null &
  first=$!
  read -r -n 1 -t 20 -u "$ready"
  run timeout 60 setpriv --reuid 12346 --regid 23456 --clear-groups hal9-restart hal9-server --lock-timeout 300ms -o text
  [ "$status" -eq 5 ]
  [[ $output == *"is held by operation"*"hal9-restart, user 12345"* ]]
  printf g >&"$go"
  wait "$first"
}
