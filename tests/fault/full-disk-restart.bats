#!/usr/bin/env bats
# A service that is down is started again on a full disk, whatever else would be written down of it.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/incident
load kills
load full-disk

setup() {
  common_setup
  skip_unless jq
  MORE='restart: {limit: 5 in 10m}' site
}

down() {
  local pid
  for pid in $(marked_pids); do
    [ "$(readlink "/proc/$pid/exe")" = "$TEST_DIR/bin/hal9-server" ] || continue
    kill -KILL "$pid"
    "$HAL9_FIXTURES/wait-pid" "$pid" >/dev/null
  done
}

@test "its count and its proof of health can't be written: told, and it is up" {
  small_disk tmpfs
  in_ns hal9-restart hal9-server
  down
  fill_disk
  in_ns hal9-restart hal9-server -o text >"$TEST_DIR/out" 2>&1 || fail "exit $?: $(cat "$TEST_DIR/out")"
  grep -q "that hal9-server is restarted can't be counted: " "$TEST_DIR/out"
  grep -q "hal9-server is healthy" "$TEST_DIR/out"
  [ "$(copies hal9-server)" -eq 1 ]
}

@test "a hold can be put and lifted on a full disk" {
  small_disk tmpfs
  in_ns hal9-restart hal9-server
  fill_disk
  in_ns hal9-restart hold hal9-server
  run in_ns hal9-restart hal9-server
  [ "$status" -eq 1 ]
  [[ $output == *"hal9-server is held by"* ]]
  in_ns hal9-restart unhold hal9-server
  in_ns hal9-restart hal9-server
  [ "$(copies hal9-server)" -eq 1 ]
}
