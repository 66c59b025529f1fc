#!/usr/bin/env bats
# hal9-rollback forward, killed at every line of its journal, on a way whose gate fails: after resume it is back at the snapshot, never between; after undo as before.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback
load ../real/forward
load kills
load kills-forward

setup() {
  kills_setup
}

@test "killed at every line of a way whose gate fails: resume is the snapshot, undo is before" {
  echo 2 >"$TEST_DIR/gate"
  every_line resume resume undo
}
