# A site that is migrated and rolled back: a real haproxy with servers of an old and a new path, a flag file, files, a release.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# rollback_site OLD NEW: so many servers of each path (s1 s2 …), behind an haproxy. GRADUAL: the plan's; PLAN: further lines of the plan;
# FLAGS, RELEASE: further members of those parts. MORE: a further part, with functions MORE_migrate and MORE_world.
rollback_site() {
  local i
  skip_unless haproxy
  skip_unless socat
  skip_unless jq
  export HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  PATH=$HAL9_BIN:$PATH
  site_dir=$TEST_DIR/site
  mkdir -p "$HAL9OPS_LOCK_DIR" "$site_dir/releases/1" "$site_dir/releases/2" "$site_dir/conf"
  old=() new=() servers=()
  for i in $(seq $(($1 + $2))); do
    free_port
    servers+=("s$i 127.0.0.1:$free_port weight 100 check inter 500")
    if [ "$i" -le "$1" ]; then old+=("s$i"); else new+=("s$i"); fi
  done
  start_origin
  start_edge
  write_old
  write_config
}

# The servers themselves: one haproxy that answers for all of them. BAD: one that answers 500.
start_origin() {
  local s name address status
  {
    printf 'global\n  maxconn 4000\ndefaults\n  mode http\n  timeout client 60s\n  timeout connect 5s\n  timeout server 60s\n'
    for s in "${servers[@]}"; do
      read -r name address _ <<<"$s"
      status=200
      if [ "$name" = "${BAD:-}" ]; then status=500; fi
      printf 'frontend %s\n  bind %s\n  http-request return status 200 content-type text/plain string ok if { path /health }\n' "$name" "$address"
      printf '  http-request return status %s content-type text/plain string "%s"\n' "$status" "$name"
    done
  } >"$TEST_DIR/origin.cfg"
  haproxy -D -f "$TEST_DIR/origin.cfg" -p "$TEST_DIR/origin.pid" >"$TEST_DIR/origin.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "the servers did not start: $(cat "$TEST_DIR/origin.log")"
}

start_edge() {
  local line
  if [ -z "${edge_port:-}" ]; then
    free_port
    edge_port=$free_port
  fi
  {
    cat <<CFG
global
  stats socket $TEST_DIR/edge.sock mode 600 level admin
  hard-stop-after 60s
${GLOBAL:-}
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:$edge_port
${FRONT:-}
  default_backend hal9
backend hal9
  balance ${BALANCE:-roundrobin}
CFG
    for line in "${servers[@]}"; do echo "  server $line"; done
  } >"$TEST_DIR/edge.cfg"
  haproxy -D -f "$TEST_DIR/edge.cfg" -p "$TEST_DIR/edge.pid" >"$TEST_DIR/edge.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "haproxy did not start: $(cat "$TEST_DIR/edge.log")"
}

kill_edge() {
  kill -KILL "$(cat "$TEST_DIR/edge.pid")"
  "$HAL9_FIXTURES/wait-pid" "$(cat "$TEST_DIR/edge.pid")" >/dev/null
}

edge() { # COMMAND: one, or several with ; between
  echo "$1" | socat -t5 - "UNIX-CONNECT:$TEST_DIR/edge.sock"
}

# "s1 100 ready, s2 …": the traffic as haproxy tells it.
traffic() {
  edge "show servers state hal9" | awk '
    function bit(v, b) { return int(v / b) % 2 }
    NR > 2 && NF > 8 {
      printf "%s%s %s %s", n++ ? ", " : "", $4, $8, bit($7, 8) ? "drain" : bit($7, 1) ? "maint" : "ready"
    }
    END { print "" }'
}

weights() { # SERVER=WEIGHT…
  local w all=
  for w in "$@"; do all+="set server hal9/${w%=*} weight ${w#*=};"; done
  edge "$all" >/dev/null
}

write_flag() { # NAME on|off
  jq --arg v "$2" --arg n "$1" '.flags[$n].defaultVariant = $v' "$site_dir/flags.json" >"$site_dir/flags.tmp"
  mv "$site_dir/flags.tmp" "$site_dir/flags.json"
}

flag() {
  jq -r --arg n "$1" '.flags[$n].defaultVariant' "$site_dir/flags.json"
}

