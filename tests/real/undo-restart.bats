#!/usr/bin/env bats
# Taking back a restart that came back to the release before by itself; and a TERM between the new release's failure and the way back. In the end
# one copy runs, or it is told before anything is stopped.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart
load releases

setup() {
  common_setup
  skip_unless jq
  web_site
}

newest() {
  hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id'
}

# came_back sick|dead: release 2 was deployed, and release 1 runs again. Sets id, the operation.
came_back() {
  restart web
  release 2 "$1"
  deploy 2
  run -1 restart web
  says "release rel/1 is back"
  id=$(newest)
}

# As it was before that: release 1 runs, and 2 is what the next restart would start.
as_before() {
  local all
  mapfile -t all < <(web_pids)
  [ "${#all[@]}" -eq 1 ] || fail "${#all[@]} processes: $output"
  [ "$(readlink "/proc/${all[0]}/exe")" = "$TEST_DIR/rel/1/web" ]
  [ "$(current)" = rel/2 ]
  run -0 hal9-rollback status
  run -0 hal9-health web
}

@test "undo of a restart that came back: the new release is not started once more, and all is as before; twice does nothing" {
  for kind in sick dead; do
    came_back "$kind"
    run -1 hal9-rollback undo -n "$id" -o text
    [ "$(grep -c "start web again" <<<"$output")" -eq 1 ] || fail "$output"
    run -0 hal9-rollback undo "$id" -o text
    says "is taken back"
    as_before
    run -0 hal9-rollback undo "$id" -o text
    says "nothing to undo"
    as_before
    deploy 1
  done
}

@test "what runs was killed meanwhile: undo starts what ran before" {
  came_back sick
  kill -KILL "$(web_pids)"
  run -0 hal9-rollback undo "$id" -o text
  as_before
}

@test "the release was removed meanwhile: told before anything is stopped" {
  came_back sick
  old=$(web_pids)
  rm -r "$TEST_DIR/rel/2"
  for words in -n --tone=plain --force=drift; do
    run -1 hal9-rollback undo "$words" "$id" -o text
    says "the release rel/2 is not there; $TEST_DIR/current stays as it is"
    [ "$(web_pids)" = "$old" ]
  done
  runs_release 1
  run -0 hal9-rollback status
}

@test "the program that ran before is not there any more: told before anything is stopped" {
  restart web
  release 2 good
  deploy 2
  restart web
  rm -r "$TEST_DIR/rel/1"
  run -1 hal9-rollback undo "$(newest)" -o text
  says "web can't be started again: its program $TEST_DIR/rel/1/web does not exist"
  runs_release 2
}

# term_behind_the_failure KIND-OF-2: hal9-restart gets a TERM while it stands behind the line that says that release 2 has failed.
term_behind_the_failure() {
  local n
  came_back "$1"
  n=$(grep -n -m 1 '"type":"fail"' "$TEST_DIR/state/journal/$id.ndjson" | cut -d: -f1)
  [ "${n:-0}" -ge 4 ] || fail "no step has failed"
  deploy 2
  mkfifo "$TEST_DIR/stands.$1" "$TEST_DIR/go.$1"
  exec {stands}<>"$TEST_DIR/stands.$1" {go}<>"$TEST_DIR/go.$1"
  HAL9OPS_TEST_STOP=$n:$stands:$go start_in_background "$TEST_DIR/termed.log" hal9-restart -o text web
  read -r -n 1 -t 30 -u "$stands" _
  kill -TERM "$background_pid"
  printf x >&"$go"
  wait_for_exit "$background_pid" 30
  exec {stands}<&- {go}<&-
  [ "$exit_status" -eq 143 ] || fail "exit $exit_status: $(cat "$TEST_DIR/termed.log")"
  grep -q "go on with: hal9-rollback resume" "$TEST_DIR/termed.log"
  run -3 hal9-rollback status
}

@test "TERM between the failure and the way back: told, exit 143; the next run reaches a service that runs" {
  term_behind_the_failure dead
  # The release is found once more, fails once more, and now the way back is gone to its end.
  run -1 restart web
  says "release rel/1 is back, and healthy"
  runs_release 1
  run -0 hal9-health web
  run -0 hal9-rollback status
}

@test "TERM between the failure and the way back: told, exit 143; resume goes the way back" {
  term_behind_the_failure sick
  run -1 hal9-rollback resume -o text
  runs_release 1
  run -0 hal9-health web
  run -0 hal9-rollback status
}
