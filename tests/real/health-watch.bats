#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# hal9-health watch: rounds, what is told of them, blips, flapping, signals, a configuration read again.

load common
load health

setup() {
  common_setup
  skip_unless jq
  open_site
}

# watch ARGUMENT…: in the background, without a terminal of its own, so that SIGHUP asks for a reload. Sets watch_pid, watch_log.
watch() {
  watch_log=$TEST_DIR/watch.log
  # (Without job control the shell starts background processes with SIGINT ignored.)
  start_in_background "$watch_log" setsid env --default-signal=INT hal9-health watch "$@"
  watch_pid=$background_pid
}

# ends_with CODE: the watch ends so.
ends_with() {
  wait_for_exit "$watch_pid" 20 || fail "the watch goes on: $(tail -n 5 "$watch_log")"
  [ "$exit_status" -eq "$1" ] || fail "exit $exit_status, not $1: $(tail -n 5 "$watch_log")"
}

told() {
  wait_for_log "$watch_log" "$1" 20 || fail "no '$1' in: $(tail -n 8 "$watch_log")"
}

# counting NAME SCRIPT: a check that appends a line to a file each time it runs; n is the number of the run.
counting() {
  cat >"$TEST_DIR/$1" <<SH
#!/bin/sh
echo x >>"$TEST_DIR/$1.runs"
n=\$(wc -l <"$TEST_DIR/$1.runs")
$2
SH
  chmod +x "$TEST_DIR/$1"
}

@test "each round has a begin and an end with its number, and every service; the exit is the last round's" {
  touch "$TEST_DIR/there"
  services <<YAML
  web: {checks: [{file: $TEST_DIR/there}]}
  db: {checks: [{memory: {available: 1}}]}
YAML
  run hal9-health watch --every 200ms --rounds 3
  exits 0
  echo "$output" >"$TEST_DIR/records"
  [ "$(jq -s -c '[.[] | select(.kind == "begin" or .kind == "end") | [.kind, .round]]' "$TEST_DIR/records")" = '[["begin",1],["end",1],["begin",2],["end",2],["begin",3],["end",3]]' ]
  [ "$(jq -s '[.[] | select(.kind == "verdict")] | length' "$TEST_DIR/records")" -eq 6 ]
  [ "$(jq -s '[.[].run] | unique | length' "$TEST_DIR/records")" -eq 1 ]
  [ "$(jq -s -c '[.[] | select(.kind == "end") | [.passed, .exit]] | unique' "$TEST_DIR/records")" = '[[2,0]]' ]
  rm "$TEST_DIR/there"
  run hal9-health watch --every 200ms --rounds 2 web
  exits 1
}

@test "words tell only what changes, with the time, and how long it was otherwise" {
  touch "$TEST_DIR/there"
  services <<YAML
  web: {checks: [{file: $TEST_DIR/there, rise: 1, fall: 1}]}
YAML
  watch -o text --every 100ms
  told "healthy"
  rm "$TEST_DIR/there"
  told "it was healthy for"
  touch "$TEST_DIR/there"
  told "it was degraded for"
  kill -TERM "$watch_pid"
  ends_with 143
  grep -qE "^[0-2][0-9]:[0-5][0-9]:[0-6][0-9] ! web           degraded  resource$" "$watch_log"
  [ "$(grep -c " web " "$watch_log")" -eq 3 ]
}

@test "--all tells every service in each round" {
  run hal9-health watch -o text --every 100ms --rounds 4 --all memory: "file:$TEST_DIR"
  exits 0
  [ "$(grep -c "healthy" <<<"$output")" -eq 8 ]
}

@test "what is found at the start is advised on at once, not at the end" {
  free_port
  own_program web
  services <<YAML
  web:
    port: $free_port
    run: {exec: ["$TEST_DIR/bin/web", --port, "$free_port"]}
YAML
  watch -o text --every 1s
  told "Next: hal9-restart web"
  is_alive "$watch_pid"
  kill -TERM "$watch_pid"
  ends_with 143
}

