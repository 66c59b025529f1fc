#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Pages: a real receiver that is down, slow, busy, of another mind or killed; tools that are killed; nobody pages twice.

load common
load health

KEY=a-routing-key-that-nobody-sees

setup() {
  common_setup
  skip_unless jq
  open_site
  export HAL9OPS_NOW=2026-11-23T03:00:00Z
  free_port
  port=$free_port
  received=$TEST_DIR/received
  touch "$received"
  echo "$KEY" >"$TEST_DIR/key"
  is failing
  site "- pagerduty: {routing_key: \"file:$TEST_DIR/key\", url: \"http://127.0.0.1:$port/v2/enqueue\"}"
}

# What the service's own check says from now on.
is() {
  case $1 in healthy) echo 0 ;; failing) echo 2 ;; esac >"$TEST_DIR/how"
}

# site LINES: the configuration, whose notify: has these lines.
site() {
  services <<YAML
  web:
    checks:
      - command: [/bin/sh, -c, "exit \$(cat $TEST_DIR/how)"]
notify:
  $1
YAML
}

# receiver ANSWER…: listens on the port and answers so.
receiver() {
  local answer arguments=()
  for answer; do arguments+=(--answer "$answer"); done
  start_fixture http-receiver --port "$port" --record "$received" "${arguments[@]}"
  receiver_pid=$fixture_pid
}

end_receiver() {
  kill -KILL "$receiver_pid"
  wait_for_exit "$receiver_pid"
}

# at MINUTE: the time of the next commands.
at() {
  printf -v HAL9OPS_NOW '2026-11-23T%02d:%02d:00Z' $((3 + $1 / 60)) $(($1 % 60))
}

health() { hal9-health -o json "$@" >"$TEST_DIR/out" 2>"$TEST_DIR/err"; }

document() { hal9-health -o nagios >"$TEST_DIR/out" 2>"$TEST_DIR/err"; }

# Bodies of what was received, as jq says.
bodies() { jq -r ".body | fromjson | $1" "$received"; }
count() { wc -l <"$received"; }
spooled() { find "$TEST_DIR/state/spool" -maxdepth 1 -name '*.json' | wc -l; }
# The states of the notification records of the last health.
told() { jq -r 'select(.kind == "notification") | .state' "$TEST_DIR/out" | xargs; }

@test "cron each minute is one page with one key, and one resolve" {
  receiver 202
  for minute in 0 1 2 3 4; do
    at "$minute"
    run -1 health
  done
  [ "$(count)" -eq 1 ]
  is healthy
  for minute in 5 6 7; do
    at "$minute"
    run -0 health
  done
  [ "$(bodies .event_action | xargs)" = "trigger resolve" ]
  [ "$(bodies .dedup_key | sort -u | wc -l)" -eq 1 ]
  [ "$(bodies .routing_key | sort -u)" = "$KEY" ]
  [ "$(bodies .payload.severity | head -1)" = critical ]
  [ "$(spooled)" -eq 0 ]
}

@test "records of notifications are valid and stand before the end" {
  receiver 202
  run -1 health
  [ "$(told)" = "queued sent" ]
  [ "$(jq -r .kind "$TEST_DIR/out" | tail -1)" = end ]
  jq -s -e '[.[] | select(.kind == "notification")] | all(.to == "pagerduty" and .service == "web" and .event == "failing" and (.key | startswith("hal9ops/web-1/web/")))' "$TEST_DIR/out"
}

@test "receiver down: nothing is lost, it is listed, and sent when it is up" {
  run -1 health
  [ "$(told)" = "queued queued" ]
  grep -q 'pagerduty could not be told of web failing: 127.0.0.1: connection refused' "$TEST_DIR/err"
  run -0 hal9-health notifications -o text
  [[ $output == *"pagerduty  web failing  tried once, again in "*"connection refused"* ]]
  run -0 hal9-health notifications -o json
  jq -s -e '[.[] | select(.kind == "notification")] | length == 1 and .[0].state == "queued" and .[0].tries == 1 and .[0].next > .[0].since' <<<"$output"
  receiver 202
  at 1
  run -1 health
  [ "$(told)" = sent ]
  [ "$(count)" -eq 1 ]
  run -0 hal9-health notifications -o text
  [ "$output" = "nothing waits to be told" ]
}

