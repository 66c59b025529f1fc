#!/usr/bin/env bats
# Weights and admin states of servers behind real haproxies: what is told, set, taken back, and what a reload does to it.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load haproxy

setup() {
  common_setup
  open_balancers
}

edge() { # SERVER…: an haproxy "edge", and its entry
  proxy edge "$@"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
}

undo() {
  run "$HAL9_BIN/hal9-rollback" undo "$1" -o text "${@:2}"
}

three() {
  edge "s1 127.0.0.1:1 weight 100" "s2 127.0.0.1:2 weight 50" "s3 127.0.0.1:3 weight 10 disabled"
}

@test "the admin state is what an administrator set, not what the configuration began with" {
  three
  is edge s1 "100 ready"
  is edge s3 "10 maint"
  by_hand edge "set server hal9/s3 state ready"
  is edge s3 "10 ready"
  by_hand edge "set server hal9/s1 state drain"
  is edge s1 "100 drain"
  by_hand edge "set server hal9/s1 state maint" # takes the drain's place
  is edge s1 "100 maint"
  by_hand edge "set server hal9/s1 state drain"
  is edge s1 "100 drain"
  by_hand edge "set server hal9/s1 state ready"
  is edge s1 "100 ready"
}

@test "a whole backend is set in one step; again there is nothing to do; undo sets it as it was" {
  three
  bal edge set '{"s1": {"weight": 7, "admin": "drain"}, "s2": {"weight": 0}, "s3": {"admin": "ready"}}'
  [ "$status" -eq 0 ]
  is edge s1 "7 drain"
  is edge s2 "0 ready"
  is edge s3 "10 ready"
  first=$op
  bal edge set '{"s1": {"weight": 7, "admin": "drain"}, "s2": {"weight": 0}, "s3": {"admin": "ready"}}'
  [ "$output" = nothing ]
  undo "$first"
  [ "$status" -eq 0 ]
  is edge s1 "100 ready"
  is edge s2 "50 ready"
  is edge s3 "10 maint"
}

@test "only what isn't so yet gets a command; others are left alone, and told" {
  three
  by_hand edge "set server hal9/s2 weight 33"
  bal edge set '{"s1": {"weight": 5}}'
  is edge s2 "33 ready"
  run "$HAL9_BIN/hal9-rollback" show "$op"
  [ "$(jq -c 'select(.kind == "step") | .before.observed.others' <<<"$output")" = '["s2","s3"]' ]
  # a socket that may only look is enough where nothing is to be set
  balancer op "{haproxy: [unix:$TEST_DIR/edge-op.sock]}"
  bal op set '{"s1": {"weight": 5}}'
  [ "$output" = nothing ]
  bal op set '{"s1": {"weight": 6}}'
  [ "$status" -eq 1 ]
  says "Permission denied"
  says "level admin"
}

@test "what is not there is told by name, with what is" {
  three
  bal edge set '{"s9": {"weight": 5}}'
  says "backend hal9 of balancer edge has no server 's9'; did you mean 's1'?"
  BACKEND_NAME=hal bal edge look
  says "balancer edge: no backend 'hal'; did you mean 'hal9'?"
  bal edge set '{"s1": {"weight": 257}}'
  says "weights go from 0 to 256"
  BACKEND_NAME='hal9;shutdown frontend front' bal edge look
  says "can't be the name of a backend"
}

@test "a server that has gone since is an error by name; one that came is left alone" {
  three
  bal edge set '{"s1": {"weight": 5}, "s2": {"weight": 6}}'
  by_hand edge "set server hal9/s2 state maint"
  sed -i 's/server s2 .*/server s4 127.0.0.1:4 weight 4/' "$TEST_DIR/edge.cfg"
  reload_proxy edge
  undo "$op"
  [ "$status" -ne 0 ]
  says "no server 's2'"
  is edge s4 "4 ready"
}