@test "a blip is asked again soon and is no failure" {
  # shellcheck disable=SC2016 # n is the script's
  counting blip '[ "$n" != 2 ]'
  run hal9-health watch --every 2s --rounds 2 "command:$TEST_DIR/blip"
  exits 0
  [ "$(jq -s -c '[.[] | select(.kind == "verdict") | .state]' <<<"$output")" = '["healthy","healthy"]' ]
  [ "$(wc -l <"$TEST_DIR/blip.runs")" -eq 3 ]
}

@test "a failure is decided within the round that finds it, by as many answers as fall wants" {
  counting down 'exit 2'
  before=$(now_ms)
  run hal9-health watch --every 10s --rounds 1 "command:$TEST_DIR/down"
  took=$(($(now_ms) - before))
  exits 1
  [ "$(wc -l <"$TEST_DIR/down.runs")" -eq 3 ]
  [ "$took" -ge 2000 ]
  [ "$took" -lt 9000 ]
}

@test "rise and fall are the check's: one failure is enough where fall is 1" {
  counting down 'exit 2'
  services <<YAML
  web: {checks: [{command: [$TEST_DIR/down], fall: 1}]}
YAML
  run hal9-health watch --every 10s --rounds 1
  exits 1
  [ "$(wc -l <"$TEST_DIR/down.runs")" -eq 1 ]
}

@test "until it is decided a service is unknown, and the record tells the answer and what is believed" {
  counting down 'exit 2'
  run hal9-health watch --every 100ms --rounds 1 "command:$TEST_DIR/down"
  exits 4
  [ "$(jq -r 'select(.kind == "check") | .state + " " + .believed' <<<"$output")" = "fail unknown" ]
  [[ "$(jq -r 'select(.kind == "verdict") | .reason' <<<"$output")" == "1 of 3 times in a row: "* ]]
}

@test "a service that changes too often is told as flapping" {
  # shellcheck disable=SC2016 # n is the script's
  counting flip '[ $((n % 2)) = 1 ]'
  services <<YAML
  web: {checks: [{command: [$TEST_DIR/flip], rise: 1, fall: 1}]}
YAML
  run hal9-health watch --every 100ms --rounds 8 --flap "3 in 1m"
  [ "$(jq -s -c '[.[] | select(.kind == "verdict") | .flapping]' <<<"$output")" = '[false,false,false,false,true,true,true,true]' ]
  [ "$(jq -s -c '[.[] | select(.kind == "verdict") | .changes] | .[-1]' <<<"$output")" -ge 4 ]
  rm "$TEST_DIR/flip.runs"
  run hal9-health watch -o text --every 100ms --rounds 5 --flap "3 in 1m"
  says "flapping: it has changed 4 times lately"
}

@test "nobody is paged anew for what flaps" {
  # shellcheck disable=SC2016 # n is the script's
  counting flip '[ $((n % 2)) = 1 ]'
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  web: {checks: [{command: [$TEST_DIR/flip], rise: 1, fall: 1}]}
notify:
  - command: [sh, -c, "cat >>$TEST_DIR/pages"]
    on: [failing, recovered]
YAML
  hal9-health watch --every 100ms --rounds 20 --flap "2 in 1h" >"$TEST_DIR/records" || true
  # Healthy, failing, recovered, and then it flaps.
  [ "$(jq -s '[.[] | select(.kind == "verdict" and .flapping)] | length' "$TEST_DIR/records")" -eq 17 ]
  [ "$(jq -s -c '[.[].event]' "$TEST_DIR/pages")" = '["failing"]' ] || [ "$(jq -s -c '[.[].event]' "$TEST_DIR/pages")" = '["failing","recovered"]' ]
}

@test "INT and TERM end it after the round, with 128 + n, and the round has its end" {
  counting slow 'sleep 1'
  for sig in INT:130 TERM:143; do
    rm -f "$TEST_DIR/slow.runs"
    watch --every 200ms "command:$TEST_DIR/slow"
    told '"kind":"begin"'
    kill -"${sig%:*}" "$watch_pid"
    ends_with "${sig#*:}"
    [ "$(jq -s -c '.[-1] | [.kind, .round]' "$watch_log")" = '["end",1]' ]
  done
}

