#!/usr/bin/env bats
# --follow: hal9-portfix and hal9-restart behind hal9-health watch, on the real pipe and on rounds made by hand.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

# watched PIPE: in the background; what comes out last goes to $TEST_DIR/out.
watched() {
  start_in_background "$TEST_DIR/err" setsid bash -c "hal9-health watch --every 300ms | $1 >$TEST_DIR/out"
  watcher=$background_pid
}

# told TEXT [SECONDS]
told() {
  wait_for_log "$TEST_DIR/out" "$1" "${2:-20}" || fail "no '$1' in: $(tail -n 8 "$TEST_DIR/out") $(cat "$TEST_DIR/err")"
}

# end_watch: TERM to hal9-health; the tools behind it come to the end of their input.
end_watch() {
  kill -TERM "$(ps -o pid= -C hal9-health --ppid "$watcher" | tr -d ' ' | head -n 1)"
  wait_for_exit "$watcher" 60 || fail "the pipe goes on"
}

# round N SERVICE:STATE:CAUSE… : one of a watch, begun RECORD_TIME or now.
round() {
  local n=$1 v name state cause
  shift
  record begin "\"round\":$n"
  for v in "$@"; do
    IFS=: read -r name state cause <<<"$v"
    record verdict "\"service\":\"$name\",\"state\":\"$state\"${cause:+,\"cause\":\"$cause\"}"
  done
  record end '"planned":1,"ran":1,"passed":0,"failed":1,"unknown":0,"skipped":0,"exit":1,"resumable":false,"round":'"$n"
}

# own_rounds FILE: kind and round of this stage's brackets.
own_rounds() {
  jq -rs '[.[] | select(.tool == "hal9-restart" and (.kind == "begin" or .kind == "end")) | .kind + " " + (.round // 0 | tostring)] | join(",")' "$1"
}

@test "what falls while it is watched is started again, and the watch goes on" {
  service web
  run -0 restart web
  one_of web
  old=$the_pid
  watched "hal9-restart --follow -"
  told '"kind":"end"'
  kill -KILL "$old"
  told '"step":"web/gate"'
  one_of web
  [ "$the_pid" != "$old" ]
  answers web
  is_alive "$watcher"
  end_watch
  [ "$(journals)" = 2 ]
  # Every round has this stage's begin and end, in pairs.
  [ "$(own_rounds "$TEST_DIR/out" | tr , '\n' | sort | uniq -c | awk '{print $1}' | sort -u)" = 1 ]
}

@test "one that falls again and again is not restarted with each round" {
  service web --exit-at-start 3
  watched "hal9-restart --follow -"
  told "the next one may be in" 40
  end_watch
  [ "$(journals)" -le 2 ] || fail "$(journals) operations"
}

@test "portfix and restart in one pipe: the thief goes, the service comes" {
  MORE='    conflicts: [layer9-server]' service web
  start_fixture layer9-server --port "${port_of[web]}"
  watched "hal9-portfix --follow --settle 50ms - | hal9-restart --follow -"
  told '"step":"web/gate"'
  gone "$fixture_pid"
  one_of web
  answers web
  end_watch
}

@test "rounds by hand: each is acted on by itself, passed on byte for byte" {
  service web
  service app
  mkfifo "$TEST_DIR/in"
  start_in_background "$TEST_DIR/err" bash -c "hal9-restart --follow - <$TEST_DIR/in >$TEST_DIR/out"
  exec {in}>"$TEST_DIR/in"
  round 1 web:failing:not_running | tee "$TEST_DIR/all" >&"$in"
  told '"tool":"hal9-restart","stage":2,"run":"01jd8zabcdefgh","planned":1,"ran":1,"passed":1,"failed":0,"unknown":0,"skipped":0,"exit":0,"resumable":false,"round":1}'
  one_of web
  none_of app
  round 2 web:healthy app:failing:not_running | tee -a "$TEST_DIR/all" >&"$in"
  told '"tool":"hal9-restart","stage":2,"run":"01jd8zabcdefgh","planned":1,"ran":1,"passed":1,"failed":0,"unknown":0,"skipped":0,"exit":0,"resumable":false,"round":2}'
  one_of app
  exec {in}>&-
  wait_for_exit "$background_pid"
  [ "$exit_status" = 0 ]
  grep '"tool":"hal9-health"' "$TEST_DIR/out" | cmp - "$TEST_DIR/all"
  [ "$(own_rounds "$TEST_DIR/out")" = "begin 1,end 1,begin 2,end 2" ]
}