@test "weight 0 leaves a server up with its own visitors; drain, too; maint does not" {
  start_fixture hal9-server --port 0 --claim one
  one=$fixture_port
  start_fixture hal9-server --port 0 --claim two
  two=$fixture_port
  BACKEND="  cookie SRV insert" edge "s1 127.0.0.1:$one cookie s1" "s2 127.0.0.1:$two cookie s2"
  visit() { curl -sS --max-time 5 -b SRV=s1 "http://127.0.0.1:${proxy_port[edge]}/health"; }
  says_one() { [[ $(visit) == *one* ]] || fail "not served by s1: $(visit)"; }
  says_one
  bal edge set '{"s1": {"weight": 0}}'
  says_one
  [ "$(by_hand edge "show stat hal9 4 -1" | awk -F, '$2 == "s1" { print $18 }')" = "no check" ]
  is edge s1 "0 ready"
  bal edge set '{"s1": {"admin": "drain"}}'
  says_one
  is edge s1 "0 drain"
  bal edge set '{"s1": {"admin": "maint"}}'
  [[ $(visit) == *two* ]]
}

@test "static balancing takes 0 or the whole weight, and is told so before anything is done" {
  BALANCE=static-rr three
  bal edge set '{"s1": {"weight": 20}, "s2": {"weight": 0}}'
  [ "$status" -eq 1 ]
  says "only 0 and 100 are possible"
  is edge s2 "50 ready"
  bal edge set '{"s1": {"weight": 0}}'
  [ "$status" -eq 0 ]
  is edge s1 "0 ready"
  undo "$op"
  is edge s1 "100 ready"
}

@test "a static hash is only known by its refusal, which says what helps" {
  BALANCE=source three
  bal edge set '{"s1": {"weight": 20}}'
  [ "$status" -eq 1 ]
  says "hash-type consistent"
}

@test "what a person changed since is drift; what a reload forgot is not" {
  three
  bal edge set '{"s1": {"weight": 60}}'
  bal edge set '{"s1": {"weight": 20}}'
  second=$op
  by_hand edge "set server hal9/s1 weight 33"
  undo "$second"
  [ "$status" -eq 1 ] || fail "$status: $output"
  says "was changed since"
  is edge s1 "33 ready"
  by_hand edge "set server hal9/s1 weight 20"
  reload_proxy edge
  is edge s1 "100 ready"
  undo "$second"
  [ "$status" -eq 0 ]
  is edge s1 "60 ready"
}

@test "with a state file a reload forgets nothing" {
  GLOBAL="  server-state-file $TEST_DIR/edge.state" DEFAULTS="  load-server-state-from-file global" \
    proxy edge "s1 127.0.0.1:1 weight 100" "s2 127.0.0.1:2 weight 50"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock], state_file: $TEST_DIR/edge.state}"
  bal edge set '{"s1": {"weight": 20, "admin": "drain"}}'
  [ "$status" -eq 0 ]
  reload_proxy edge
  is edge s1 "20 drain"
  undo "$op"
  reload_proxy edge
  is edge s1 "100 ready"
  # where it can't be written that is told, and what was set holds
  sed -i "s,edge.state},none/edge.state}," "$HAL9OPS_CONFIG"
  bal edge set '{"s2": {"weight": 3}}'
  [ "$status" -eq 0 ]
  says "will not outlive a reload"
  is edge s2 "3 ready"
}

@test "several processes are one balancer: all get every change, and differences are told" {
  proxy a "s1 127.0.0.1:1 weight 100" "s2 127.0.0.1:2"
  proxy b "s1 127.0.0.1:1 weight 100" "s2 127.0.0.1:2"
  balancer both "{haproxy: [unix:$TEST_DIR/a.sock, unix:$TEST_DIR/b.sock]}"
  balancer a "{haproxy: unix:$TEST_DIR/a.sock}"
  balancer b "{haproxy: unix:$TEST_DIR/b.sock}"
  bal both set '{"s1": {"weight": 40}}'
  is a s1 "40 ready"
  is b s1 "40 ready"
  by_hand b "set server hal9/s1 weight 70"
  [[ $(observed both .servers.s1.differs) == *"weight 70, ready at unix:$TEST_DIR/b.sock"* ]]
  bal both set '{"s1": {"weight": 40}}'
  [ "$output" != nothing ]
  is b s1 "40 ready"
  [ "$(observed both .servers.s1.differs)" = null ]
  stop_proxy b
  bal both set '{"s1": {"weight": 50}}'
  says "b.sock can't be reached"
  is a s1 "40 ready"
}

