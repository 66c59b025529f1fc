#!/usr/bin/env bats
# Rolling back to a snapshot, at once: traffic, flags, files and release, and what is refused.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

to() {
  run hal9-rollback to "$@" -o text
}

@test "all that differs comes back, and only that; again there is nothing to do; undo is the new path again" {
  rollback_site 1 1
  hal9-rollback snapshot good
  before=$(world)
  migrate
  migrated=$(world)
  to good
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
  last=${lines[-1]}
  [[ $last == "rolled back to good. Undo: hal9-rollback undo "* ]]
  to good
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = "all is as in snapshot good; nothing to do" ]
  hal9-rollback undo "${last##* }"
  is_world "$migrated"
}

@test "a dry run tells the plan and changes nothing; so does one without a state directory" {
  rollback_site 1 1
  to good -n
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"no snapshot 'good'"*"hal9-rollback snapshot"* ]]
  hal9-rollback snapshot good -o text
  migrate
  migrated=$(world)
  to good -n
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"all traffic off s2"*"traffic of backend hal9 as in the snapshot"*"read back and compare 4 parts"* ]]
  is_world "$migrated"
  [ "$(hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ]
}

@test "last-healthy is the newest that was taken while all was well; without one it says what to do" {
  rollback_site 1 1
  to last-healthy
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"take one while all is well: hal9-rollback snapshot NAME"* ]]
}

@test "what has passed its health gate is what last-healthy brings back" {
  skip_unless jq
  export HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  PATH=$HAL9_BIN:$PATH
  mkdir "$HAL9OPS_LOCK_DIR"
  free_port
  echo good >"$TEST_DIR/app.conf"
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  s: {port: $free_port, run: {exec: [$HAL9_FIXTURES/hal9-server, --port, "$free_port"]}, checks: [{http: "http://127.0.0.1:$free_port/health"}]}
rollback:
  p: {parts: [{files: $TEST_DIR/app.conf}], health: s}
YAML
  hal9-restart s
  echo bad >"$TEST_DIR/app.conf"
  to last-healthy
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(cat "$TEST_DIR/app.conf")" = good ]
}

@test "wrong words are answered with the nearest right ones, and nothing is touched" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  migrated=$(world)
  to goood
  [ "$status" -eq 2 ]
  [[ $output == *"good"* ]]
  to good --strategy gradul
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'gradual'?"* ]]
  to good --parts balncer
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'balancer'?"* ]]
  to good --strategy partial
  [ "$status" -eq 2 ]
  [[ $output == *"--parts"* ]]
  to
  [ "$status" -eq 2 ]
  is_world "$migrated"
}

@test "a part that can't be read stops it before anything is touched; best effort restores the others" {
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  kill_edge
  to good
  echo "$output"
  [ "$status" -eq 4 ]
  [[ $output == *"nothing was begun: 1 of 4 parts can't be read: balancer:edge/hal9: "* ]]
  [ "$(flag new-path)" = on ]
  to good --best-effort
  echo "$output"
  [ "$(flag new-path)" = off ]
  [ "$(readlink "$site_dir/current")" = releases/1 ]
}

@test "parts: by the configuration's keys or the source's words, and not without what they need" {
  RELEASE=', needs: flags'
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  to good --parts features
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"release:"*" needs flags:main, and release:"*"would stay as it is now"* ]]
  [ "$(flag new-path)" = on ]
  to good --parts release
  [ "$status" -eq 1 ]
  [[ $output == *"flags:main would stay as it is now"* ]]
  to good --parts features,release
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(flag new-path)" = off ]
  [ "$(traffic)" = "s1 0 ready, s2 100 ready" ]
  to good --parts routing --strategy gradual --every 0s
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(traffic)" = "s1 100 ready, s2 0 ready" ]
  [ "$(cat "$site_dir/conf/app.yaml")" = "path: new" ]
  to good --parts state
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "a guard is lifted by name: depends, last-server" {
  FLAGS=', needs: release'
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  to good --parts flags --yes --force=depends
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(flag new-path)" = off ]
  # The old path's only server is down: it would be an outage.
  edge "set server hal9/s1 health down; set server hal9/s1 agent down" >/dev/null
  edge "disable health hal9/s1; set server hal9/s1 health down" >/dev/null
  to good
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"nothing was begun: of backend hal9 the snapshot sends all traffic to s1, and none of them is up"* ]]
  [ "$(traffic)" = "s1 0 ready, s2 100 ready" ]
}

@test "a server that came meanwhile is left alone and told; one that has gone is told" {
  rollback_site 1 2
  hal9-rollback snapshot good -o text
  migrate
  # s3 goes, s4 comes: a reload with another configuration
  kill_edge
  new=(s2)
  free_port
  servers=("${servers[0]}" "${servers[1]}" "s4 127.0.0.1:$free_port weight 7")
  start_edge
  weights s1=0 s2=100
  to good
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"the snapshot has server s3, which the backend has no more: left out"* ]]
  [[ $output == *"server s4 came after the snapshot (ready): it is left alone"* ]]
  [ "$(traffic)" = "s1 100 ready, s2 0 ready, s4 7 ready" ]
}

@test "a flag edited by hand in the middle is told, not overwritten, unless forced" {
  GRADUAL='{stops: 2, every: 1s}'
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  start_to good --strategy gradual
  wait_step stop-1 "done"
  jq '.flags["new-path"].state = "DISABLED"' "$site_dir/flags.json" >"$site_dir/flags.tmp"
  mv "$site_dir/flags.tmp" "$site_dir/flags.json"
  by_hand=$(cat "$site_dir/flags.json")
  end_to 3
  cat "$TEST_DIR/to.log"
  grep -q "somebody else has changed it since the plan was made: flags/new-path/state is \"DISABLED\", was \"ENABLED\"" "$TEST_DIR/to.log"
  [ "$(cat "$site_dir/flags.json")" = "$by_hand" ]
  [ "$(traffic)" = "s1 100 ready, s2 0 drain" ]
  # asked again without force it stands where it stood
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 3 ]
  [[ $output == *"--force=drift"* ]]
  [ "$(cat "$site_dir/flags.json")" = "$by_hand" ]
  run hal9-rollback resume --yes --force=drift -o text
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "what differs after all is told part by part: exit 3" {
  load ../fault/kills
  rollback_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  # From the end: end, health's two lines, verify's done, and its begin: there the flag is put back by hand.
  total=$(lines_of hal9-rollback to good)
  migrate
  mkfifo "$TEST_DIR/at" "$TEST_DIR/go"
  exec {at}<>"$TEST_DIR/at" {go}<>"$TEST_DIR/go"
  HAL9OPS_TEST_STOP=$((total - 4)):$at:$go hal9-rollback to good -o text >"$TEST_DIR/to.out" 2>&1 3>&- 4>&- </dev/null &
  to_pid=$!
  IFS= read -r -t 30 -n 1 -u "$at" _
  write_flag new-path on
  printf g >&"$go"
  status=0
  wait "$to_pid" || status=$?
  cat "$TEST_DIR/to.out"
  [ "$status" -eq 3 ]
  grep -q 'step verify failed: 1 of 4 parts are not as wanted: flags:main: flags/new-path/defaultVariant is "on", not "off"' "$TEST_DIR/to.out"
  grep -q '^    flags:main: flags/new-path/defaultVariant is "on", not "off"$' "$TEST_DIR/to.out"
  grep -q '^not all is as in the snapshot$' "$TEST_DIR/to.out"
  grep -q '"differences":\[{"part":"flags:main"' "$HAL9OPS_STATE_DIR"/journal/*.ndjson
}
