#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# The receivers that are not the pager, at their worst: a command that fails, hangs, reads nothing or dies, a webhook that is
# down, slow, busy or killed half-way, under a cron that runs again and again. Nothing is lost, and the pipe never waits.

load common
load health

setup() {
  common_setup
  skip_unless jq
  open_site
  export HAL9OPS_NOW=2026-11-23T03:00:00Z
  how 2
}

how() { echo "$1" >"$TEST_DIR/how"; } # what the service's own check exits with from now on

site() { # NOTIFY
  services <<YAML
  web: {checks: [{command: [/bin/sh, -c, "exit \$(cat $TEST_DIR/how)"]}]}
notify: [$1]
YAML
}

at() { printf -v HAL9OPS_NOW '2026-11-23T%02d:%02d:00Z' $((3 + $1 / 60)) $(($1 % 60)); }
cron() { timeout -k 1 30 hal9-health -o json >"$TEST_DIR/out" 2>"$TEST_DIR/err" || [ $? -le 1 ]; }
told() { jq -r 'select(.kind == "notification") | .state' "$TEST_DIR/out" | xargs; }
spooled() { find "$TEST_DIR/state/spool" -maxdepth 1 -name '*.json' | wc -l; }

# receiver SCRIPT: the program that the notify command is.
receiver() {
  printf '#!/bin/sh\n%s\n' "$1" >"$TEST_DIR/receiver.new"
  chmod +x "$TEST_DIR/receiver.new"
  mv "$TEST_DIR/receiver.new" "$TEST_DIR/receiver"
}

@test "a command that fails is tried again, and what it takes in the end is the failure, then the recovery, under one key" {
  site "{command: [$TEST_DIR/receiver]}"
  receiver 'exit 1'
  for minute in 0 1 2; do at $minute && cron; done
  [ "$(spooled)" -eq 1 ]
  how 0
  at 20 && cron
  [ "$(spooled)" -eq 2 ]
  receiver "cat >>$TEST_DIR/got"
  for minute in 60 80 100; do at $minute && cron; done
  [ "$(spooled)" -eq 0 ]
  [ "$(jq -r .event "$TEST_DIR/got" | xargs)" = "failing recovered" ] || fail "$(cat "$TEST_DIR/got")"
  [ "$(jq -r .key "$TEST_DIR/got" | sort -u | wc -l)" -eq 1 ]
}

@test "a command that hangs is killed with all that it started; the run ends, and it is tried again" {
  site "{command: [$TEST_DIR/receiver]}"
  receiver "sleep 250 & echo \$! >>$TEST_DIR/pids; sleep 250"
  before=$(now_ms)
  cron
  [ $(($(now_ms) - before)) -lt 15000 ]
  [ "$(spooled)" -eq 1 ]
  while read -r pid; do wait_for_exit "$pid" || fail "pid $pid is left"; done <"$TEST_DIR/pids"
  receiver "cat >>$TEST_DIR/got"
  at 30 && cron
  [ "$(spooled)" -eq 0 ]
  [ "$(jq -r .event "$TEST_DIR/got")" = failing ]
}

@test "a command that reads nothing, or only a part, kills nobody by SIGPIPE" {
  for script in 'exit 0' 'head -c 10 >/dev/null'; do
    rm -rf "$TEST_DIR/state"
    site "{command: [$TEST_DIR/receiver]}"
    receiver "$script"
    cron
    [ "$(told)" = "queued sent" ] || fail "$(told): $(cat "$TEST_DIR/err")"
    [ "$(spooled)" -eq 0 ]
  done
}

@test "a command that is not there, can't be executed, or is killed: told, kept" {
  site "{command: [$TEST_DIR/none]}"
  cron
  [ "$(spooled)" -eq 1 ]
  rm -rf "$TEST_DIR/state"
  site "{command: [$TEST_DIR/receiver]}"
  receiver 'kill -9 $$'
  cron
  [ "$(spooled)" -eq 1 ]
  grep -q . "$TEST_DIR/err"
}

@test "a webhook that is down, busy, broken and killed half-way under cron: one failure, one recovery, one key" {
  free_port
  site "{webhook: \"http://127.0.0.1:$free_port/hook\"}"
  at 0 && cron # nobody listens
  [ "$(spooled)" -eq 1 ]
  start_fixture http-receiver --port "$free_port" --record "$TEST_DIR/one" --answer 500 --answer 429:60 --answer close --answer cut
  for minute in 10 30 60 100; do at $minute && cron; done
  kill -KILL "$fixture_pid"
  wait_for_exit "$fixture_pid"
  how 0
  at 200 && cron
  start_fixture http-receiver --port "$free_port" --record "$TEST_DIR/two" --answer 200
  for minute in 400 600 800; do at $minute && cron; done
  [ "$(spooled)" -eq 0 ]
  # What was cut off in the answer had a 2xx in its head: either is at least once.
  [ "$(jq -r '.body | fromjson | .event' "$TEST_DIR/one" "$TEST_DIR/two" | uniq | xargs)" = "failing recovered" ]
  [ "$(jq -r '.body | fromjson | .key' "$TEST_DIR/one" "$TEST_DIR/two" | sort -u | wc -l)" -eq 1 ]
}

@test "killed with -9 again and again between spool and send: nothing is lost, one incident, one key" {
  free_port
  start_fixture http-receiver --port "$free_port" --record "$TEST_DIR/got" --answer hang --answer hang --answer hang --answer 200
  site "{webhook: \"http://127.0.0.1:$free_port/hook\"}"
  for minute in 0 20 60; do
    at $minute
    start_in_background "$TEST_DIR/log" hal9-health -o json
    for _ in {1..200}; do # until the request is there: the run is in the middle of its send
      [ "$(wc -l <"$TEST_DIR/got" 2>/dev/null || echo 0)" -gt "${seen:-0}" ] && break
      is_alive "$background_pid" || break
      read -r -t 0.05 <> <(:) || true
    done
    seen=$(wc -l <"$TEST_DIR/got")
    kill -KILL "$background_pid" 2>/dev/null || true
    wait_for_exit "$background_pid"
  done
  for minute in 200 400 600; do at $minute && cron; done
  [ "$(spooled)" -eq 0 ]
  how 0
  at 700 && cron
  [ "$(jq -r '.body | fromjson | .event' "$TEST_DIR/got" | uniq | xargs)" = "failing recovered" ] || fail "$(cat "$TEST_DIR/got")"
  [ "$(jq -r '.body | fromjson | .key' "$TEST_DIR/got" | sort -u | wc -l)" -eq 1 ]
}