@test "a master's socket is as good" {
  MASTER=1 three
  balancer master "{haproxy: unix:$TEST_DIR/edge-master.sock}"
  bal master set '{"s1": {"weight": 9, "admin": "drain"}}'
  [ "$status" -eq 0 ]
  is edge s1 "9 drain"
  is master s1 "9 drain"
  bal master set '{"s1": {"weight": 300}}'
  says "weights go from 0 to 256"
}

@test "over tcp it works as well, and is told not to be locked for other hosts" {
  three
  balancer far "{haproxy: 'tcp:127.0.0.1:${proxy_tcp[edge]}'}"
  balancer name "{haproxy: 'tcp:localhost:${proxy_tcp[edge]}'}"
  bal far set '{"s1": {"weight": 9}}'
  [ "$status" -eq 0 ]
  says "another host may work on backend hal9"
  is edge s1 "9 ready"
  is name s1 "9 ready"
}

@test "sockets that are gone, closed to us, silent or cut off: told apart, and in time" {
  three
  balancer gone "{haproxy: unix:$TEST_DIR/none.sock}"
  bal gone look
  says "unknown: haproxy at unix:$TEST_DIR/none.sock can't be reached: No such file"
  start_in_background "$TEST_DIR/silent.log" socat -t 60 "UNIX-LISTEN:$TEST_DIR/silent.sock,fork" SYSTEM:'sleep 60'
  printf '#!/bin/sh\nread -r line\nprintf "\\n\\nName: x\\n"\n' >"$TEST_DIR/cut.sh"
  start_in_background "$TEST_DIR/cut.log" socat "UNIX-LISTEN:$TEST_DIR/cut.sock,fork" "EXEC:sh $TEST_DIR/cut.sh"
  wait_until 10 test -S "$TEST_DIR/silent.sock" -a -S "$TEST_DIR/cut.sock"
  balancer silent "{haproxy: unix:$TEST_DIR/silent.sock}"
  balancer cut "{haproxy: unix:$TEST_DIR/cut.sock}"
  bal cut look
  says "broke off after 1 of 4 answers"
  from=$SECONDS
  bal silent look
  says "timeout: haproxy at unix:$TEST_DIR/silent.sock does not answer in time"
  [ $((SECONDS - from)) -le 20 ]
}

@test "a socket that isn't ours is told so, with what decides" {
  need_root
  three
  chmod 0755 "$TEST_DIR"
  chmod 0644 "$HAL9OPS_CONFIG"
  run as_user 65534 "$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" edge hal9 look
  says "perm: haproxy at unix:$TEST_DIR/edge.sock can't be reached: Permission denied"
}

@test "the names of sockets are checked with their place" {
  balancer a "{haproxy: [unix:/run/x.sock, run/y.sock]}"
  balancer b "{haproxy: 'tcp:10.0.0.1'}"
  balancer c "{haproxy: [unix:/run/x.sock, unix:/run/x.sock]}"
  balancer d "{nginx: /etc/nginx/up.conf, state_file: /x}"
  run "$HAL9_BIN/hal9-health" --check-config
  [ "$status" -eq 2 ]
  says "hal9.yaml:3:35: a socket wants unix:PATH or tcp:HOST:PORT, not 'run/y.sock'"
  says "hal9.yaml:4:"
  says "wants tcp:HOST:PORT"
  says "socket unix:/run/x.sock is told twice"
  says "state_file belongs to haproxy"
}

@test "a thousand servers in one go, however short the lines must be" {
  mapfile -t lines < <(for i in {1..1000}; do echo "s$i 127.0.0.1:$((i + 1000)) weight 100"; done)
  edge "${lines[@]}"
  bal edge set "$(jq -cn '[range(1; 1001) | {key: "s\(.)", value: {weight: (. % 100), admin: "drain"}}] | from_entries')"
  [ "$status" -eq 0 ]
  [ "$(observed edge '[.servers[] | select(.admin == "drain")] | length')" = 1000 ]
  is edge s77 "77 drain"
  undo "$op"
  [ "$status" -eq 0 ]
  [ "$(observed edge '[.servers[] | select(.weight == 100 and .admin == "ready")] | length')" = 1000 ]
}
