#!/usr/bin/env bats
# hal9-rollback watch -: records come down the pipe, a trigger fires, and the real haproxy, flags, files and release go back.
# shellcheck disable=SC2034,SC2154 # set by the helpers, or read there

load ../real/common
load ../real/rollback
load ../real/rollback-watch

setup() {
  common_setup
}

# The plan of the recorded stream: a configuration without a site.
recorded() {
  skip_unless jq
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services: {front: {checks: [{file: /etc/passwd}]}}
rollback:
  migration:
    parts: [{files: $TEST_DIR/conf}]
    health: front
    trigger:
      error_rate: {above: 5%, over: 60s, clear: 2%}
      score: {below: 0.5, over: 60s}
      gap: 40s
      attempts: 2
YAML
}

@test "a dry run on a recorded stream tells when it would have fired: at the same records each time, and touches nothing" {
  recorded
  export HAL9OPS_NOW=2026-11-25T12:00:00Z
  status=0
  hal9-rollback watch - -n -o json <"$HAL9_SRC/tests/fixtures/watch-rounds.ndjson" >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 1
  run jq -r 'select(.kind == "decision") | "\(.at[11:19]) \(.action) \(.trigger) \(.value)"' "$TEST_DIR/out"
  [ "$output" = "03:03:20 fired error_rate 0.072
03:04:40 cooldown error_rate 0.08
03:08:20 fired error_rate 0.081
03:11:40 cooldown error_rate 0.083
03:13:20 attempts error_rate 0.084
03:14:40 attempts score 0.25" ] || fail "$output"
  # each right behind the round that it is of, and the input byte for byte
  run jq -rs '[.[] | select((.kind == "end" and .tool == "hal9-health") or .kind == "decision")] as $r
    | range(1; $r | length) | select($r[.].kind == "decision") | $r[. - 1].time[11:19]' "$TEST_DIR/out"
  [ "$output" = "03:03:20
03:04:40
03:08:20
03:11:40
03:13:20
03:14:40" ] || fail "$output"
  grep -v '"tool":"hal9-rollback"' "$TEST_DIR/out" | cmp - "$HAL9_SRC/tests/fixtures/watch-rounds.ndjson"
  hal9-rollback watch - -n -o json <"$HAL9_SRC/tests/fixtures/watch-rounds.ndjson" >"$TEST_DIR/again" 2>/dev/null || true
  cmp "$TEST_DIR/out" "$TEST_DIR/again"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "a trigger fires: all is as in the snapshot; cool-down holds the next; after the attempts somebody is paged, once, until it is reset" {
  NOTIFY=yes
  watched_site
  at 0
  watch_rates 0.01 0.05 0.06
  exits 0
  [ "$(decisions)" = "" ]
  is_world "$migrated"
  watch_rates 0.06 0.07
  exits 0
  [ "$(decisions)" = fired ]
  is_world "$before"
  [ "$(rollbacks)" -eq 1 ]
  # the lines of the pipe are written through, then what is said of them
  [ "$(jq -rs '[.[] | select(.kind == "sample")] | length' "$TEST_DIR/out")" -eq 2 ]

  migrate
  at 120
  watch_rates 0.06 0.07 0.08
  exits 1
  [ "$(decisions)" = cooldown ]
  is_world "$migrated"

  for n in 2 3; do
    at $((n * 400))
    watch_rates 0.06 0.07
    exits 0
    is_world "$before"
    migrate
  done
  [ "$(pages)" = "" ]
  at 1600
  watch_rates 0.06 0.07
  exits 1
  [ "$(decisions)" = attempts ]
  is_world "$migrated"
  [ "$(pages)" = failing ]
  # another day, it is stopped still, and nobody is paged anew
  at 180000
  watch_rates 0.06 0.07
  exits 1
  [ "$(decisions)" = attempts ]
  err_says "watch --reset"
  [ "$(pages)" = failing ]
  hal9-rollback watch --reset -o text >"$TEST_DIR/words"
  grep -q "are forgotten: its watch begins anew" "$TEST_DIR/words"
  [ "$(pages)" = "failing,recovered" ]
  hal9-rollback watch --reset -o text | grep -q "nothing to do"
  watch_rates 0.06 0.07
  exits 0
  is_world "$before"
}

@test "the real pipe: hal9-health watch finds the new path failing, and the watch behind it takes it back and goes on" {
  watched_site 'score: {below: 0.5, over: 0s}'
  start_in_background "$TEST_DIR/err" setsid bash -c "hal9-health watch --every 200ms -o json | hal9-rollback watch - >$TEST_DIR/out"
  pipe=$background_pid
  out_has '.kind == "decision" and .action == "fired" and .service == "front"'
  out_has '.kind == "operation" and .state == "done"'
  is_world "$before"
  out_has '.kind == "end" and .tool == "hal9-rollback" and .exit == 0 and .passed == 1'
  kill -TERM "$(ps -o pid= -C hal9-health --ppid "$pipe" | tr -d ' ' | head -n 1)"
  wait_for_exit "$pipe" 20
  # each round has this stage's begin and end, with its number
  run jq -rs '[.[] | select(.tool == "hal9-rollback" and .kind == "begin") | .round] == [.[] | select(.tool == "hal9-rollback" and .kind == "end") | .round]' "$TEST_DIR/out"
  [ "$output" = true ]
  [ "$(rollbacks)" -eq 1 ]
}

@test "a service that is held, and an operation that is unfinished: told, not doubled" {
  watched_site
  at 0
  hal9-restart hold front --for 1h -o text
  watch_rates 0.06 0.07 0.08
  exits 1
  [ "$(decisions)" = held ]
  grep -q 'front is held by' "$TEST_DIR/out"
  is_world "$migrated"
  hal9-restart unhold front -o text
  mkfifo "$TEST_DIR/stop.ready" "$TEST_DIR/stop.go"
  exec {ready}<>"$TEST_DIR/stop.ready" {go}<>"$TEST_DIR/stop.go"
  HAL9OPS_TEST_STOP=4:$ready:$go hal9-rollback to good >/dev/null 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  IFS= read -r -n 1 -t 30 -u "$ready" _
  # at work
  watch_rates 0.06 0.07
  exits 1
  [ "$(decisions)" = held ]
  grep -q 'is at work on the plan' "$TEST_DIR/out"
  kill -KILL "$pid"
  wait "$pid" || true
  watch_rates 0.06 0.07
  exits 1
  [ "$(decisions)" = held ]
  grep -q 'is unfinished: hal9-rollback resume' "$TEST_DIR/out"
  [ "$(rollbacks)" -eq 1 ]
  hal9-rollback resume -o text
  is_world "$before"
  # none of that was an attempt
  [ ! -e "$HAL9OPS_STATE_DIR/watches" ]
}

@test "a rollback that fails: its exit code, a page, and an attempt; there is nothing to undo" {
  NOTIFY=yes
  watched_site
  at 0
  sed -i 's/to: good/to: gone/' "$HAL9OPS_CONFIG"
  watch_rates 0.06 0.07
  exits 1
  err_says "there is nothing to roll back to yet"
  [ "$(decisions)" = fired ]
  is_world "$migrated"
  [ "$(pages)" = failing ]
  [ "$(jq -r '.attempts[0].outcome' "$HAL9OPS_STATE_DIR/watches/migration.json")" = failed ]
  sed -i 's/to: gone/to: good/' "$HAL9OPS_CONFIG"
  watch_rates 0.06 0.07
  [ "$(decisions)" = cooldown ]
  [ "$(pages)" = failing ]
  # well again by itself: who was paged is told
  at 200
  watch_rates 0.01 0.01
  exits 0
  [ "$(pages)" = "failing,recovered" ]
  at 400
  watch_rates 0.06 0.07
  exits 0
  is_world "$before"
  [ "$(pages)" = "failing,recovered" ]
}

@test "where all is as in the snapshot already it says that something else is wrong" {
  watched_site
  at 0
  watch_rates 0.06 0.07
  is_world "$before"
  at 400
  watch_rates 0.06 0.07
  exits 0
  err_says "nothing that plan migration covers"
  [ "$(jq -r '.attempts[1].outcome' "$HAL9OPS_STATE_DIR/watches/migration.json")" = nothing ]
  [ "$(rollbacks)" -eq 1 ]
}
