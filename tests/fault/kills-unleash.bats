#!/usr/bin/env bats
# Changes of flags killed within each request to a real Unleash: resume makes them whole, undo takes them back.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/flags
load ../real/unleash
load kills
load kills-flags

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  flags_setup
}

@test "killed within each request, before and after the server did it: resume makes it whole, undo takes it back" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback flags set "$flag" 25% || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback resume -o text
      is_25 "$how $n"
      exits 0 hal9-rollback undo "$(last_operation)" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "killed within each request: undo without resume takes back what was done" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback flags set "$flag" 25% || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback undo "$(last_operation)" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "an undo killed within each request: the same undo again ends it" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      proxy pass
      flags set "$flag" 25% -q
      id=$(last_operation)
      end_proxy
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback undo "$id" || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback undo "$id" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "somebody's hand after the kill is not overwritten: resume stops and shows the three values" {
  unleash_flag
  kill_in_request pass hang -- hal9-rollback flags set "$flag" 25%
  admin POST "$E/strategies" '{"name":"flexibleRollout","title":"mine","parameters":{"rollout":"77","stickiness":"default","groupId":"x"}}' >/dev/null
  theirs=$(env_of "$flag")
  proxy pass
  exits 3 hal9-rollback resume -o json
  [[ "$output" == *"half-way"* ]]
  [ "$(env_of "$flag")" = "$theirs" ]
}
