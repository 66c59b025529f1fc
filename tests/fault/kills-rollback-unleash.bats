#!/usr/bin/env bats
# hal9-rollback to, killed at every line of its journal, within the requests to a real Unleash and at random moments, over haproxy, a flag
# file, Unleash, files and a release together: after resume all is as in the snapshot, after undo as before.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/flags
load ../real/rollback
load ../real/unleash
load kills
load kills-flags
load kills-rollback
load ../real/rollback-unleash

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  common_setup
  GRADUAL='{stops: 2, every: 0s}'
  unleash_site 1 1
  proxy pass
  good_and_migrated
}

@test "killed at every line of the journal: resume is the snapshot, undo is before" {
  every_line immediate 0
}

@test "killed within each request to Unleash, before or after it was done: resume is the snapshot, undo is before" {
  hal9-rollback to good -q
  changes=$(grep -cv '^GET' "$TEST_DIR/requests")
  [ "$changes" -ge 3 ]
  migrate
  end_proxy
  for n in $(seq "$changes"); do
    # Before and after it was done, each with both in a long run, else in turns.
    for verb in $(verbs $((n / 2))); do
      for how in hang stall; do
        [ -n "${HAL9OPS_KILLS:-}" ] || [ "$how" = "$([ $((n % 2)) -eq 0 ] && echo stall || echo hang)" ] || continue
        answers=()
        for _ in $(seq 2 "$n"); do answers+=(pass); done
        last=$(operation .id)
        kill_in_request "${answers[@]}" "$how" -- hal9-rollback to good || fail "$how $n: it was not killed"
        proxy pass
        after_kill "$verb" "request $n, $how" "$last"
        end_proxy
      done
    done
  done
}

@test "killed at seeded random moments: resume is the snapshot, undo is before" {
  random_moments 3
}
