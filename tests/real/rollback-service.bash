# A site whose plan covers one service, web, in two good releases; release 1 runs.
# shellcheck shell=bash disable=SC2154 # set by the helpers

service_site() {
  MORE="rollback:
  p: {parts: [{service: web}], health: web, verify: {tries: 3, every: 200ms}}" GATE='{within: 15s, interval: 100ms}' web_site
  release 2 good
  hal9-restart web >"$TEST_DIR/first.log" 2>&1 || fail "$(cat "$TEST_DIR/first.log")"
  runs_release 1
}

rb() {
  run hal9-rollback "$@" -o text
  echo "$output"
}

kill_web() {
  local pid
  pid=$(web_pids)
  kill -TERM "$pid"
  "$HAL9_FIXTURES/wait-pid" "$pid" >/dev/null
}
