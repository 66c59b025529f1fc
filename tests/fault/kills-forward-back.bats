#!/usr/bin/env bats
# hal9-rollback forward, killed at the lines of its journal, on a way whose gate fails: after resume it is back at the snapshot, never between; after undo as before.
# shellcheck disable=SC2034,SC2154 # set by the helpers, or read there

load ../real/common
load ../real/rollback
load ../real/forward
load kills
load kills-forward

setup() {
  common_setup
  FORWARD="      every: 0s
      phases:
        - {name: canary, share: 5, set: {new-path: on}, release: releases/2, validate: [$(gate_check)]}
        - {name: full, share: 100}"
  forward_site
}

@test "killed at the lines of a way whose gate fails: resume is the snapshot, undo is before" {
  echo 2 >"$TEST_DIR/gate"
  every_line resume resume undo
}
