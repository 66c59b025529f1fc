#!/usr/bin/env bats
# An nginx behind the file of its upstream: weights and states are set by the file, its test and a reload.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load haproxy

setup() {
  common_setup
  skip_unless nginx
  open_balancers
  nginx_up
}

# Three servers that say who they are, and an nginx before them.
nginx_up() {
  local n
  conf=$TEST_DIR/upstream.conf
  {
    echo "upstream hal9 {"
    for n in 1 2 3; do
      start_fixture hal9-server --port 0 --claim "s$n"
      eval "s$n=127.0.0.1:$fixture_port"
      echo "  server 127.0.0.1:$fixture_port weight=1; # s$n"
    done
    echo "}"
  } >"$conf"
  free_port
  front=$free_port
  mkdir -p "$TEST_DIR/nginx"
  cat >"$TEST_DIR/nginx.conf" <<CFG
pid $TEST_DIR/nginx.pid;
error_log $TEST_DIR/nginx/error.log;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path $TEST_DIR/nginx/b; proxy_temp_path $TEST_DIR/nginx/p;
  fastcgi_temp_path $TEST_DIR/nginx/f; uwsgi_temp_path $TEST_DIR/nginx/u; scgi_temp_path $TEST_DIR/nginx/s;
  include $TEST_DIR/upstream*.conf;
  server { listen 127.0.0.1:$front; location / { proxy_pass http://hal9; } }
}
CFG
  nginx -c "$TEST_DIR/nginx.conf" 3>&- 4>&- </dev/null
  balancer edge "{nginx: $conf, pid: $TEST_DIR/nginx.pid, test: [nginx, -t, -q, -c, $TEST_DIR/nginx.conf], reload: [nginx, -s, reload, -c, $TEST_DIR/nginx.conf]}"
}

teardown() {
  [ ! -s "$TEST_DIR/nginx.pid" ] || kill -QUIT "$(cat "$TEST_DIR/nginx.pid")"
  common_teardown
}

# who N: how often each server answers N requests.
who() {
  for ((i = 0; i < $1; i++)); do curl -sS "http://127.0.0.1:$front/health"; done | jq -r .service | sort | uniq -c | xargs
}

@test "a change is in force when it returns; again there is nothing to do; undo sets it as it was" {
  [ "$(who 6)" = "2 s1 2 s2 2 s3" ]
  bal edge set "{\"$s1\": {\"weight\": 4}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"admin\": \"drain\"}}"
  [ "$status" -eq 0 ]
  first=$op
  [ "$(who 5)" = "5 s1" ]
  grep -q "server $s1 weight=4; # s1" "$conf"
  grep -q "server $s2 down; # hal9ops: weight=0 admin=ready # s2" "$conf"
  bal edge set "{\"$s1\": {\"weight\": 4}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"admin\": \"drain\"}}"
  [ "$output" = nothing ]
  run "$HAL9_BIN/hal9-rollback" undo "$first" -o text
  [ "$status" -eq 0 ]
  [ "$(who 6)" = "2 s1 2 s2 2 s3" ]
  is edge "$s2" "1 ready"
}

@test "the traffic is shared by the weights" {
  bal edge set "{\"$s1\": {\"weight\": 7}, \"$s2\": {\"weight\": 2}, \"$s3\": {\"weight\": 1}}"
  [ "$(who 20)" = "14 s1 4 s2 2 s3" ]
}

@test "what nginx refuses is taken back, and told with nginx' own words" {
  before=$(cat "$conf")
  echo "nonsense on;" >"$TEST_DIR/upstream-more.conf"
  bal edge set "{\"$s1\": {\"weight\": 4}}"
  [ "$status" -eq 1 ]
  says 'unknown directive "nonsense"'
  [ "$(cat "$conf")" = "$before" ]
  [ -z "$(find "$TEST_DIR" -name '.*hal9ops-reload')" ]
  rm "$TEST_DIR/upstream-more.conf"
  bal edge set "{\"$s1\": {\"weight\": 4}}"
  [ "$status" -eq 0 ]
}

@test "killed between the file and the reload: the next one reloads" {
  for ((point = 1; point <= 40; point++)); do
    HAL9OPS_FAULT=fsync:$point:KILL bal edge set "{\"$s1\": {\"weight\": 9}}"
    [ "$status" -eq 137 ] || break
    [ ! -e "$TEST_DIR/.upstream.conf.hal9ops-reload" ] || ! grep -q weight=9 "$conf" || seen=1
    bal edge set "{\"$s1\": {\"weight\": 9}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"weight\": 0}}"
    [ "$status" -eq 0 ]
    [ "$(who 3)" = "3 s1" ]
    bal edge set "{\"$s1\": {\"weight\": 1}, \"$s2\": {\"weight\": 1}, \"$s3\": {\"weight\": 1}}"
    [ "$status" -eq 0 ]
  done
  [ "$point" -gt 1 ]
  [ "${seen:-}" = 1 ] # once at the very moment
}

@test "a reload that can't be asked for is told, and made up for by the next one" {
  sed -i 's/reload: \[.*\]/reload: [false]/' "$HAL9OPS_CONFIG"
  bal edge set "{\"$s1\": {\"weight\": 9}}"
  [ "$status" -ne 0 ]
  says "it can't be reloaded"
  [ "$(observed edge ".servers[\"$s1\"].differs")" != null ]
  sed -i "s|reload: \[false\]|reload: [nginx, -s, reload, -c, $TEST_DIR/nginx.conf]|" "$HAL9OPS_CONFIG"
  bal edge set "{\"$s1\": {\"weight\": 9}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"weight\": 0}}"
  [ "$status" -eq 0 ]
  [ "$(who 3)" = "3 s1" ]
}

@test "no such upstream, no such server, no such file: told with what is there" {
  BACKEND_NAME=hal bal edge look
  says "no backend 'hal'; did you mean 'hal9'?"
  bal edge set '{"127.0.0.1:1": {"weight": 5}}'
  says "has no server '127.0.0.1:1'"
  rm "$conf"
  bal edge look
  says "cannot open"
}

@test "a full disk leaves the old file or the new one" {
  before=$(cat "$conf")
  for ((point = 1; point <= 12; point++)); do
    HAL9OPS_FAULT=write:$point:ENOSPC bal edge set "{\"$s1\": {\"weight\": 9}}"
    [ "$(cat "$conf")" = "$before" ] || [ "$(cat "$conf")" = "${before/"$s1 weight=1"/"$s1 weight=9"}" ] || fail "half-way at write $point: $(cat "$conf")"
    [ "$status" -ne 0 ] || break
  done
  [ "$point" -gt 1 ]
}
