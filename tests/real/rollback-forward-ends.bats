#!/usr/bin/env bats
# Going forward, the corners: bad input, a balancer or a metric that is away, a way back that fails, two at once, full disks.
# shellcheck disable=SC1010,SC2034,SC2154 # set by the helpers, or read there; done is a state

load ../real/common
load ../real/rollback
load ../real/forward

setup() {
  common_setup
  FORWARD="      every: 0s
      phases:
        - {name: shadow, share: 0, run: [sh, -c, 'echo shadow >>$TEST_DIR/ran'], revert: [sh, -c, 'echo back >>$TEST_DIR/ran']}
        - {name: canary, share: 5}
        - {name: state, share: 25, set: {new-path: on}, release: releases/2}
        - {name: ramp-up, share: 75}
        - {name: full, share: 100, validate: [$(gate_check)]}"
}

@test "bad input: told with its place, exit 2, nothing touched" {
  forward_site
  forward --to canery
  [ "$status" -eq 2 ]
  [[ $output == *"no phase 'canery' in plan migration; did you mean 'canary'?"* ]]
  forward migraton
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'migration'?"* ]]
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  while IFS='|' read -r from to wanted; do
    sed "s|$from|$to|" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
    forward
    [ "$status" -eq 2 ] || fail "$to: $status"
    [[ $output == *"hal9.yaml:"*"$wanted"* ]] || fail "$to"
  done <<'CASES'
share: 75|share: 20|phase ramp-up has less traffic than state before it: 20 % < 25 %
name: ramp-up|name: state|there are two phases 'state'
share: 75|share: 175|share
new-path: on|new-path: [on]|flag 'new-path' wants a word
{name: ramp-up, share: 75}|{name: ramp-up, shre: 75}|did you mean 'share'
{name: ramp-up, share: 75}|{name: ramp-up, share: 75, revert: [x]}|revert belongs to a run
CASES
  is_world "$before"
  # A release that isn't there is found before anything is begun, and leaves no snapshot.
  sed 's|run: .*}$|validate: []}|; s|releases/2|releases/9|' "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  forward
  [ "$status" -ne 0 ]
  [[ $output == *"phase state: "*"releases/9"* ]]
  is_world "$before"
  [ -z "$(hal9-rollback list -o json | jq -r 'select(.kind == "snapshot") | .id')" ]
  grep -v 'forward:\|every: 0s$\|phases:\|- {name:' "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 2 ]
  [[ $output == *"plan migration has no forward:"* ]]
}

@test "the balancer goes away on the way: it stands still, and goes on when it is there again" {
  forward_site
  sed -i 's|share: 5}|share: 5, for: 10m}|' "$HAL9OPS_CONFIG"
  start_forward
  wait_step canary/traffic done
  kill -INT "$to_pid"
  end_to 130
  kill_edge
  forward
  [ "$status" -eq 4 ]
  [[ $output == *"nothing was begun: balancer:edge/hal9"* ]]
  start_edge
  weights s1=95 s2=95 s3=5 s4=5
  sed -i 's|for: 10m||' "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 0 ]
  is_full
}

