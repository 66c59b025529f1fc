# A migrated site that is watched: what is measured comes as records, and the new path's servers answer 500.
# shellcheck shell=bash disable=SC2001,SC2034,SC2154 # set by the helpers, or read in the tests

# Those of the new path fail.
start_origin() {
  local s status
  {
    printf 'global\n  maxconn 4000\ndefaults\n  mode http\n  timeout client 60s\n  timeout connect 5s\n  timeout server 60s\n'
    for s in "${servers[@]}"; do
      read -r name address _ <<<"$s"
      status=200
      [[ " ${new[*]%% *} " == *" $s "* || " ${new[*]} " == *" $name "* ]] && status=500
      printf 'frontend %s\n  bind %s\n  http-request return status %s content-type text/plain string "%s" if { path /health }\n  http-request return status 200 content-type text/plain string "%s" unless { path /fail }\n  http-request return status %s content-type text/plain string x\n' \
        "$name" "$address" "$status" "$name" "$name" "$status"
    done
  } >"$TEST_DIR/origin.cfg"
  haproxy -D -f "$TEST_DIR/origin.cfg" -p "$TEST_DIR/origin.pid" >"$TEST_DIR/origin.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "the servers did not start: $(cat "$TEST_DIR/origin.log")"
}

# watched_site [LINES]: one server of each path, a good snapshot, then all of it on the new path. LINES: of the trigger.
watched_site() {
  export HAL9OPS_MACHINE=00000000000000000000000000000001 HAL9OPS_HOST=web-1
  trigger=${1:-'error_rate: {above: 5%, over: 0s}'}
  PLAN="${PLAN:-}
    trigger:
      to: good
      samples: 2
$(sed 's/^/      /' <<<"$trigger")
${NOTIFY:+notify:
  - {name: pager, command: [/bin/sh, -c, \"cat >>$TEST_DIR/pages\"], on: [failing, recovered]\}}"
  touch "$TEST_DIR/pages"
  rollback_site 1 1
  hal9-rollback snapshot good -o text >/dev/null
  before=$(world)
  migrate
  migrated=$(world)
}

# at SECONDS: the clock of the tools, after 03:00.
at() {
  HAL9OPS_NOW=$(date -u -d "2026-11-23T03:00:00Z + $1 seconds" +%Y-%m-%dT%H:%M:%SZ)
  export HAL9OPS_NOW
}

# record KIND MEMBERS [SECONDS after now]
record() {
  local time
  time=$(date -u -d "${HAL9OPS_NOW:-now} + ${3:-0} seconds" +%Y-%m-%dT%H:%M:%S.%3NZ)
  printf '{"hal9":1,"kind":"%s","time":"%s","host":"web-1","machine":"%s","tool":"exporter","stage":1,"run":"01jdwatch",%s}\n' \
    "$1" "$time" "$HAL9OPS_MACHINE" "$2"
}

# rates VALUE…: samples of the error rate, a second apart.
rates() {
  local value second=0
  for value; do
    record sample "\"metric\":\"error_rate\",\"value\":$value" "$second"
    second=$((second + 1))
  done
}

# watch_rates VALUE…: a watch whose input those are. Its records go to $TEST_DIR/out, its words to err; sets status.
watch_rates() {
  status=0
  rates "$@" | hal9-rollback watch - >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
}

# decisions [FILE]: "fired,cooldown"
decisions() {
  jq -rs '[.[] | select(.kind == "decision") | .action] | join(",")' "${1:-$TEST_DIR/out}"
}

# exits STATUS
exits() {
  [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $(cat "$TEST_DIR/out" "$TEST_DIR/err")"
}

err_says() {
  grep -qF -e "$1" "$TEST_DIR/err" || fail "no '$1' in: $(cat "$TEST_DIR/err")"
}

# pages: "failing,recovered": what was sent.
pages() {
  jq -rs '[.[].event] | join(",")' "$TEST_DIR/pages"
}

# The operations that are rollbacks.
rollbacks() {
  hal9-rollback history -o json | jq -rs '[.[] | select(.kind == "operation" and (.title | startswith("roll back")))] | length'
}

# out_has FILTER [SECONDS]: until a record of $TEST_DIR/out is such.
out_has() {
  local lines follower status=0
  exec {lines}< <(exec tail -n +1 -s 0.05 -F "$TEST_DIR/out" 2>/dev/null 3>&- 4>&-)
  follower=$!
  timeout "${2:-30}" jq --unbuffered -n "first(inputs | select($1)) | halt" <&"$lines" >/dev/null || status=$?
  kill "$follower"
  exec {lines}<&-
  [ "$status" -eq 0 ] || fail "no record with $1: $(tail -n 20 "$TEST_DIR/out") $(cat "$TEST_DIR/err")"
}
