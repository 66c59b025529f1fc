#!/usr/bin/env bats
# Whoever reads stdout and stderr may go away, stall, or never have been there: the operation ends, in time, with its exit code.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load readers

setup() {
  common_setup
  skip_unless jq
  site
}

thief() {
  start_fixture layer9-server --port "$port"
}

# The operation of the thief's end is whole: all its lines are its own, and the last one says so.
freed() {
  is_gone "$fixture_pid"
  [ "$(jq -s -r '[.[] | select(.kind == "operation")][-1].state' < <(hal9-rollback history -o json))" = "done" ] ||
    fail "the operation has no end: $(cat "$HAL9OPS_STATE_DIR"/journal/*)"
}

@test "a reader that goes away after one line: the port is freed, exit 0, not a word on stderr" {
  thief
  set +o pipefail
  hal9-portfix "$port" --yes --force=holder --settle 50ms 2>"$TEST_DIR/err" | head -n 1 >"$TEST_DIR/first"
  codes=("${PIPESTATUS[@]}")
  [ "${codes[0]}" -eq 0 ]
  [ "$(jq -r .kind "$TEST_DIR/first")" = begin ]
  [ ! -s "$TEST_DIR/err" ] || fail "said: $(cat "$TEST_DIR/err")"
  freed
}

@test "a reader that was never there: the service is restarted, exit 0, not a word on stderr" {
  for form in json text; do
    code=0
    { hal9-restart hal9-server -o $form 2>"$TEST_DIR/err"; echo $? >"$TEST_DIR/code"; } | true
    code=$(cat "$TEST_DIR/code")
    [ "$code" -eq 0 ]
    [ ! -s "$TEST_DIR/err" ] || fail "said: $(cat "$TEST_DIR/err")"
    hal9-health hal9-server >/dev/null
  done
}

@test "a reader that stalls, of records and of words: the port is freed within its patience, exit 0" {
  open_stalled
  for form in json text; do
    thief
    timeout 30 hal9-portfix hal9-server --settle 50ms -o $form 1>&"$stalled" 2>"$TEST_DIR/err"
    grep -q 'the reader of stdout stalls' "$TEST_DIR/err"
    freed
  done
}

@test "readers of stdout and of stderr that stall: the port is freed, exit 0" {
  open_stalled
  thief
  timeout 30 hal9-portfix hal9-server --settle 50ms -v -v 1>&"$stalled" 2>&1
  freed
}

@test "a reader that stalls while a service is restarted: healthy, exit 0" {
  open_stalled
  timeout 60 hal9-restart hal9-server 1>&"$stalled" 2>&1
  hal9-health hal9-server >/dev/null
}

@test "a reader that stalls in the middle of the pipe: what was decided is done" {
  thief
  open_stalled
  hal9-health >"$TEST_DIR/verdicts" || true
  timeout 30 hal9-portfix - <"$TEST_DIR/verdicts" 1>&"$stalled" 2>"$TEST_DIR/err" && status=0 || status=$?
  # Nobody takes the records over: the tool waits for that while it reads, and has done nothing.
  [ "$status" -eq 124 ]
  is_alive "$fixture_pid"
  drain_stalled
  hal9-portfix - --settle 50ms <"$TEST_DIR/verdicts" 1>&"$stalled"
  freed
}

@test "what only tells waits for its reader; TERM ends it, exit 143" {
  thief
  hal9-portfix hal9-server --settle 50ms >/dev/null
  open_stalled
  for command in "hal9-rollback history" "hal9-portfix --list $port -o text" "hal9-health hal9-server"; do
    # shellcheck disable=SC2086 # words
    start_in_background "$TEST_DIR/err" bash -c 'exec "$@" >&'"$stalled" - $command
    blocked "$background_pid"
    kill -TERM "$background_pid"
    wait_for_exit "$background_pid"
    [ "$exit_status" -eq 143 ] || fail "$command: exit $exit_status"
  done
}

@test "stdin, stdout, stderr closed, each and all: exit codes are right and no record gets into a journal" {
  for closed in 0 1 2 01 02 12 012; do
    thief
    run_closed "$closed" hal9-portfix hal9-server --settle 50ms
    [ "$status" -eq 0 ] || fail "descriptors $closed closed: exit $status"
    freed
    run_closed "$closed" hal9-restart hal9-server
    [ "$status" -eq 0 ] || fail "descriptors $closed closed: exit $status"
    run_closed "$closed" hal9-health hal9-server
    [ "$status" -eq 0 ] || fail "descriptors $closed closed: exit $status"
    run_closed "$closed" hal9-rollback undo "$(jq -s -r '[.[] | select(.kind == "operation")][-1].id' < <(hal9-rollback history -o json))"
    [ "$status" -eq 0 ] || fail "descriptors $closed closed: undo: exit $status"
    run_closed "$closed" hal9-health hal9-server
    [ "$status" -eq 1 ] || fail "descriptors $closed closed: exit $status"
  done
  if grep -l '^{"hal9":1,"kind":"' "$HAL9OPS_STATE_DIR"/journal/*; then fail "records in a journal"; fi
}

@test "stdin closed: a stage of the pipe that is to read it does nothing, exit 4" {
  thief
  run_closed 0 hal9-portfix -
  [ "$status" -eq 4 ]
  is_alive "$fixture_pid"
}
