# Sites for the tests of hal9-health. Each test has a configuration of its own, written as it goes.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

bats_require_minimum_version 1.5.0

# open_site: paths, state and lock directories of the test's own; no configuration yet.
open_site() {
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state
  export HAL9OPS_LOCK_DIR=$TEST_DIR/lock HAL9OPS_MACHINE=00000000000000000000000000000001 HAL9OPS_HOST=web-1
  mkdir -p "$HAL9OPS_LOCK_DIR" "$TEST_DIR/bin"
  printf 'hal9: 1\nservices: {}\n' >"$HAL9OPS_CONFIG"
}

# services: the services of the configuration come from stdin.
services() {
  {
    printf 'hal9: 1\nservices:\n'
    cat
  } >"$HAL9OPS_CONFIG"
}

# own_program NAME: a copy of the fixture server under a name that no other test's server has; sets program.
own_program() {
  program=$TEST_DIR/bin/$1
  [ -e "$program" ] || cp "$HAL9_FIXTURES/hal9-server" "$program"
}

# serve NAME ARGUMENT…: starts such a program and waits until it listens. Sets fixture_port, fixture_server_pid.
serve() {
  local name=$1
  shift
  own_program "$name"
  open_ready_fifo_once
  start_in_background "$TEST_DIR/$name.log" "$program" --ready-file "$ready_fifo" "$@"
  wait_ready || fail "$name $* was not ready: $(tail -n 5 "$TEST_DIR/$name.log")"
}

open_ready_fifo_once() {
  [ -n "${ready_fifo:-}" ] || open_ready_fifo
}

# health ARGUMENT…: in words, plain, at most 30 s.
health() {
  hal9-health -o text --tone plain --timeout 30s "$@"
}

# verdict SERVICE FIELD <RECORDS: a field of its newest verdict.
verdict() {
  jq -s -r --arg s "$1" "[.[] | select(.kind == \"verdict\" and .service == \$s)][-1].$2"
}

says() {
  [[ $output == *"$1"* ]] || fail "no '$1' in: $output"
}

never_says() {
  [[ $output != *"$1"* ]] || fail "'$1' in: $output"
}

exits() {
  [ "$status" -eq "$1" ] || fail "exit $status, not $1: $output"
}

now_ms() {
  local now=$EPOCHREALTIME
  echo "$((${now/./} / 1000))"
}
