#!/usr/bin/env bats
# Changes of flags killed at every line of the journal and within every request to a real Unleash: resume makes them whole, undo takes
# them back; a file is the old or the new one.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/flags
load ../real/unleash
load kills

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  flags_setup
}

# A flag with a strategy of its own, behind a proxy.
unleash_flag() {
  need_unleash_server
  echo "$ADMIN_TOKEN" >"$TEST_DIR/token"
  flag=k-$BATS_TEST_NUMBER-$RANDOM
  make_flag "$flag"
  E=/projects/default/features/$flag/environments/development
  admin POST "$E/strategies" '{"name":"default","title":"theirs","disabled":true}' >/dev/null
  before=$(env_of "$flag")
  free_port
  proxy_port=$free_port
  flags_config "main: {unleash: {url: \"http://127.0.0.1:$proxy_port\", environment: development, token: \"file:$TEST_DIR/token\"}}"
}

proxy() {
  local answers=() a
  for a in "$@"; do answers+=(--answer "$a"); done
  : >"$TEST_DIR/requests"
  start_fixture flag-server --port "$proxy_port" --forward "$unleash_port" --changes --record "$TEST_DIR/requests" "${answers[@]}"
}

end_proxy() {
  kill -KILL "$fixture_pid"
  wait_for_exit "$fixture_pid"
}

# kill_in_request ANSWER… -- COMMAND… : killed while the last of these requests is under way. False: it ended before that.
kill_in_request() {
  local answers=() pid
  while [ "$1" != -- ]; do answers+=("$1") && shift; done
  shift
  proxy "${answers[@]}"
  start_in_background "$TEST_DIR/killed.log" "$@"
  pid=$background_pid
  local status=0
  wait_for_log "$TEST_DIR/requests" waits 20 || status=1
  kill -KILL "$pid" 2>/dev/null || true
  wait_for_exit "$pid"
  end_proxy
  return "$status"
}

is_25() {
  [ "$(env_of "$flag" | jq -c '[.enabled, ([.strategies[] | select(.name == "flexibleRollout") | .parameters.rollout])]')" = '[true,["25"]]' ] || fail "$1: $(env_of "$flag")"
  [ "$(env_of "$flag" | jq '.strategies | length')" -eq 2 ] || fail "$1: $(env_of "$flag")"
}

nothing_unfinished() {
  exits 0 hal9-rollback status -o text
}

@test "killed within each request, before and after the server did it: resume makes it whole, undo takes it back" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback flags set "$flag" 25% || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback resume -o text
      is_25 "$how $n"
      exits 0 hal9-rollback undo "$(last_operation)" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "killed within each request: undo without resume takes back what was done" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback flags set "$flag" 25% || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback undo "$(last_operation)" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "an undo killed within each request: the same undo again ends it" {
  unleash_flag
  for how in hang stall; do
    for n in 1 2; do
      proxy pass
      flags set "$flag" 25% -q
      id=$(last_operation)
      end_proxy
      answers=()
      [ "$n" = 1 ] || answers=(pass)
      kill_in_request "${answers[@]}" "$how" -- hal9-rollback undo "$id" || fail "$how $n: it was not killed"
      proxy pass
      exits 0 hal9-rollback undo "$id" -o text
      [ "$(env_of "$flag")" = "$before" ] || fail "$how $n: $(env_of "$flag")"
      nothing_unfinished
      end_proxy
    done
  done
}

@test "somebody's hand after the kill is not overwritten: resume stops and shows the three values" {
  unleash_flag
  kill_in_request pass hang -- hal9-rollback flags set "$flag" 25%
  admin POST "$E/strategies" '{"name":"flexibleRollout","title":"mine","parameters":{"rollout":"77","stickiness":"default","groupId":"x"}}' >/dev/null
  theirs=$(env_of "$flag")
  proxy pass
  exits 3 hal9-rollback resume -o json
  [[ "$output" == *"half-way"* ]]
  [ "$(env_of "$flag")" = "$theirs" ]
}

# stopped_at_begin COMMAND -- TOOL… : the tool waits behind the durable begin line of its step while the command changes the world.
stopped_at_begin() {
  local command=() ready go pid byte
  while [ "$1" != -- ]; do command+=("$1") && shift; done
  shift
  mkfifo "$TEST_DIR/ready.stop" "$TEST_DIR/go.stop"
  exec {ready}<>"$TEST_DIR/ready.stop" {go}<>"$TEST_DIR/go.stop"
  HAL9OPS_TEST_STOP=2:$ready:$go "$@" >"$TEST_DIR/stopped.log" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  IFS= read -r -t 20 -n 1 -u "$ready" byte || fail "it did not stop"
  "${command[@]}" >/dev/null
  printf g >&"$go"
  stopped_status=0
  wait "$pid" || stopped_status=$?
  exec {ready}<&- {go}<&-
  cat "$TEST_DIR/stopped.log"
}

@test "somebody's change between plan and request is drift: nothing is written, exit 1, and undo leaves theirs alone" {
  unleash_flag
  proxy pass
  stopped_at_begin admin POST "$E/strategies" '{"name":"default","title":"mine"}' -- hal9-rollback flags set "$flag" 25%
  [ "$stopped_status" -eq 1 ]
  grep -q "somebody else changed" "$TEST_DIR/stopped.log"
  [ "$(grep -vc GET "$TEST_DIR/requests")" -eq 0 ]
  theirs=$(env_of "$flag")
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(env_of "$flag")" = "$theirs" ]
}

@test "somebody's edit of the flag between plan and write is drift, of another flag is kept" {
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
  stopped_at_begin sed -i 's/"red": "r"/"red": "R"/' "$file" -- hal9-rollback flags set dark-mode on
  [ "$stopped_status" -eq 0 ]
  grep -q '"red": "R"' "$file"
  [ "$(value dark-mode)" = on ]
  rm "$TEST_DIR"/*.stop
  stopped_at_begin sed -i 's/"defaultVariant": "on"/"defaultVariant": "on", "metadata": {}/' "$file" -- hal9-rollback flags set dark-mode 25%
  [ "$stopped_status" -eq 1 ]
  [ "$(value dark-mode)" = on ]
}

@test "killed at every line of the journal over Unleash: resume or the next run reaches the end" {
  unleash_flag
  proxy pass
  total=$(lines_of hal9-rollback flags set "$flag" 25%)
  [ "$total" -ge 4 ]
  for n in $(seq "$total"); do
    exits 0 flags set "$flag" off -o text
    kill_at_line "$n" hal9-rollback flags set "$flag" 25%
    if [ $((n % 2)) = 0 ]; then
      exits 0 hal9-rollback resume -o text
    fi
    exits 0 flags set "$flag" 25% -o text
    is_25 "line $n"
    exits 0 hal9-rollback resume -o text
    nothing_unfinished
  done
}

@test "killed at every line of the journal over a file: it is the old or the new one, and the end is reached" {
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
  cp "$file" "$TEST_DIR/old"
  total=$(lines_of hal9-rollback flags set dark-mode on)
  cp "$file" "$TEST_DIR/new"
  for n in $(seq "$total"); do
    cp "$TEST_DIR/old" "$file"
    kill_at_line "$n" hal9-rollback flags set dark-mode on
    cmp -s "$file" "$TEST_DIR/old" || cmp "$file" "$TEST_DIR/new"
    exits 0 hal9-rollback resume -o text
    exits 0 flags set dark-mode on -o text
    cmp "$file" "$TEST_DIR/new"
  done
}