@test "parity of a real Prometheus: at least 0.99 goes on, less goes back" {
  skip_unless prometheus
  skip_unless curl
  free_port
  prometheus_port=$free_port
  GATE=0
  FORWARD="      every: 0s
      phases:
        - name: canary
          share: 5
          validate: [{prometheus: 'http://127.0.0.1:$prometheus_port', query: vector(0.995), at_least: 0.99, name: parity}]
        - name: full
          share: 100
          validate: [{prometheus: 'http://127.0.0.1:$prometheus_port', query: 'vector(0.98)', at_least: 0.99, name: parity}]"
  forward_site
  echo 'scrape_configs: []' >"$TEST_DIR/prometheus.yml"
  start_in_background "$TEST_DIR/prometheus.log" prometheus --config.file="$TEST_DIR/prometheus.yml" \
    --storage.tsdb.path="$TEST_DIR/tsdb" --web.listen-address="127.0.0.1:$prometheus_port"
  for _ in {1..300}; do
    curl -sfo /dev/null "http://127.0.0.1:$prometheus_port/-/ready" && break
    read -r -t 0.1 <> <(:) || true
  done
  forward
  [ "$status" -eq 1 ]
  [[ $output == *"phase full failed: not healthy: parity: 0.98, not at least 0.99; rolled back to "*", verified"* ]]
  is_world "$before"
  # Nobody there is no data.
  kill "$background_pid"
  "$HAL9_FIXTURES/wait-pid" "$background_pid" >/dev/null
  sed -i 's/^    health:/    on_unknown: 0s\n    health:/' "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 3 ]
  [[ $output == *"no data"* ]]
  [ "$(share)" -eq 5 ]
}

@test "the way back can't be gone: it is told, and forward is refused until all is back" {
  forward_site
  echo 2 >"$TEST_DIR/gate"
  # The release of then goes away on the way.
  sed -i "s|share: 75}|share: 75, run: [rm, -r, $site_dir/releases/1]}|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 3 ]
  [[ $output == *"phase full failed: not healthy: parity: exit 2; and the way back to "*" failed: "* ]]
  # The traffic is off the new path all the same.
  [ "$(share)" -eq 0 ]
  forward
  [ "$status" -eq 1 ]
  [[ $output == *"has failed on its way up, and is not all back"* ]]
  mkdir "$site_dir/releases/1"
  run hal9-rollback to "$(hal9-rollback list -o json | jq -r 'select(.kind == "snapshot") | .id')" -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
  echo 0 >"$TEST_DIR/gate"
  sed -i "s|, run: .rm, -r, .*releases/1.}|}|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 0 ]
  is_full
}

@test "two at once: the second waits, and does not walk the first one's way again" {
  forward_site
  sed -i 's|share: 25,|share: 25, for: 2s,|' "$HAL9OPS_CONFIG"
  start_forward
  wait_step state/traffic done
  run hal9-rollback forward --lock-timeout 0 -o text
  [ "$status" -eq 5 ]
  run hal9-rollback forward --lock-timeout 60s -o text
  echo "$output"
  [[ $output == *"another run has moved the migration meanwhile"* ]]
  end_to 0
  is_full
}

@test "the disk is full at first, or once on the way: nothing is begun, or a resume ends it" {
  forward_site
  run env HAL9OPS_FAULT=write:1+:ENOSPC hal9-rollback forward -o text
  echo "$output"
  [ "$status" -ne 0 ]
  is_world "$before"
  [ ! -e "$TEST_DIR/ran" ]
  HAL9OPS_FAULT=count:$TEST_DIR/points hal9-rollback forward -o text
  points=$(cat "$TEST_DIR/points")
  [ "$points" -gt 50 ]
  for n in 5 6 7; do
    hal9-rollback undo "$(operation .id)" -o text
    is_world "$before"
    HAL9OPS_FAULT=$((points * n / 8)):ENOSPC hal9-rollback forward -o text || echo "point $((points * n / 8)): $?"
    run hal9-rollback resume -o text
    echo "$output"
    [ "$(share)" -eq 100 ] || { is_world "$before" && hal9-rollback forward -o text; }
    is_full
  done
}

@test "no permission for the balancer's socket: told, nothing begun" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  skip_unless setpriv
  forward_site
  chmod 755 "$TEST_DIR"
  chmod -R a+rX "$HAL9OPS_CONFIG" "$site_dir"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  run setpriv --reuid 65534 --regid 65534 --clear-groups env HAL9OPS_STATE_DIR="$TEST_DIR/theirs" hal9-rollback forward -n -o text
  echo "$output"
  [ "$status" -ge 2 ]
  [[ $output == *"balancer:edge/hal9"*"ermission"* ]]
  is_world "$before"
}
