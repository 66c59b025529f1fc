# Changes of flags over a real Unleash, broken off on the way.
# shellcheck shell=bash disable=SC2034,SC2154 # set by the other helpers, or read in the tests

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

# stopped_at_begin COMMAND -- TOOL… : the tool waits behind the durable begin line of its step while the command changes the world.
stopped_at_begin() {
  local command=() ready go pid
  while [ "$1" != -- ]; do command+=("$1") && shift; done
  shift
  mkfifo "$TEST_DIR/ready.stop" "$TEST_DIR/go.stop"
  exec {ready}<>"$TEST_DIR/ready.stop" {go}<>"$TEST_DIR/go.stop"
  HAL9OPS_TEST_STOP=2:$ready:$go "$@" >"$TEST_DIR/stopped.log" 2>&1 3>&- 4>&- </dev/null &
  pid=$!
  IFS= read -r -t 20 -n 1 -u "$ready" || fail "it did not stop"
  "${command[@]}" >/dev/null
  printf g >&"$go"
  stopped_status=0
  wait "$pid" || stopped_status=$?
  exec {ready}<&- {go}<&-
  cat "$TEST_DIR/stopped.log"
}
