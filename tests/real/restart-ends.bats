#!/usr/bin/env bats
# hal9-restart and how it can be ended: signals, terminals that close, two at once, undo.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

@test "it survives the end of its caller: session, terminal and process group" {
  skip_unless script bsdutils
  service hal9-server
  # The terminal is closed when `script` ends; its session gets a HUP.
  run -0 script -qec "hal9-restart hal9-server --tone plain" /dev/null
  says "healthy"
  one_of hal9-server
  [ "$(ps -o tty= -p "$the_pid" | tr -d ' ')" = '?' ]
  [ "$(ps -o sid= -p "$the_pid" | tr -d ' ')" = "$the_pid" ]
  answers hal9-server
}

@test "it holds no descriptor of its caller" {
  service hal9-server
  exec {kept}>"$TEST_DIR/kept"
  run -0 restart hal9-server
  exec {kept}>&-
  one_of hal9-server
  [ -z "$(find "/proc/$the_pid/fd" -lname "$TEST_DIR/kept")" ]
}

@test "TERM while the gate waits: exit 143 with the resume command, the service runs, resume goes on" {
  service hal9-server --slow-health 3000
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$TEST_DIR/records" '"step":"hal9-server/start"'
  kill "$background_pid"
  wait_for_exit "$background_pid"
  [ "$exit_status" = 143 ]
  grep -q "hal9-rollback resume" "$TEST_DIR/records"
  grep -q '"resumable":true' "$TEST_DIR/records"
  one_of hal9-server
  old=$the_pid
  run -0 hal9-rollback resume
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  answers hal9-server
}

@test "what was left unfinished is mentioned, and told as superseded by the next run" {
  service hal9-server --slow-health 3000
  service other
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$TEST_DIR/records" '"step":"hal9-server/start"'
  kill -KILL "$background_pid"
  wait_for_exit "$background_pid"
  run -0 restart other
  says "is unfinished (start hal9-server"
  one_of hal9-server
  old=$the_pid
  run -0 restart hal9-server
  says "was unfinished: "
  gone "$old"
  one_of hal9-server
}

@test "TERM between stop and start: it goes on until the service has been started" {
  service hal9-server --term-delay 1000
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$(find "$TEST_DIR/state/services/hal9-server" -name '*.log')" "stopping"
  kill "$background_pid"
  wait_for_exit "$background_pid" 20
  [ "$exit_status" = 143 ]
  gone "$old"
  one_of hal9-server
  steps "$TEST_DIR/records" | grep -qx "hal9-server/start done"
}

@test "two at once: the second is told for whom it would wait, exit 5, one service runs" {
  service hal9-server --slow-health 2000
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$TEST_DIR/records" '"step":"hal9-server/start"'
  run -5 restart hal9-server --lock-timeout 0
  says "hal9-restart"
  wait_for_exit "$background_pid" 20
  [ "$exit_status" = 0 ]
  one_of hal9-server
}

@test "--timeout over between stop and start: it goes on until the service has been started, exit 3" {
  service hal9-server --term-delay 2000
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run -3 restart hal9-server --timeout 1s
  says "the time is over: stopped after step 'hal9-server/start'"
  says "hal9-rollback resume"
  gone "$old"
  one_of hal9-server
  run -0 hal9-rollback resume
  answers hal9-server
}

@test "--timeout over while another has the lock: busy, and for whom" {
  service hal9-server --slow-health 5000
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$TEST_DIR/records" '"step":"hal9-server/start"'
  run -5 restart hal9-server --lock-timeout 60s --timeout 500ms
  says "hal9-restart"
}

@test "two at once: the second waits, and finds it healthy" {
  service hal9-server --slow-health 1000
  start_in_background "$TEST_DIR/records" hal9-restart hal9-server
  wait_for_log "$TEST_DIR/records" '"step":"hal9-server/start"'
  one_of hal9-server
  old=$the_pid
  run -0 restart hal9-server --if-down --lock-timeout 30s
  says "healthy already; nothing done"
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  [ "$(journals)" = 1 ]
}

@test "undo of a start: stopped again; undo of that: started again" {
  service hal9-server
  run -0 restart hal9-server
  id=$(jq -r 'select(.type == "plan") | .id' "$TEST_DIR"/state/journal/*.ndjson)
  run -0 hal9-rollback undo "$id"
  none_of hal9-server
  second=$(hal9-rollback history -o json | jq -s -r '[.[] | select(.kind == "operation")][-1].id')
  run -0 hal9-rollback undo "$second"
  one_of hal9-server
}

@test "the journal keeps no secret of the service's environment" {
  service hal9-server
  sed -i 's|HAL9_FIXTURE_LIFETIME: "300"|&, DB_PASSWORD: "file:'"$TEST_DIR"'/password"|' "$HAL9OPS_CONFIG"
  echo hunter2hunter2 >"$TEST_DIR/password"
  run -0 restart hal9-server
  one_of hal9-server
  tr '\0' '\n' <"/proc/$the_pid/environ" | grep -qx DB_PASSWORD=hunter2hunter2
  run ! grep -r hunter2 "$TEST_DIR/state/journal"
  never_says hunter2
}
