# A site whose migration goes forward: two old and two new servers behind a haproxy, each with its page; validations that a test can turn.
# shellcheck shell=bash disable=SC2034,SC2154 # set by the helpers, or read in the tests

# forward_site: FORWARD is the plan's forward:, indented by four; GATE what its command checks answer at first.
forward_site() {
  echo "${GATE:-0}" >"$TEST_DIR/gate"
  rollback_site 2 2
  printf '    forward:\n%s\n' "$FORWARD" >>"$HAL9OPS_CONFIG"
  before=$(world)
}

# The servers can be told to answer 500: break_new.
start_origin() {
  local s
  : >"$TEST_DIR/broken"
  {
    printf 'global\n  maxconn 4000\n  stats socket %s mode 600 level admin\ndefaults\n  mode http\n  timeout client 60s\n  timeout connect 5s\n  timeout server 60s\n' "$TEST_DIR/origin.sock"
    for s in "${servers[@]}"; do
      read -r name address _ <<<"$s"
      printf 'frontend %s\n  bind %s\n' "$name" "$address"
      printf '  http-request return status 500 content-type text/plain string broken if { str(%s) -f %s }\n' "$name" "$TEST_DIR/broken"
      printf '  http-request return status 200 content-type text/plain string "%s"\n' "$name"
    done
  } >"$TEST_DIR/origin.cfg"
  haproxy -D -f "$TEST_DIR/origin.cfg" -p "$TEST_DIR/origin.pid" >"$TEST_DIR/origin.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "the servers did not start: $(cat "$TEST_DIR/origin.log")"
}

break_new() {
  local s
  for s in "${new[@]}"; do echo "add acl $TEST_DIR/broken $s" | socat -t5 - "UNIX-CONNECT:$TEST_DIR/origin.sock"; done
}

address_of() { # SERVER
  local s
  for s in "${servers[@]}"; do
    read -r name address _ <<<"$s"
    [ "$name" != "$1" ] || echo "$address"
  done
}

# One that ends as the file says: 0 passes, 2 fails, 3 can't tell.
gate_check() { # [NAME [FILE]]
  echo "{command: [sh, -c, 'exit \$(cat ${2:-$TEST_DIR/gate})'], name: ${1:-parity}}"
}

forward() {
  run hal9-rollback forward "$@" -o text
  echo "$output"
}

# In the background, as start_to: wait_step and end_to go with it.
start_forward() {
  : >"$TEST_DIR/to.ndjson"
  env --default-signal=INT hal9-rollback forward "$@" -o json >"$TEST_DIR/to.ndjson" 2>"$TEST_DIR/to.log" 3>&- 4>&- </dev/null &
  to_pid=$!
}

share() { # percent that the weights give to the new path
  edge "show servers state hal9" | awk 'NR > 2 && NF > 8 { all += $8; if ($4 == "s3" || $4 == "s4") new += $8 } END { printf "%.0f\n", 100 * new / all }'
}

is_full() {
  [ "$(share)" -eq 100 ] || fail "new path $(share) %"
  [ "$(flag new-path)" = on ] || fail "flag $(flag new-path)"
  [ "$(readlink "$site_dir/current")" = releases/2 ] || fail "release $(readlink "$site_dir/current")"
}
