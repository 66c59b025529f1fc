#!/usr/bin/env bats
# hal9-rollback tick, as cron runs it: what has expired, what lacks its end, what waits to be told; else not a word.
# shellcheck disable=SC2030,SC2031,SC2154 # set by the helpers; each test has its own clock

load ../real/common
load ../real/rollback

setup() {
  common_setup
  skip_unless jq
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  mkdir -p "$TEST_DIR/lock"
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  web: {checks: [{command: [/bin/sh, -c, "exit \$(cat $TEST_DIR/how)"]}]}
notify:
  - {name: pager, command: [/bin/sh, -c, "cat >>$TEST_DIR/pages; exit \$(cat $TEST_DIR/answer)"]}
YAML
  echo 0 >"$TEST_DIR/how"
  echo 0 >"$TEST_DIR/answer"
}

# silent COMMAND…: it succeeds without a word.
silent() {
  local words
  words=$("$@" 2>&1) || fail "it ended with $?: $words"
  [ -z "$words" ] || fail "it says: $words"
}

@test "nothing to do: not a word; with -o json a begin and an end" {
  silent hal9-rollback tick
  silent hal9-rollback tick
  silent hal9-rollback tick -n
  [ "$(hal9-rollback tick -o json | jq -rs 'map(.kind) | join(",")')" = "begin,end" ]
  run hal9-rollback tick web
  [ "$status" -eq 2 ]
}

@test "a hold that has expired is told, and is gone; one that has not stays" {
  export HAL9OPS_NOW=2026-11-23T03:00:00Z
  hal9-restart hold web --for 1h -o text
  silent hal9-rollback tick
  HAL9OPS_NOW=2026-11-23T04:00:01Z
  run hal9-rollback tick -n -o text
  [[ $output == "the hold of "*" on web has expired" ]]
  [ -e "$HAL9OPS_STATE_DIR/holds/web.json" ]
  hal9-rollback tick >"$TEST_DIR/out"
  [ "$(jq -rs 'map(.kind) | join(",")' "$TEST_DIR/out")" = "begin,hold,end" ]
  [ ! -e "$HAL9OPS_STATE_DIR/holds/web.json" ]
  silent hal9-rollback tick
}

@test "what waits to be told is sent when it is due" {
  export HAL9OPS_NOW=2026-11-23T03:00:00Z
  echo 2 >"$TEST_DIR/how"
  echo 1 >"$TEST_DIR/answer"
  hal9-health -o text || true
  : >"$TEST_DIR/pages"
  silent hal9-rollback tick
  HAL9OPS_NOW=2026-11-23T03:20:00Z
  echo 0 >"$TEST_DIR/answer"
  silent hal9-rollback tick --no-notify
  run hal9-rollback tick -o text
  [ "$status" -eq 0 ]
  [[ $output == *"pager was told of web failing"* ]] || fail "$output"
  [ "$(jq -r .event "$TEST_DIR/pages")" = failing ]
  silent hal9-rollback tick
}

@test "an operation that lacks nothing but its end gets it; one with something left to change is left alone" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text >/dev/null
  before=$(world)
  migrate
  # killed before its first change, and somewhere in the middle
  kill_at() { # LINE
    local ready go pid
    rm -f "$TEST_DIR"/stop.*
    mkfifo "$TEST_DIR/stop.ready" "$TEST_DIR/stop.go"
    exec {ready}<>"$TEST_DIR/stop.ready" {go}<>"$TEST_DIR/stop.go"
    HAL9OPS_TEST_STOP=$1:$ready:$go hal9-rollback to good >/dev/null 2>&1 3>&- 4>&- </dev/null &
    pid=$!
    IFS= read -r -n 1 -t 30 -u "$ready" _
    # it runs: that is nobody's to end
    silent hal9-rollback tick
    kill -KILL "$pid"
    wait "$pid" || true
    exec {ready}<&- {go}<&-
  }
  kill_at 1
  run hal9-rollback tick -o text
  [ "$status" -eq 0 ]
  [[ $output == *"(roll back to good, immediate) lacked nothing but its end"* ]] || fail "$output"
  silent hal9-rollback tick
  kill_at 4
  silent hal9-rollback tick
  [ "$(hal9-rollback status -o json | jq -rs '[.[] | select(.kind == "operation" and .resumable)] | length')" -eq 1 ]
  hal9-rollback resume -o text
  is_world "$before"
}

@test "twenty at once: each exits 0, and what is due is told once" {
  export HAL9OPS_NOW=2026-11-23T03:00:00Z
  hal9-restart hold web --for 1s -o text
  HAL9OPS_NOW=2026-11-23T03:00:02Z
  local pids=() pid i
  for i in {1..20}; do
    hal9-rollback tick >"$TEST_DIR/tick.$i" 2>&1 3>&- 4>&- </dev/null &
    pids+=("$!")
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  [ "$(cat "$TEST_DIR"/tick.* | jq -rs '[.[] | select(.kind == "hold")] | length')" -eq 1 ]
}

@test "snapshots beyond what the plan keeps go; those with a name, and the last healthy one, stay" {
  mkdir "$TEST_DIR/conf"
  cat >>"$HAL9OPS_CONFIG" <<YAML
rollback:
  site: {parts: [{files: $TEST_DIR/conf}], keep: 2}
YAML
  snapshots() { hal9-rollback list -o json | jq -rs '[.[] | select(.kind == "snapshot") | .id] | join(" ")'; }
  hal9-rollback snapshot named -o text
  for i in 1 2 3 4; do
    echo "$i" >"$TEST_DIR/conf/file"
    hal9-rollback snapshot -o text
  done
  read -r -a all <<<"$(snapshots)"
  [ "${#all[@]}" -eq 5 ]
  run hal9-rollback tick -n -o text
  [ "${#lines[@]}" -eq 2 ]
  [ "$(snapshots)" = "${all[*]}" ]
  hal9-rollback tick >"$TEST_DIR/out"
  [ "$(jq -rs '[.[] | select(.kind == "snapshot" and .did == "deleted")] | length' "$TEST_DIR/out")" -eq 2 ]
  [ "$(snapshots)" = "${all[0]} ${all[3]} ${all[4]}" ]
  silent hal9-rollback tick
  hal9-rollback to "${all[3]}" -o text
  [ "$(cat "$TEST_DIR/conf/file")" = 3 ]
}
