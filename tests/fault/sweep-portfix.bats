#!/usr/bin/env bats
# hal9-portfix frees a port, and each call that changes something fails once: the thief runs as before or is gone, and the next run reaches the end.
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

fix_prepare() {
  [ "$(copies layer9-server)" -gt 0 ] || start_fixture layer9-server --port "$port"
}

fix_run() {
  hal9-portfix hal9-server --settle 20ms --grace 2s -o text
}

# Said to be free, it is.
fix_check() {
  [ "$code" -ne 0 ] || hal9-portfix --list "$port" >/dev/null || fail "said to be free, and is not"
}

# What was begun goes on, and the next run does the rest.
fix_recover() {
  again hal9-rollback resume
  again fix_run
}

fix_healed() {
  nothing_unfinished
  [ "$(copies layer9-server)" -eq 0 ] || { fail "the thief runs"; return 1; }
}

@test "the first half of the points" {
  sweep fix 1 2
}

@test "the second half of the points" {
  sweep fix 2 2
}