@test "receiver slow or silent: the run ends in time, nothing is lost" {
  receiver hang slow:100
  before=$SECONDS
  run -1 health
  [ $((SECONDS - before)) -lt 20 ]
  [ "$(told)" = "queued queued" ]
  [ "$(spooled)" -eq 1 ]
  at 1
  run -1 health
  [ "$(told)" = sent ]
  [ "$(bodies .dedup_key | sort -u | wc -l)" -eq 1 ]
}

@test "a receiver slower than a run is served by --send" {
  receiver hang slow:2500
  run -1 health
  at 1
  run -0 hal9-health notifications --send -o text
  [[ $output == *"pagerduty was told of web failing"* ]]
  [ "$(spooled)" -eq 0 ]
}

@test "429: left alone as long as it asks for" {
  receiver 429:600 202
  run -1 health
  at 9
  run -1 health
  [ "$(count)" -eq 1 ]
  at 10
  run -1 health
  [ "$(told)" = sent ]
  [ "$(count)" -eq 2 ]
}

@test "500: tried again until it is taken" {
  receiver 500 500 500 502 202
  run -1 health
  [ "$(told)" = "queued queued" ]
  at 1
  run -1 health
  [ "$(told)" = sent ]
  [ "$(count)" -eq 5 ]
}

@test "400: told, kept, exit 1, and sent once more when asked to" {
  receiver 400 202
  run -1 health
  grep -q 'pagerduty was not told of web failing: 127.0.0.1 answers 400' "$TEST_DIR/err"
  [ "$(told)" = "queued failed" ]
  jq -s -e '[.[] | select(.kind == "problem")] | length == 1' "$TEST_DIR/out"
  run -1 hal9-health notifications -o text
  [[ $output == *"given up after one try"*"Next: hal9-health notifications --again" ]]
  run -0 hal9-health notifications --again -o text
  [[ $output == *"was told of web failing"* ]]
  [ "$(count)" -eq 2 ]
}

@test "tool killed between spool and send: the next run sends it, the incident stays one" {
  receiver 202
  HAL9OPS_FAULT=deliver:1:KILL run -137 health
  [ "$(count)" -eq 0 ]
  [ "$(spooled)" -eq 1 ]
  at 1
  run -1 health
  [ "$(told)" = sent ]
  [ "$(bodies .event_action)" = trigger ]
}

@test "tool killed after it was sent: sent again under the same key" {
  receiver 202
  HAL9OPS_FAULT=delivered:1:KILL run -137 health
  at 1
  run -1 health
  is healthy
  run -0 health
  [ "$(bodies .event_action | xargs)" = "trigger trigger resolve" ]
  [ "$(bodies .dedup_key | sort -u | wc -l)" -eq 1 ]
}

@test "receiver killed in the middle of a request: nothing is lost" {
  receiver hang
  start_in_background "$TEST_DIR/health.log" hal9-health -o json
  wait_for_log "$received" trigger
  end_receiver
  wait_for_exit "$background_pid"
  [ "$exit_status" -eq 1 ]
  [ "$(spooled)" -eq 1 ]
  receiver 202
  at 1
  run -1 health
  [ "$(told)" = sent ]
  [ "$(bodies .dedup_key | sort -u | wc -l)" -eq 1 ]
}

@test "two tools at once send one page" {
  receiver slow:300
  start_in_background "$TEST_DIR/first.log" hal9-health -o json
  first=$background_pid
  start_in_background "$TEST_DIR/second.log" hal9-health -o json
  wait_for_exit "$first"
  wait_for_exit "$background_pid"
  [ "$(count)" -eq 1 ]
  [ "$(spooled)" -eq 0 ]
}

@test "-n, --no-notify and checks of the command line page nobody" {
  receiver 202
  run -1 health -n
  run -1 health --no-notify
  run -1 health "tcp://127.0.0.1:1"
  [ "$(count)" -eq 0 ]
  [ ! -e "$TEST_DIR/state/spool" ]
}

