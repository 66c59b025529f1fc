#!/usr/bin/env bats
# hal9-rollback watch: who else watches, signals, what is wrong with the input, the configuration or the state directory.
# shellcheck disable=SC2034,SC2154 # set by the helpers, or read there

load ../real/common
load ../real/rollback
load ../real/rollback-watch

setup() {
  common_setup
}

# idle_watch: one that waits for its input. Sets watch_pid, and feed: a descriptor of its input.
idle_watch() {
  mkfifo "$TEST_DIR/feed"
  exec {feed}<>"$TEST_DIR/feed"
  env --default-signal=INT hal9-rollback watch - <"$TEST_DIR/feed" >"$TEST_DIR/out" 2>"$TEST_DIR/err" 3>&- 4>&- {feed}>&- &
  watch_pid=$!
  rates 0.01 >&"$feed"
  out_has '.kind == "sample"'
}

@test "a second watcher of the plan is told who watches; one that was killed is in nobody's way" {
  watched_site
  idle_watch
  run hal9-rollback watch - </dev/null
  echo "$output"
  [ "$status" -eq 5 ]
  [[ $output == *"plan migration is watched already by hal9-rollback watch (pid $watch_pid, user "* ]]
  # a dry run is nobody's rival
  rates 0.06 0.07 | hal9-rollback watch - -n >/dev/null || [ $? -eq 1 ]
  is_world "$migrated"
  kill -KILL "$watch_pid"
  wait "$watch_pid" || true
  watch_rates 0.06 0.07
  exits 0
  is_world "$before"
}

@test "a signal between two samples ends it quietly" {
  watched_site
  idle_watch
  kill -TERM "$watch_pid"
  status=0
  wait "$watch_pid" || status=$?
  [ "$status" -eq 143 ]
  [ ! -s "$TEST_DIR/err" ] || fail "$(cat "$TEST_DIR/err")"
  [ "$(jq -rs 'last | .kind + " " + (.exit | tostring)' "$TEST_DIR/out")" = "end 143" ]
  is_world "$migrated"
}

@test "a signal during a rollback: as any operation, it stands and says how to go on" {
  GRADUAL='{stops: 4, every: 20s}'
  watched_site 'error_rate: {above: 5%, over: 0s}
strategy: gradual'
  idle_watch
  rates 0.06 0.07 >&"$feed"
  out_has '.kind == "step" and .state == "done"'
  kill -TERM "$watch_pid"
  status=0
  wait "$watch_pid" || status=$?
  exits 143
  err_says "hal9-rollback resume"
  [ "$(jq -r '.attempts[0].outcome' "$HAL9OPS_STATE_DIR/watches/migration.json")" = open ]
  sed -i 's/every: 20s/every: 0s/' "$HAL9OPS_CONFIG"
  # the next one holds: it is unfinished
  watch_rates 0.06 0.07
  exits 1
  [ "$(decisions)" = held ]
  grep -q 'is unfinished: hal9-rollback resume' "$TEST_DIR/out"
}

@test "records of another machine, old ones, lines that are none and rounds that are cut off fire nothing" {
  watched_site
  at 0
  status=0
  rates 0.06 0.07 | sed 's/0000001"/0000002"/' | hal9-rollback watch - >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 0
  rates 0.06 0.07 >"$TEST_DIR/old"
  at 400
  hal9-rollback watch - <"$TEST_DIR/old" >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 0
  [ "$(decisions)" = "" ]
  {
    rates 0.06
    echo 'rubbish'
    record begin '"round":1'
    record sample '"metric":"error_rate","value":0.9' 1
    record begin '"round":2'
    record sample '"metric":"error_rate","value":0.01' 2
    record end '"planned":1,"ran":1,"passed":1,"failed":0,"unknown":0,"skipped":0,"exit":0,"resumable":false,"round":2'
  } >"$TEST_DIR/in"
  hal9-rollback watch - <"$TEST_DIR/in" >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  [ "$(decisions)" = "" ]
  err_says "line 2 of the input"
  err_says "began and did not end"
  status=0
  hal9-rollback watch - </dev/null >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  exits 4
  is_world "$migrated"
}

@test "what is wrong is told with its place, and nothing is begun" {
  watched_site
  run hal9-rollback watch
  [ "$status" -eq 2 ]
  [[ $output == *"plan migration has a trigger on error_rate, but no metrics"* ]]
  run hal9-rollback watch web
  [ "$status" -eq 2 ]
  [[ $output == *"no 'web'"* ]]
  run hal9-rollback watch - --plan migraton </dev/null
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'migration'?"* ]]
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  bad() { # LINE EXPECTED
    sed "s/^      error_rate: .*/      $1/" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
    run hal9-rollback watch - </dev/null
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *hal9.yaml:*:*:*"$2"* ]]
  }
  bad 'error_rate: {above: 5%, clear: 6%}' "clear is the level at which it is well again"
  bad 'error_rat: {above: 5%}' "did you mean 'error_rate'?"
  bad 'p99: {above: 5}' "a duration such as 30s"
  bad 'score: {below: 2}' "a number from 0 to 1"
  bad 'error_rate: {requests: up}' "asked of the Prometheus server of metrics"
  bad 'cooldown: 1m' "a trigger wants error_rate, p99, score"
  [ ! -e "$HAL9OPS_STATE_DIR/watches" ]
}

@test "a damaged record of what was tried stops it before anything is touched; --reset begins anew" {
  watched_site
  mkdir -p "$HAL9OPS_STATE_DIR/watches"
  echo '{"hal9_watch":1,"attempts":[{}]}' >"$HAL9OPS_STATE_DIR/watches/migration.json"
  watch_rates 0.06 0.07
  exits 4
  err_says "watches/migration.json is damaged"
  err_says "watch --reset"
  is_world "$migrated"
  hal9-rollback watch --reset -o text
  watch_rates 0.06 0.07
  exits 0
  is_world "$before"
}
