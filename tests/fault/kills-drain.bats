#!/usr/bin/env bats
# hal9-restart behind a real haproxy, killed around the drain and the giving back: the next run or a resume ends with a healthy service in traffic.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/restart
load ../real/haproxy
load kills

setup() {
  common_setup
  skip_unless haproxy
  skip_unless socat
  skip_unless jq
  open_site
  MORE="    drain: {balancer: edge, backend: hal9, timeout: 20s, grace: 0s}" service web1
  service web2
  proxy edge "s1 127.0.0.1:${port_of[web1]} check inter 100ms weight 20" "s2 127.0.0.1:${port_of[web2]} check inter 100ms weight 30"
  printf 'balancers:\n' >>"$HAL9OPS_CONFIG"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
  run restart web1 web2
  [ "$status" -eq 0 ] || fail "$output"
  wait_until 20 both_up
}

both_up() {
  [ "$(observed edge '[.observed.up[]] | all')" = true ]
}

in_traffic() { # LINE
  is edge s1 "20 ready" || fail "line $1"
  one_of web1
  answers web1
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ] || fail "line $1: an operation is unfinished"
}

# The journal: plan, begin, note, note and done of the drain, ... begin and done of the undrain, end.
@test "killed around the drain: the next restart ends it" {
  for n in 2 3 4 5; do
    kill_at_line "$n" hal9-restart --no-bundle web1
    wait_until 20 both_up
    run restart web1
    [ "$status" -eq 0 ] || fail "line $n: $output"
    in_traffic "$n"
  done
}

@test "killed around the giving back: a resume ends it, and so does the next restart" {
  all=$(lines_of hal9-restart --no-bundle web1)
  for n in $((all - 3)) $((all - 2)) $((all - 1)); do
    wait_until 20 both_up
    kill_at_line "$n" hal9-restart --no-bundle web1
    if [ "$n" = $((all - 2)) ]; then
      wait_until 20 both_up
      run restart web1
    else
      run hal9-rollback resume -o text
    fi
    [ "$status" -eq 0 ] || fail "line $n: $output"
    in_traffic "$n"
  done
}

@test "killed in the drain and taken back: as it was" {
  kill_at_line 4 hal9-restart --no-bundle web1
  is edge s1 "20 drain"
  id=$(hal9-rollback history -o json | jq -r 'select(.kind == "operation") | .id' | tail -n 1)
  run hal9-rollback undo "$id" -o text
  [ "$status" -eq 0 ] || fail "$output"
  in_traffic 4
}
