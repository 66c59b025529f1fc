#!/usr/bin/env bats
# hal9-rollback undo, resume and prune, and each call that changes something fails once.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load kills
load sweep

setup() {
  common_setup
  skip_unless jq
  site
}

newest() {
  hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id'
}

# ---- undo of a start: the service goes again, or stays

undo_prepare() {
  hal9-restart hal9-server --if-down >"$TEST_DIR/prepare.log" 2>&1 || { fail "$(cat "$TEST_DIR/prepare.log")"; return 1; }
  id=$(newest)
}

undo_run() {
  hal9-rollback undo "$id" -o text
}

undo_check() {
  local n
  n=$(copies hal9-server)
  [ "$n" -le 1 ] || { fail "$n copies"; return 1; }
  [ "$code" -ne 0 ] || [ "$n" -eq 0 ] || { fail "exit 0 and it runs"; return 1; }
}

undo_recover() {
  again hal9-rollback resume
  again undo_run
}

undo_healed() {
  nothing_unfinished
  [ "$(copies hal9-server)" -eq 0 ] || { fail "it runs"; return 1; }
}

@test "undo" {
  sweep undo 1 1
}

# ---- resume of a restart that was killed between stop and start: one runs in the end

resume_prepare() {
  [ "$(copies hal9-server)" -eq 1 ] || hal9-restart hal9-server >"$TEST_DIR/prepare.log" 2>&1 || { fail "$(cat "$TEST_DIR/prepare.log")"; return 1; }
  kill_at_line 4 hal9-restart hal9-server || { fail "not killed"; return 1; }
}

resume_run() {
  hal9-rollback resume -o text
}

resume_check() {
  local n
  n=$(copies hal9-server)
  [ "$n" -le 1 ] || { fail "$n copies"; return 1; }
  [ "$code" -ne 0 ] || [ "$n" -eq 1 ] || { fail "exit 0 and none runs"; return 1; }
}

resume_recover() {
  again hal9-rollback resume
  again hal9-restart hal9-server --if-down -o text
}

resume_healed() {
  nothing_unfinished
  [ "$(copies hal9-server)" -eq 1 ] || { fail "$(copies hal9-server) copies"; return 1; }
}

@test "resume" {
  sweep resume 1 1
}
