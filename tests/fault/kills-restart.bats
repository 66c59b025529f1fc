#!/usr/bin/env bats
# hal9-restart killed at every line of its journal and at random moments: never two copies, never none.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load kills

setup() {
  common_setup
  skip_unless jq
  site
}

one_healthy() {
  [ "$(copies hal9-server)" -eq 1 ] || fail "$(copies hal9-server) copies run"
  hal9-health hal9-server >"$TEST_DIR/health.log" 2>&1 || fail "not healthy: $(cat "$TEST_DIR/health.log")"
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "an operation is unfinished"
}

not_two() {
  [ "$(copies hal9-server)" -le 1 ] || fail "two copies run"
}

@test "killed at every line of the journal: resume reaches the end" {
  hal9-restart hal9-server
  total=$(lines_of hal9-restart hal9-server)
  [ "$total" -ge 8 ]
  for n in $(seq "$total"); do
    kill_at_line "$n" hal9-restart hal9-server
    not_two || fail "killed at line $n"
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    one_healthy || fail "killed at line $n"
  done
}

@test "killed at every line of the journal: the next run reaches the end" {
  hal9-restart hal9-server
  total=$(lines_of hal9-restart hal9-server)
  for n in $(seq "$total"); do
    kill_at_line "$n" hal9-restart hal9-server
    not_two || fail "killed at line $n"
    hal9-restart hal9-server --if-down >"$TEST_DIR/next.log" 2>&1 || fail "line $n: next run: $(cat "$TEST_DIR/next.log")"
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    one_healthy || fail "killed at line $n"
  done
}

@test "killed at seeded random moments: resume or the next run reaches the end" {
  seed_moments
  hal9-restart hal9-server
  length=$(duration hal9-restart hal9-server)
  for k in $(seq "$moments"); do
    kill_at_moment $((RANDOM % (length + 20))) hal9-restart hal9-server
    not_two || fail "moment $k of seed $seed"
    if [ $((k % 2)) -eq 0 ]; then
      hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || fail "moment $k: resume: $(cat "$TEST_DIR/resume.log")"
      # Killed before its journal: nothing to resume, and the old one still runs.
    else
      hal9-restart hal9-server --if-down >"$TEST_DIR/next.log" 2>&1 || fail "moment $k: next run: $(cat "$TEST_DIR/next.log")"
    fi
    one_healthy || fail "moment $k of seed $seed"
  done
}