@test "webhook, command and pagerduty hear of the same incident" {
  site "- webhook: {url: \"http://127.0.0.1:$port/hook/not-to-be-shown\", token: \"env:HOOK\"}
  - command: [/bin/sh, -c, \"cat >>$TEST_DIR/mail\"]
  - pagerduty: {routing_key: \"file:$TEST_DIR/key\", url: \"http://127.0.0.1:$port/v2/enqueue\"}
    name: the team"
  export HOOK=token-not-to-be-shown
  receiver 200
  run -1 health
  [ "$(jq -r 'select(.kind == "notification" and .state == "sent") | .to' "$TEST_DIR/out" | sort | xargs)" = "command sh the team webhook 127.0.0.1" ]
  [ "$(jq -r 'select(.path == "/hook/not-to-be-shown") | .headers.authorization' "$received")" = "Bearer token-not-to-be-shown" ]
  key=$(bodies 'select(.kind == "verdict") | .key')
  [ "$(jq -r .key "$TEST_DIR/mail")" = "$key" ]
  [ "$(bodies 'select(.event_action) | .dedup_key')" = "$key" ]
  [ "$(jq -r .event "$TEST_DIR/mail")" = failing ]
}

@test "no secret is in the spool, in records, in words, in logs or in ps" {
  site "- pagerduty: {routing_key: \"env:PD\", url: \"http://127.0.0.1:$port/v2/enqueue\"}
  - webhook: {url: \"http://127.0.0.1:$port/hook/hidden-in-the-path?sig=hidden-in-the-query\", token: \"file:$TEST_DIR/key\"}"
  receiver hang hang echo
  PD=$KEY start_in_background "$TEST_DIR/log" hal9-health -vv -o json
  wait_for_log "$received" trigger
  wait_for_log "$received" hidden-in-the-path
  # shellcheck disable=SC2009 # arguments are what is looked at
  ps -eo args >"$TEST_DIR/ps"
  wait_for_exit "$background_pid"
  at 1
  PD=$KEY run -1 health -vv # echoes all back
  run -1 hal9-health notifications -o json
  echo "$output" >"$TEST_DIR/listed"
  hal9-health notifications -vv -o text >"$TEST_DIR/words" 2>&1 || true
  [ -n "$(find "$TEST_DIR/state/spool" -name '*.json')" ]
  run -1 grep -rlE "$KEY|hidden-in" "$TEST_DIR/state" "$TEST_DIR/log" "$TEST_DIR/out" "$TEST_DIR/err" "$TEST_DIR/listed" "$TEST_DIR/words" "$TEST_DIR/ps"
}

@test "a state directory that can't be used is told once, and the page goes out all the same" {
  need_root
  touch "$TEST_DIR/file"
  mkdir "$TEST_DIR/run"
  chown 65534 "$TEST_DIR/run"
  receiver 202
  chmod 0644 "$TEST_DIR/key" "$TEST_DIR/how"
  for minute in 0 1 2; do
    at "$minute"
    HAL9OPS_STATE_DIR=$TEST_DIR/file/state XDG_RUNTIME_DIR=$TEST_DIR/run run -1 as_user 65534 hal9-health -o text
    [ "$(grep -c 'notifications: ' <<<"$output")" -eq 1 ]
  done
  [ "$(count)" -eq 1 ]
}

@test "what waits is sent by a tool that acts, once it has acted" {
  site "- pagerduty: {routing_key: \"file:$TEST_DIR/key\", url: \"http://127.0.0.1:$port/v2/enqueue\"}
    on: [failing, operation]"
  run -1 health
  receiver 202
  at 1
  start_fixture layer9-server --port 0
  run -1 hal9-portfix --list "$fixture_port" -o json
  [ "$(count)" -eq 0 ]
  run -0 hal9-portfix "$fixture_port" --yes --force=holder -o json
  [ "$(jq -s -r '[.[] | select(.kind == "notification")][0].state' <<<"$output")" = queued ]
  [ "$(jq -r .kind <<<"$output" | tail -1)" = end ]
  [ "$(bodies .payload.severity | xargs)" = "critical info" ]
  [ "$(spooled)" -eq 0 ]
}

@test "with a document on stdout the page goes out, too, and troubles are on stderr" {
  run -2 document
  grep -q 'could not be told' "$TEST_DIR/err"
  run -1 grep -c notification "$TEST_DIR/out"
  receiver 202
  at 1
  run -2 document
  [ "$(count)" -eq 1 ]
}
