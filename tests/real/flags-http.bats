#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Flags of a server that speaks the small HTTP protocol: ETags, tokens, bad days.

load common
load flags

TOKEN=a-token-that-nobody-sees-9f3

setup() {
  flags_setup
  echo "$TOKEN" >"$TEST_DIR/token"
}

# server [ARGUMENT…]: with two flags; sets up the store for it.
server() {
  start_fixture flag-server --port 0 --token "$TOKEN" --record "$TEST_DIR/requests" --flag dark-mode=false --flag 'limit={"a": 1}' "$@"
  url=http://127.0.0.1:$fixture_port/flags
  flags_config "main: {http: \"$url\", token: \"file:$TEST_DIR/token\"}"
}

@test "list, get, set, once more, undo" {
  server
  exits 0 flags list -o text
  [[ "$output" == *"dark-mode"*"off"*"limit"*'{"a":1}'* ]]
  exits 0 flags set dark-mode on -o text
  [ "$(value dark-mode)" = on ]
  exits 0 flags set dark-mode on -o text
  [[ "$output" == *already* ]]
  exits 0 flags set limit '{"a": 2}' -o text
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(value limit)" = '{"a":1}' ]
  exits 2 flags set dark-mod on
  [[ "$output" == *"did you mean 'dark-mode'?"* ]]
}

@test "a server without ETags will do" {
  server --no-etag
  exits 0 flags set dark-mode on -o text
  [ "$(value dark-mode)" = on ]
}

@test "500, 429 and a lost answer on the way: it is set all the same, once" {
  server --changes --answer 500 --answer 429:0 --answer lost
  exits 0 flags set dark-mode on -o text
  [ "$(value dark-mode)" = on ]
}

@test "a server that only fails is told in bounds, exit 4, and its flag is as before" {
  server --changes --answer '503*'
  exits 4 flags set dark-mode on
  [[ "$output" == *"$url/dark-mode answers 503: a bad day"* ]]
  [[ "$output" == *"when the flag server is well again"* ]]
  [ "$(value dark-mode)" = off ]
  [ "$(grep -c PUT "$TEST_DIR/requests")" -eq 3 ]
}

@test "a server that has failed again and again is left alone, by the next run, too" {
  server --changes --answer '503*'
  exits 4 flags set dark-mode on
  exits 4 flags set dark-mode on
  sent=$(grep -c PUT "$TEST_DIR/requests")
  exits 4 flags set dark-mode on
  [[ "$output" == *"left alone"* ]]
  [ "$(grep -c PUT "$TEST_DIR/requests")" -eq "$sent" ]
}

@test "a server that hangs or is not there is told in bounds" {
  server --answer 'hang*'
  began=$SECONDS
  exits 4 flags get dark-mode
  [ $((SECONDS - began)) -lt 60 ]
  [[ "$output" == *"$url"* ]]
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  exits 4 flags get dark-mode
  [[ "$output" == *"curl -sS"* ]]
}

@test "the token is never seen: not in words, records, journals, ps, nor where the server says it back" {
  server
  echo wrong-token-7c1 >"$TEST_DIR/token"
  exits 4 flags set dark-mode on
  [[ "$output" == *"answers 403"* ]]
  [[ "$output" == *"$TEST_DIR/token"* ]]
  [[ "$output" != *wrong-token-7c1* ]]
  echo "$TOKEN" >"$TEST_DIR/token"
  exits 0 flags set dark-mode on -o json
  [[ "$output" != *"$TOKEN"* ]]
  run grep -rF "$TOKEN" "$HAL9OPS_STATE_DIR"
  [ "$status" -eq 1 ]
  [ -z "$output" ]
}

@test "a password in the URL of the configuration is refused, with its place" {
  flags_config "main: {http: \"http://u:p@127.0.0.1/flags\"}"
  exits 2 flags list
  [[ "$output" == *"hal9.yaml:3:"*"token: file:PATH"* ]]
  [[ "$output" != *"u:p@"* ]]
}

@test "watch asks with the last ETag, and tells what others change" {
  server
  start_in_background "$TEST_DIR/watch.log" hal9-rollback flags watch --every 200ms -o json
  watcher=$background_pid
  wait_for_log "$TEST_DIR/watch.log" "watching 2 flags"
  curl -sS -X PUT -H "Authorization: Bearer $TOKEN" -d true "$url/dark-mode"
  wait_for_log "$TEST_DIR/watch.log" '"flag":"dark-mode","from":"off","to":"on"'
  kill -TERM "$watcher"
  wait_for_exit "$watcher" 20
  [ "$exit_status" -eq 143 ]
}
