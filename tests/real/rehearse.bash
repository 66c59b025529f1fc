# Rehearsals in staging.
# shellcheck shell=bash disable=SC2154 # set by common.bash and rollback.bash

# staging [OLD NEW]: a site whose configuration lets itself be disturbed.
staging() {
  PLAN='staging: true' rollback_site "${1:-1}" "${2:-1}"
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/config"
}

# records FILTER: of the rehearsal's records in $TEST_DIR/out.
records() {
  jq -rs "[.[] | select(.kind == \"rehearsal\")] | $1" "$TEST_DIR/out"
}

# rehearse STATUS ARGUMENT…: records to $TEST_DIR/out, words to $TEST_DIR/words.
rehearse() {
  local status=0
  hal9-rollback rehearse -o json "${@:2}" >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $(cat "$TEST_DIR/words" "$TEST_DIR/out")"
}

# Nothing of it is left: no snapshot, nothing unfinished.
is_gone() {
  [ "$(hal9-rollback list -o json | jq -s '[.[] | select(.kind == "snapshot")] | length')" -eq 0 ]
  hal9-rollback status
}

# stop_rehearsal LINE [keep]: it is killed when it has written that line, of its first operation: the disturbance. keep: it stands there (stopped_pid).
stop_rehearsal() {
  local ready go
  mkfifo "$TEST_DIR/ready.$1" "$TEST_DIR/go.$1"
  exec {ready}<>"$TEST_DIR/ready.$1" {go}<>"$TEST_DIR/go.$1"
  HAL9OPS_TEST_STOP=$1:$ready:$go hal9-rollback rehearse -o json >"$TEST_DIR/killed" 2>&1 3>&- 4>&- </dev/null &
  stopped_pid=$!
  read -r -t 30 -N 1 -u "$ready" _ || fail "it never came to line $1: $(cat "$TEST_DIR/killed")"
  [ -z "${2:-}" ] || return 0
  kill -KILL "$stopped_pid"
  wait "$stopped_pid" || true
  exec {ready}<&- {go}<&-
}
