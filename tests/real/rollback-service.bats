#!/usr/bin/env bats
# Service parts of a rollback: the release, the program that runs, and whether it does.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart
load releases
load rollback-service

setup() {
  common_setup
  skip_unless jq
}

@test "what runs goes back to the release of the snapshot, gated; again nothing; undo is the new release again" {
  service_site
  hal9-rollback snapshot good -o text
  deploy 2
  hal9-restart web >/dev/null
  runs_release 2
  rb diff good
  [[ $output == *"service web: release rel/1 -> rel/2"* ]]
  [[ $output == *"service web: program $TEST_DIR/rel/1/web (sha256 "*") -> $TEST_DIR/rel/2/web (sha256 "* ]]
  pid=$(web_pids)
  rb to good -n
  [ "$status" -eq 1 ]
  [[ $output == *"stop web"*"switch $TEST_DIR/current to rel/1"*"start web"*"wait until web is healthy"* ]]
  [ "$(web_pids)" = "$pid" ]
  rb to good
  [ "$status" -eq 0 ]
  runs_release 1
  id=${lines[-1]##* }
  pid=$(web_pids)
  rb to good
  [ "${lines[-1]}" = "all is as in snapshot good; nothing to do" ]
  [ "$(web_pids)" = "$pid" ]
  rb undo "$id"
  [ "$status" -eq 0 ]
  runs_release 2
  rb show good
  [[ $output == *"service:web: running, release rel/1, $TEST_DIR/rel/1/web sha256 "* ]]
  [[ $output == *"service web: pid "* ]]
}

@test "the link alone was put back: what runs is still the new release, and is restarted" {
  service_site
  hal9-rollback snapshot good -o text
  deploy 2
  hal9-restart web >/dev/null
  deploy 1
  rb to good
  [ "$status" -eq 0 ]
  runs_release 1
}

@test "stopped where the snapshot had it stopped, started where it ran" {
  service_site
  hal9-rollback snapshot up -o text
  kill_web
  hal9-rollback snapshot down -o text
  hal9-restart web >/dev/null
  rb diff down
  [[ $output == *"service web: is stopped -> running"* ]]
  rb to down
  [ "$status" -eq 0 ]
  [[ $output == *"web was stopped in the snapshot: whether it is healthy is not asked"* ]]
  [ -z "$(web_pids)" ]
  # nothing was proven healthy by that
  rb to last-healthy
  [ "$status" -eq 0 ]
  runs_release 1
  rb to down
  [ "$status" -eq 0 ]
  rb to down
  [ "${lines[-1]}" = "all is as in snapshot down; nothing to do" ]
  rb to up
  [ "$status" -eq 0 ]
  runs_release 1
}

@test "a release that has gone is refused before anything is stopped; one that doesn't get healthy is told" {
  service_site
  hal9-rollback snapshot good -o text
  deploy 2
  hal9-restart web >/dev/null
  pid=$(web_pids)
  mv "$TEST_DIR/rel/1" "$TEST_DIR/rel/away"
  rb to good
  [ "$status" -eq 1 ]
  [[ $output == *"the release rel/1 is not there"* ]]
  [ "$(web_pids)" = "$pid" ]
  mv "$TEST_DIR/rel/away" "$TEST_DIR/rel/1"
  release 1 sick
  rb to good
  [ "$status" -eq 3 ]
  [[ $output == *"gate"* || $output == *"healthy"* ]]
}

@test "other arguments than the snapshot's are told; a restart brings back those that the configuration has again" {
  MARK=', "--slow-health", "0"' service_site
  hal9-rollback snapshot good -o text
  kill_web
  sed -i 's/, "--slow-health", "0"//' "$HAL9OPS_CONFIG"
  hal9-restart web >/dev/null
  rb diff good
  [[ $output == *"service web: arguments $TEST_DIR/current/web --port "*" --slow-health 0 -> $TEST_DIR/current/web --port "* ]]
  # the configuration has others, too: a restart would bring nothing back
  rb to good
  [ "${lines[-1]}" = "all is as in snapshot good; nothing to do" ]
  sed -i 's/\(exec: .*\)]/\1, "--slow-health", "0"]/' "$HAL9OPS_CONFIG"
  rb to good
  [ "$status" -eq 0 ]
  rb diff good
  [ "$status" -eq 0 ]
}

@test "a service of a cluster or container is told by name: exit 2; one part covers a release, not two" {
  cat >"$TEST_DIR/k.yaml" <<YAML
hal9: 1
services:
  web: {run: {kubernetes: shop/web}}
  none: {checks: [{disk: /}]}
  rel: {run: {exec: [/x/current/y]}, release: {current: /x/current}}
rollback:
  k: {parts: [{service: web}]}
  n: {parts: [{service: none}]}
YAML
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/k.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state
  rb snapshot --plan k
  [ "$status" -eq 2 ]
  [[ $output == *"service web runs by kubernetes"* ]]
  rb snapshot --plan n
  [ "$status" -eq 2 ]
  [[ $output == *"service none has no run"* ]]
  sed -i 's|  n: .*|  n: {parts: [{service: rel}, {release: /x/current}]}|' "$HAL9OPS_CONFIG"
  rb list
  [ "$status" -eq 2 ]
  [[ $output == *"k.yaml:8:"*"two parts on one path: /x/current is the release of service rel and a release"* ]]
  sed -i 's|  n: .*|  n: {parts: [{service: weeb}, {service: rel}, {service: rel}]}|' "$HAL9OPS_CONFIG"
  rb list
  [[ $output == *"no service 'weeb'"*"did you mean 'web'"* ]]
  [[ $output == *"two parts cover service rel"* ]]
}

@test "what a rollback's own gate has passed is last-healthy from then on" {
  service_site
  hal9-rollback snapshot good -o text
  deploy 2
  hal9-restart web >/dev/null
  rb to good
  [ "$status" -eq 0 ]
  healthy=$(hal9-rollback list -o json | jq -rs '[.[] | select(.kind == "snapshot" and .healthy)] | last | .id')
  [ "$(hal9-rollback show "$healthy" -o json | jq -r 'select(.kind == "snapshot") | .document.parts[0].state.release')" = rel/1 ]
  rb to last-healthy
  [ "${lines[-1]}" = "all is as in snapshot ${healthy: -4}; nothing to do" ]
}