@test "SIGHUP without a terminal reads the configuration again" {
  services <<YAML
  web: {checks: [{file: $TEST_DIR}]}
YAML
  watch -o text --every 100ms
  told " web "
  services <<YAML
  web: {checks: [{file: $TEST_DIR}]}
  db: {checks: [{file: $TEST_DIR}]}
YAML
  kill -HUP "$watch_pid"
  told "was read again: 2 services"
  told " db "
  is_alive "$watch_pid"
  kill -TERM "$watch_pid"
  ends_with 143
  [ "$(grep -c " web " "$watch_log")" -eq 1 ]
}

@test "a bad configuration is told with its place, and the old one stays" {
  services <<YAML
  web: {checks: [{file: $TEST_DIR/there}]}
YAML
  touch "$TEST_DIR/there"
  watch -o text --every 100ms web
  told "healthy"
  printf 'hal9: 1\nservices:\n  web: {chekcs: []}\n' >"$HAL9OPS_CONFIG"
  kill -HUP "$watch_pid"
  told "hal9.yaml:3:9: 'chekcs'"
  told "the configuration stays as it was"
  rm "$TEST_DIR/there"
  told "degraded"
  # Without the service that is watched it is no good, either.
  services <<YAML
  other: {}
YAML
  kill -HUP "$watch_pid"
  told "no service 'web'"
  is_alive "$watch_pid"
  kill -TERM "$watch_pid"
  ends_with 143
}

@test "a stopped process is a gap in probing: told, and neither up nor down" {
  counting count 'exit 0'
  watch --every 300ms "command:$TEST_DIR/count"
  told '"resumable":false,"round":2}'
  kill -STOP "$watch_pid"
  run wait_for_exit "$watch_pid" 2 # it is stopped, so this is the time and nothing else
  [ "$status" -ne 0 ]
  kill -CONT "$watch_pid"
  told '"gap_ms":'
  kill -TERM "$watch_pid"
  ends_with 143
  gap=$(jq -s '[.[] | select(.gap_ms != null) | .gap_ms][0]' "$watch_log")
  [ "$gap" -gt 300 ]
  [ "$(jq -s -c '[.[] | select(.kind == "verdict") | .state] | unique' "$watch_log")" = '["healthy"]' ]
}

@test "rounds that take longer than the pace leave out those in between, and say so" {
  counting slow 'sleep 0.5'
  run --separate-stderr hal9-health watch --every 200ms --rounds 3 "command:$TEST_DIR/slow"
  exits 0
  [[ $stderr == *"took longer"* ]]
  # Never two at once, and each a whole number of the pace after the first.
  [ "$(wc -l <"$TEST_DIR/slow.runs")" -eq 3 ]
  [ "$(jq -s '[.[] | select(.kind == "begin")] | length' <<<"$output")" -eq 3 ]
}

@test "a reader that has gone ends it" {
  # shellcheck disable=SC2016 # the inner shell expands it
  run timeout 20 bash -c 'hal9-health watch --every 100ms memory: | head -n 1 >/dev/null; exit "${PIPESTATUS[0]}"'
  exits 0
}

@test "--timeout ends it, with what the last round found" {
  before=$(now_ms)
  run hal9-health watch --every 100ms --timeout 1s memory:
  exits 0
  [ $(($(now_ms) - before)) -lt 10000 ]
  [ "$(jq -s '.[-1].kind' <<<"$output")" = '"end"' ]
}

@test "wrong options are exit 2 and say what would be right" {
  for wrong in "-" "--wait 1s" "--every 0" "--every 10ms" "--every soon" "--flap 5" "--rounds 0" "-o tap"; do
    # shellcheck disable=SC2086 # an option and its value
    run hal9-health watch $wrong memory:
    exits 2
  done
  run hal9-health --every 5s memory:
  exits 2
  says "hal9-health watch"
  run hal9-health wacth
  exits 2
  says "did you mean 'hal9-health watch'?"
}
