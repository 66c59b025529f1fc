#!/usr/bin/env bats
# hal9-rollback forward, killed at the lines of its journal, on a way that goes well: after resume it is at its end, never between; after undo as before.
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
        - {name: shadow, share: 0, run: [sh, -c, 'echo shadow >$TEST_DIR/ran']}
        - {name: canary, share: 5, validate: [$(gate_check)]}
        - {name: full, share: 100, set: {new-path: on}, release: releases/2}"
  forward_site
}

@test "killed at the lines of a way that goes well: resume and forward again are at the end, undo is before" {
  every_line resume again undo
}
