#!/usr/bin/env bats
# hal9-rollback to, killed at every line of its journal and at random moments, over haproxy, a flag file, files and a release: after resume
# all is as in the snapshot, after undo as before.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback
load kills
load kills-rollback

setup() {
  common_setup
  GRADUAL='{stops: 2, every: 0s}'
  rollback_site 1 1
  good_and_migrated
}

@test "killed at every line of the journal, at once: resume is the snapshot, undo is before" {
  every_line immediate 0
}

@test "killed at every line of the journal, in stops: resume is the snapshot, undo is before" {
  every_line gradual 1
}

@test "killed at seeded random moments: resume is the snapshot, undo is before" {
  random_moments 10
}
