#!/usr/bin/env bats
# hal9-restart restarts a service, and each call that changes something fails once: never two copies, never none after the next run.
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

restart_prepare() {
  [ "$(copies hal9-server)" -eq 1 ] || hal9-restart hal9-server >"$TEST_DIR/prepare.log" 2>&1 || fail "$(cat "$TEST_DIR/prepare.log")"
}

restart_run() {
  hal9-restart hal9-server -o text
}

# Never two; and where nothing was begun, the old one.
restart_check() {
  local n
  n=$(copies hal9-server)
  [ "$n" -le 1 ] || { fail "$n copies"; return 1; }
  [ "$code" -ne 0 ] || [ "$n" -eq 1 ] || { fail "exit 0 and none runs"; return 1; }
  case $code in 0 | 3) ;; *) hal9-rollback status >/dev/null || { fail "exit $code, and an operation is unfinished"; return 1; } ;; esac
}

restart_recover() {
  again hal9-rollback resume
  again hal9-restart hal9-server --if-down -o text
}

restart_healed() {
  nothing_unfinished
  [ "$(copies hal9-server)" -eq 1 ] || { fail "$(copies hal9-server) copies"; return 1; }
  hal9-health hal9-server >"$TEST_DIR/health.log" 2>&1 || { fail "not healthy: $(cat "$TEST_DIR/health.log")"; return 1; }
}

@test "the first third of the points" {
  sweep restart 1 3
}

@test "the second third of the points" {
  sweep restart 2 3
}

@test "the last third of the points" {
  sweep restart 3 3
}