# As it is before the migration: all traffic on the old path.
write_old() {
  local s
  for s in "${old[@]}"; do weights "$s=100"; done
  for s in "${new[@]}"; do weights "$s=0"; done
  cat >"$site_dir/flags.json" <<'JSON'
{"flags": {"new-path": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"},
           "other": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}
JSON
  rm -f "$site_dir/conf/added.yaml"
  echo 'path: old' >"$site_dir/conf/app.yaml"
  echo 'unchanged' >"$site_dir/conf/same.yaml"
  ln -sfn releases/1 "$site_dir/current"
}

# All of it on the new path.
migrate() {
  local s
  for s in "${new[@]}"; do weights "$s=100"; done
  for s in "${old[@]}"; do weights "$s=0"; done
  write_flag new-path on
  echo 'path: new' >"$site_dir/conf/app.yaml"
  echo 'more' >"$site_dir/conf/added.yaml"
  ln -sfn releases/2 "$site_dir/current"
  [ -z "${MORE:-}" ] || "${MORE}_migrate"
}

write_config() {
  local fresh
  fresh=$(IFS=,; echo "${new[*]}")
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  front:
    checks: [{http: "http://127.0.0.1:$edge_port/health"}]
balancers: {edge: {haproxy: ["unix:$TEST_DIR/edge.sock"]}}
flags: {main: {flagd: $site_dir/flags.json}}
rollback:
  migration:
    parts:
      - {balancer: edge, backend: hal9, new: [$fresh], drain: {timeout: 5s, grace: 0s}}
      - {flags: main${FLAGS:-}}
      - {files: $site_dir/conf}
      - {release: $site_dir/current${RELEASE:-}}
    health: [front]
    verify: {tries: 3, every: 200ms}
    gradual: ${GRADUAL:-{stops: 10, every: 0s\}}
${PLAN:-}
YAML
}

# All that a snapshot holds, to compare.
world() {
  traffic
  jq -cS . "$site_dir/flags.json"
  (cd "$site_dir/conf" && for f in *; do echo "$f: $(cat "$f")"; done)
  readlink "$site_dir/current"
  [ -z "${MORE:-}" ] || "${MORE}_world"
}

is_world() { # EXPECTED [WHERE]
  local now
  now=$(world)
  [ "$now" = "$1" ] || fail "${2:+$2: }the world is not as it should be:
$(diff <(echo "$1") <(echo "$now"))"
}

# operation FILTER: of the newest operation's record.
operation() {
  hal9-rollback history -o json | jq -rs "[.[] | select(.kind == \"operation\")] | last | $1"
}

# start_to ARGUMENT…: hal9-rollback to, in the background, its records in $TEST_DIR/to.ndjson, its words in to.log; sets to_pid.
start_to() {
  : >"$TEST_DIR/to.ndjson"
  env --default-signal=INT hal9-rollback to "$@" -o json >"$TEST_DIR/to.ndjson" 2>"$TEST_DIR/to.log" 3>&- 4>&- </dev/null &
  to_pid=$!
}

# wait_step NAME STATE: until a record tells it.
wait_step() {
  local lines follower status=0
  exec {lines}< <(exec tail -n +1 -s 0.02 -F "$TEST_DIR/to.ndjson" 2>/dev/null 3>&- 4>&-)
  follower=$!
  timeout 30 grep -q -m 1 -E "\"step\":\"$1\".*\"state\":\"$2\"" <&"$lines" || status=$?
  kill "$follower"
  exec {lines}<&-
  [ "$status" -eq 0 ] || fail "no step $1 came to be $2: $(cat "$TEST_DIR/to.ndjson" "$TEST_DIR/to.log")"
}

# end_to STATUS: it ends so.
end_to() {
  local status=0
  wait "$to_pid" || status=$?
  [ "$status" -eq "$1" ] || fail "it ended with $status, not $1: $(cat "$TEST_DIR/to.ndjson" "$TEST_DIR/to.log")"
}

# step_state NAME: how the last record of it says that it ended.
step_state() {
  jq -rs --arg s "$1" '[.[] | select(.kind == "step" and .step == $s)] | last | .state' "$TEST_DIR/to.ndjson"
}
