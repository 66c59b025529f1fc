#!/usr/bin/env bats
# hal9-rollback forward, killed at every line of its journal, on a way that goes well: after resume it is at its end, never between; after undo as before.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback
load ../real/forward
load kills
load kills-forward

setup() {
  kills_setup
}

@test "killed at every line of a way that goes well: resume and forward again are at the end, undo is before" {
  every_line resume again undo
}
