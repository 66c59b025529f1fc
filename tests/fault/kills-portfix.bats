#!/usr/bin/env bats
# hal9-portfix killed at every line of its journal and at random moments: resume, or the next run, frees the port.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load kills

setup() {
  common_setup
  skip_unless jq
  site
}

fix() {
  hal9-portfix hal9-server --settle 50ms --grace 2s
}

freed() {
  hal9-portfix --list "$port" >/dev/null || fail "the port is not free: $(hal9-portfix --list "$port" -o text)"
  [ "$(copies layer9-server)" -eq 0 ] || fail "the thief runs"
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "an operation is unfinished"
}

@test "killed at every line of the journal: resume reaches the end" {
  start_fixture layer9-server --port "$port"
  total=$(lines_of fix)
  [ "$total" -ge 6 ]
  for n in $(seq "$total"); do
    start_fixture layer9-server --port "$port"
    kill_at_line "$n" hal9-portfix hal9-server --settle 50ms
    # The last line is the end: then there is nothing to go on with.
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    freed || fail "killed at line $n"
  done
}

@test "killed at every line of the journal: the next run reaches the end" {
  start_fixture layer9-server --port "$port"
  total=$(lines_of fix)
  for n in $(seq "$total"); do
    start_fixture layer9-server --port "$port"
    kill_at_line "$n" hal9-portfix hal9-server --settle 50ms
    fix >"$TEST_DIR/next.log" 2>&1 || fail "line $n: next run: $(cat "$TEST_DIR/next.log")"
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    freed || fail "killed at line $n"
  done
}

@test "killed at seeded random moments: resume, then the next run, reaches the end" {
  seed_moments
  start_fixture layer9-server --port "$port"
  length=$(duration fix)
  for k in $(seq "$moments"); do
    start_fixture layer9-server --port "$port"
    kill_at_moment $((RANDOM % (length + 20))) hal9-portfix hal9-server --settle 50ms
    [ $((k % 2)) -eq 0 ] || hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "moment $k: resume: $(cat "$TEST_DIR/resume.log")"
    fix >"$TEST_DIR/next.log" 2>&1 || fail "moment $k: next run: $(cat "$TEST_DIR/next.log")"
    freed || fail "moment $k of seed $seed"
  done
}
