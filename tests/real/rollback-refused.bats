#!/usr/bin/env bats
# What a rollback refuses or leaves alone, and says so: nothing is touched, or it stands where it can go on from.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

teardown() {
  [ -z "${frozen:-}" ] || chattr -i "$frozen" 2>/dev/null || true
  common_teardown
}

to() {
  run hal9-rollback to "$@" -o text
  echo "$output"
}

says() { [[ $output == *"$1"* ]] || fail "no '$1' in: $output"; }

no_operation() {
  [ "$(hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ]
}

@test "flags that came after the snapshot are left alone and told, once" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(jq -cS .flags "$site_dir/flags.json")
  migrate
  jq '.flags.later = .flags.other' "$site_dir/flags.json" >"$site_dir/flags.tmp"
  mv "$site_dir/flags.tmp" "$site_dir/flags.json"
  to good -n
  [ "$status" -eq 1 ]
  says "flags:main: flag later (on) came after the snapshot: it is left alone"
  to good
  [ "$status" -eq 0 ]
  [ "$(grep -c "came after the snapshot" <<<"$output")" -eq 1 ]
  [ "$(jq -cS '.flags | del(.later)' "$site_dir/flags.json")" = "$before" ]
  [ "$(flag later)" = on ]
  # Many of them in one line, with the first five by name; a part that isn't asked for says nothing.
  jq '.flags.other as $o | .flags += ([range(10; 17) | {key: "l\(.)", value: $o}] | from_entries)' "$site_dir/flags.json" >"$site_dir/flags.tmp"
  mv "$site_dir/flags.tmp" "$site_dir/flags.json"
  to good
  [ "$status" -eq 0 ]
  says "flags:main: flags later (on), l10 (on), l11 (on), l12 (on), l13 (on), 3 more came after the snapshot: they are left alone"
  echo 'path: new' >"$site_dir/conf/app.yaml"
  to good --parts files
  [ "$status" -eq 0 ]
  [[ $output != *"came after"* ]]
}

@test "static balancing can't be walked: gradual is refused by name, immediate is fine" {
  BALANCE=static-rr
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  to good --strategy gradual
  [ "$status" -eq 2 ]
  says "balancer:edge/hal9 can't be walked back in stops: its servers have weights of all or nothing (static balancing)"
  says "--strategy immediate"
  is_world "$migrated"
  no_operation
  to good
  [ "$status" -eq 0 ]
  is_world "$before"
}

# A second haproxy before the same servers.
second_edge() {
  sed "s|edge.sock|edge2.sock|; s|bind 127.0.0.1:$edge_port|bind unix@$TEST_DIR/front2.sock|" "$TEST_DIR/edge.cfg" >"$TEST_DIR/edge2.cfg"
  haproxy -D -f "$TEST_DIR/edge2.cfg" -p "$TEST_DIR/edge2.pid" >"$TEST_DIR/edge2.log" 2>&1 3>&- 4>&- </dev/null
  sed -i "s|^balancers: {|balancers: {west: {haproxy: [\"unix:$TEST_DIR/edge2.sock\"]}, |; s|^      - {flags: main|      - {balancer: west, backend: hal9, new: [s2], drain: {timeout: 5s, grace: 0s}}\n&|" "$HAL9OPS_CONFIG"
}

west() {
  echo "$1" | socat -t5 - "UNIX-CONNECT:$TEST_DIR/edge2.sock"
}

west_weights() {
  west "get weight hal9/s1; get weight hal9/s2" | awk 'NF { printf "%s ", $1 }'
}

@test "two balancers in one plan: both are walked, one that is so already isn't, and one that is gone stops it at the start" {
  GRADUAL='{stops: 2, every: 0s}'
  rollback_site 1 1
  second_edge
  west "set server hal9/s1 weight 60; set server hal9/s2 weight 0" >/dev/null
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  west "set server hal9/s1 weight 0; set server hal9/s2 weight 80" >/dev/null
  migrated=$(world)
  to good --strategy gradual
  [ "$status" -eq 0 ]
  says "edge/hal9: stop 1 of 2: new path 50 %"
  says "west/hal9: stop 1 of 2: new path 50 %"
  says "west/hal9: wait until s2 has no session left"
  is_world "$before"
  [ "$(west_weights)" = "60 0 " ]
  id=$(operation .id)
  hal9-rollback undo "$id" -o text
  is_world "$migrated"
  [ "$(west_weights)" = "0 80 " ]
  west "set server hal9/s1 weight 60; set server hal9/s2 weight 0" >/dev/null
  to good
  [ "$status" -eq 0 ]
  [[ $output != *"west/hal9: "* ]]
  is_world "$before"
  migrate
  kill -KILL "$(cat "$TEST_DIR/edge2.pid")"
  "$HAL9_FIXTURES/wait-pid" "$(cat "$TEST_DIR/edge2.pid")" >/dev/null
  to good --strategy gradual
  [ "$status" -eq 4 ]
  says "nothing was begun: 1 of 5 parts can't be read: balancer:west/hal9: "
  is_world "$migrated"
}

@test "a balancer over tcp is told not to be locked for other hosts" {
  free_port
  admin_port=$free_port
  GLOBAL="  stats socket ipv4@127.0.0.1:$admin_port level admin"
  rollback_site 1 1
  sed -i "s|unix:$TEST_DIR/edge.sock|tcp:127.0.0.1:$admin_port|" "$HAL9OPS_CONFIG"
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  to good
  [ "$status" -eq 0 ]
  says "balancer edge is reached over the network: another host may work on backend hal9 at the same time, and no lock of this host excludes that"
  is_world "$before"
}

@test "a balancer that accepts and never answers: in bounds, exit 4, and nothing is touched" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  migrated=$(world)
  start_in_background "$TEST_DIR/silent.log" socat -d -d "UNIX-LISTEN:$TEST_DIR/silent.sock,fork" "EXEC:sleep 100"
  wait_for_log "$TEST_DIR/silent.log" "listening on"
  sed -i "s|unix:$TEST_DIR/edge.sock|unix:$TEST_DIR/silent.sock|" "$HAL9OPS_CONFIG"
  for strategy in immediate gradual; do
    from=$(date +%s)
    run timeout -k 1 60 hal9-rollback to good --strategy "$strategy" -o text
    echo "$output"
    [ "$status" -eq 4 ]
    [ $(($(date +%s) - from)) -lt 40 ]
    says "nothing was begun: 1 of 4 parts can't be read: balancer:edge/hal9: "
    says "silent.sock"
  done
  is_world "$migrated"
  no_operation
}