@test "of several rounds that are there already the newest counts" {
  service web
  service app
  { round 1 web:failing:not_running; round 2 app:failing:not_running; } >"$TEST_DIR/in"
  run -0 hal9-restart --follow - <"$TEST_DIR/in"
  none_of web
  one_of app
  [ "$(own_rounds <(echo "$output"))" = "begin 1,end 1,begin 2,end 2" ]
  [ "$(journals)" = 1 ]
}

@test "a round that began before the service was seen to is not acted on" {
  service web
  mkfifo "$TEST_DIR/in"
  start_in_background "$TEST_DIR/err" bash -c "hal9-restart --follow -v - <$TEST_DIR/in >$TEST_DIR/out"
  exec {in}>"$TEST_DIR/in"
  RECORD_TIME=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
  export RECORD_TIME
  round 1 web:failing:not_running >&"$in"
  told '"round":1}'
  told '"tool":"hal9-restart","stage":2,"run":"01jd8zabcdefgh","planned":1'
  one_of web
  kill -KILL "$the_pid"
  wait_for_exit "$the_pid"
  round 2 web:failing:not_running >&"$in"
  exec {in}>&-
  wait_for_exit "$background_pid"
  [ "$exit_status" = 0 ]
  none_of web
  [ "$(journals)" = 1 ]
  grep -q "this round began before it was seen to" "$TEST_DIR/err"
}

@test "without --follow a watch is not acted on: told, exit 2" {
  service web
  round 1 web:failing:not_running >"$TEST_DIR/in"
  run -2 hal9-restart - <"$TEST_DIR/in"
  says "say --follow"
  none_of web
  run -2 hal9-portfix - <"$TEST_DIR/in"
  says "say --follow"
}

@test "one plain stream is one round" {
  service web
  run -0 bash -c "$(declare -f record verdicts); verdicts web:failing:not_running | hal9-restart --follow -"
  one_of web
}

@test "a round that is cut off, holds a bad line, or no round at all: nothing done, exit 4" {
  service web
  round 1 web:failing:not_running | head -n -1 >"$TEST_DIR/in"
  run -4 hal9-restart --follow - <"$TEST_DIR/in"
  says "began and did not end"
  run -4 hal9-restart --follow - </dev/null
  round 1 web:failing:not_running | sed '2s/$/nonsense/' >"$TEST_DIR/in"
  run -4 hal9-restart --follow - <"$TEST_DIR/in"
  none_of web
}

@test "TERM ends it with 143, its stage has an end" {
  service web
  mkfifo "$TEST_DIR/in"
  start_in_background "$TEST_DIR/out" bash -c "exec hal9-restart --follow - <$TEST_DIR/in"
  exec {in}>"$TEST_DIR/in"
  round 1 web:healthy >&"$in"
  told '"kind":"end"'
  kill -TERM "$background_pid"
  wait_for_exit "$background_pid"
  exec {in}>&-
  [ "$exit_status" = 143 ]
}

@test "--timeout ends it, with what the last round found" {
  service web
  mkfifo "$TEST_DIR/in"
  start_in_background "$TEST_DIR/out" bash -c "exec hal9-restart --follow --timeout 3s - <$TEST_DIR/in"
  exec {in}>"$TEST_DIR/in"
  round 1 web:healthy >&"$in"
  wait_for_exit "$background_pid" 20
  exec {in}>&-
  [ "$exit_status" = 0 ]
}

@test "it goes with - alone" {
  service web
  run -2 hal9-restart --follow web
  run -2 hal9-portfix --follow web
}
