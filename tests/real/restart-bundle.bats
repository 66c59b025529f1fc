#!/usr/bin/env bats
# Log bundles of hal9-restart: what is saved before a service is stopped, and that nothing hangs or fails by it.
# shellcheck disable=SC2154,SC2030,SC2031 # set by the helpers; each test is a shell of its own

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
  mkdir "$TEST_DIR/log"
}

# logged [LOGS]: the service with a log section.
logged() {
  MORE="    logs: ${1:-"{files: [\"$TEST_DIR/log/*.log\"]}"}" service hal9-server
}

bundles() {
  find "$TEST_DIR/state/services/hal9-server/bundles" -maxdepth 1 -name '*.tar.gz' | sort
}

# unpack: the newest bundle; sets $in, the folder with its files.
unpack() {
  the_bundle=$(bundles | tail -n 1)
  rm -rf "$TEST_DIR/in"
  mkdir "$TEST_DIR/in"
  tar -xzf "$the_bundle" -C "$TEST_DIR/in" 2>"$TEST_DIR/tar.err"
  [ ! -s "$TEST_DIR/tar.err" ] || fail "tar: $(cat "$TEST_DIR/tar.err")"
  in=$(echo "$TEST_DIR"/in/*)
}

manifest() {
  jq -e "$1" "$in/manifest.json" >/dev/null || fail "not so: $1 in $(cat "$in/manifest.json")"
}

bundle() {
  hal9-restart -o text --tone plain bundle hal9-server "$@"
}

@test "a restart saves what tells why, before it stops the service" {
  logged
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  printf 'fine\nERROR: connection refused by db\nNo error here\n' >"$TEST_DIR/log/app.log"
  run -0 restart hal9-server
  unpack
  says "1/5 save the logs of hal9-server"
  says "logs: $the_bundle, 1 suspicious line"
  [ "$(stat -c %a "$the_bundle")" = 600 ]
  [ "$(stat -c %a "$(dirname "$the_bundle")")" = 700 ]
  grep -q "^logs$TEST_DIR/log/app.log:2: ERROR: connection refused by db" "$in/index.txt"
  jq -e '.[0] | .line == 2 and .word == "error"' "$in/index.json"
  cmp "$in/logs$TEST_DIR/log/app.log" "$TEST_DIR/log/app.log"
  grep -q listening "$in/logs$TEST_DIR/state/services/hal9-server/out.log"
  grep -q "^State:" "$in/processes/$old.txt"
  grep -q "^Max open files" "$in/processes/$old.txt"
  grep -qx "HAL9_TEST_MARK" "$in/processes/$old.txt"
  grep -q "hal9-server (pid $old)" "$in/ports.txt"
  jq -e ".port == ${port_of[hal9-server]}" "$in/config.json"
  jq -e '.words | test("is running")' "$in/found.json"
  grep -q "^memory: " "$in/host.txt"
  manifest '.service == "hal9-server" and .suspicious == 1'
  manifest ".entries[] | select(.from == \"$TEST_DIR/log/app.log\") | .bytes == 51 and .of == 51 and .cut == false"
}

@test "records tell where it is, and so does the journal" {
  logged
  hal9-restart -o json hal9-server >"$TEST_DIR/records"
  run -0 jq -r 'select(.kind == "step" and .step_kind == "logs.bundle") | .detail.bundle.path' "$TEST_DIR/records"
  [ -f "$output" ]
  grep -qF "$output" "$TEST_DIR"/state/journal/*.ndjson
  before "$TEST_DIR/records" hal9-server/bundle hal9-server/start
}

@test "one that was never started and names no logs has nothing to save; --no-bundle saves nothing" {
  service hal9-server
  run -0 restart hal9-server
  never_says "save the logs"
  run -0 restart --no-bundle hal9-server
  never_says "save the logs"
  [ ! -e "$TEST_DIR/state/services/hal9-server/bundles" ]
}

@test "bundle alone: the service goes on, one that is down or not ours to start will do; history has it" {
  logged
  run -0 restart --no-bundle hal9-server
  one_of hal9-server
  run -0 bundle
  says "1/1 save the logs of hal9-server"
  is_alive "$the_pid"
  run -0 hal9-rollback history -o text
  says "save the logs of hal9-server"
  printf '  other:\n    identity: {exe: /nonexistent/other}\n    checks: [{tcp: "127.0.0.1:1"}]\n' >>"$HAL9OPS_CONFIG"
  run -0 hal9-restart -o text bundle other
  says "/services/other/bundles/"
}

@test "-n tells the plan and saves nothing" {
  logged
  run -0 bundle -n
  says "save the logs of hal9-server"
  run -1 restart -n hal9-server
  says "save the logs of hal9-server"
  [ ! -e "$TEST_DIR/state/services" ]
}

@test "wrong words: no service, a wrong name, a size that is none, a service of that name" {
  logged
  run -2 hal9-restart bundle
  says "bundle wants a service"
  run -2 hal9-restart bundle hal9-serve
  says "did you mean 'hal9-server'?"
  clear_site
  logged '{files: [/x], max: 12parsecs}'
  run -2 hal9-restart bundle hal9-server
  [[ $output =~ hal9.yaml:[0-9]+:[0-9]+:\ .*12parsecs ]] || fail "$output"
  printf 'hal9: 1\nservices:\n  bundle:\n    identity: {exe: /x}\n' >"$HAL9OPS_CONFIG"
  run -2 hal9-restart bundle bundle
  says "'bundle' can't be a service's name"
  [ ! -e "$TEST_DIR/state" ]
}

@test "of long logs the newest lines are kept, each has its share, and the index points into what is there" {
  logged "{files: [\"$TEST_DIR/log/*.log\"], max: 64Ki}"
  seq -f 'line %.0f of the long one' 1 100000 >"$TEST_DIR/log/long.log"
  seq -f 'line %.0f of the other' 1 100000 >"$TEST_DIR/log/other.log"
  echo "FATAL: at the end" >>"$TEST_DIR/log/long.log"
  echo short >"$TEST_DIR/log/short.log"
  run -0 bundle
  unpack
  [ "$(tail -n 1 "$in/logs$TEST_DIR/log/long.log")" = "FATAL: at the end" ]
  [ "$(cat "$in/logs$TEST_DIR/log/short.log")" = short ]
  [ "$(find "$in/logs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" -le 65536 ]
  [ "$(stat -c %s "$in/logs$TEST_DIR/log/other.log")" -gt 30000 ]
  [[ $(head -n 1 "$in/logs$TEST_DIR/log/other.log") =~ ^line\ [0-9]+\ of\ the\ other$ ]]
  manifest ".entries[] | select(.from | endswith(\"long.log\")) | .cut and .of == $(stat -c %s "$TEST_DIR/log/long.log")"
  line=$(sed -n 's/^logs.*long.log:\([0-9]*\): FATAL.*/\1/p' "$in/index.txt")
  [ "$(sed -n "${line}p" "$in/logs$TEST_DIR/log/long.log")" = "FATAL: at the end" ]
}

@test "a FIFO, a folder, a sparse terabyte, a dangling link: told, and nobody waits" {
  logged
  mkfifo "$TEST_DIR/log/pipe.log"
  mkdir "$TEST_DIR/log/folder.log"
  truncate -s 1T "$TEST_DIR/log/sparse.log"
  ln -s nowhere "$TEST_DIR/log/dangling.log"
  echo here >"$TEST_DIR/log/plain.log"
  ln -s plain.log "$TEST_DIR/log/alias.log"
  run -0 timeout 60 hal9-restart -o text -v --tone plain bundle hal9-server
  says "without $TEST_DIR/log/pipe.log: a FIFO"
  unpack
  manifest '.left_out | map(select(.what | endswith("folder.log")))[0].why == "not a regular file"'
  manifest '.left_out | map(select(.what | endswith("dangling.log")))[0].why == "No such file or directory"'
  manifest '.entries[] | select(.from | endswith("sparse.log")) | .bytes == 0 and .of == 1099511627776 and .cut'
  [ "$(grep -rlx here "$in/logs" | wc -l)" = 1 ] # by one of its two names
}

@test "no file matches: told, and the rest is saved" {
  logged
  run -0 hal9-restart -o text -v bundle hal9-server
  says "without $TEST_DIR/log/*.log: no such file"
}

@test "what this user may not read is told in the manifest" {
  need_root
  logged
  echo secret >"$TEST_DIR/log/root.log"
  echo open >"$TEST_DIR/log/open.log"
  chmod 600 "$TEST_DIR/log/root.log"
  chmod 644 "$HAL9OPS_CONFIG"
  chmod 777 "$TEST_DIR" "$HAL9OPS_LOCK_DIR"
  run -0 as_user 65534 env HAL9OPS_STATE_DIR="$TEST_DIR/state" "$HAL9_BIN/hal9-restart" -o text bundle hal9-server
  unpack
  manifest '.left_out | map(select(.what | endswith("root.log")))[0].why == "Permission denied"'
  grep -qx open "$in/logs$TEST_DIR/log/open.log"
}

@test "a link that another user has laid to a file that isn't his is not followed" {
  need_root
  logged
  echo "root's own" >"$TEST_DIR/private"
  chmod 600 "$TEST_DIR/private"
  ln -s "$TEST_DIR/private" "$TEST_DIR/log/trap.log"
  chown -h 65534 "$TEST_DIR/log/trap.log"
  run -0 bundle
  unpack
  manifest '.left_out | map(select(.what | endswith("trap.log")))[0].why == "a link to a file of somebody else"'
  run ! grep -rq "root's own" "$in"
}

@test "a log that is written meanwhile: whole lines up to somewhere" {
  logged "{files: [\"$TEST_DIR/log/*.log\"], max: 1Mi}"
  # shellcheck disable=SC2016
  start_in_background /dev/null bash -c 'i=0; while :; do echo "line $((i++)) of many"; done >>"$0"' "$TEST_DIR/log/busy.log"
  wait_for_log "$TEST_DIR/log/busy.log" "line 1000 "
  run -0 bundle
  kill "$background_pid"
  unpack
  run ! grep -vxE 'line [0-9]+ of many' <(sed '$d' "$in/logs$TEST_DIR/log/busy.log")
  [ "$(wc -l <"$in/logs$TEST_DIR/log/busy.log")" -gt 100 ]
}

@test "no time: what can be had at once is saved, and the service is restarted" {
  logged "{files: [\"$TEST_DIR/log/*.log\"], within: 1ms}"
  echo x >"$TEST_DIR/log/x.log"
  run -0 restart hal9-server
  says "hal9-server is healthy"
  unpack
  manifest '.left_out | length > 0'
  [ -s "$in/host.txt" ]
}

@test "a journalctl that hangs is ended in time" {
  need_namespaces
  skip_unless journalctl systemd
  logged "{journal: hal9-server.service, within: 2s}"
  printf '#!/bin/sh\nexec sleep 1000\n' >"$TEST_DIR/hang"
  chmod +x "$TEST_DIR/hang"
  # shellcheck disable=SC2016
  run -0 timeout 60 unshare -m sh -c 'mount --bind "$0" "$(command -v journalctl)" && exec hal9-restart -o text -v bundle hal9-server' "$TEST_DIR/hang"
  says "without journal of hal9-server.service: no time was left for it"
}

@test "a bundle that can't be written warns, and the service is started all the same" {
  logged
  mkdir -p "$TEST_DIR/state/services/hal9-server"
  echo no folder >"$TEST_DIR/state/services/hal9-server/bundles"
  run -0 restart hal9-server
  says "save the logs of hal9-server"
  says "warned"
  says "hal9-server is healthy"
  run -1 bundle
  says "bundles"
}

@test "a full disk: warned, started, and nothing half is left" {
  need_namespaces
  logged
  head -c 3000000 /dev/urandom | base64 >"$TEST_DIR/log/large.log"
  dir=$TEST_DIR/state/services/hal9-server/bundles
  mkdir -p "$dir"
  # shellcheck disable=SC2016
  run -0 unshare -m sh -c 'mount -t tmpfs -o size=64k none "$0" && hal9-restart -o text --tone plain hal9-server && echo "left: $(ls -A "$0")"' "$dir"
  says "No space left on device"
  says "hal9-server is healthy"
  says "make room; to go on without a bundle: --no-bundle"
  [ "${lines[-1]}" = "left: " ]
}

@test "killed while it is written: the next run takes away what is left, and saves its own" {
  logged
  echo x >"$TEST_DIR/log/x.log"
  dir=$TEST_DIR/state/services/hal9-server/bundles
  run -0 bundle # all else that is renamed in a fresh state directory
  run env HAL9OPS_FAULT=rename:1:KILL "$HAL9_BIN/hal9-restart" bundle hal9-server
  [ "$status" != 0 ] || skip "needs a build with hooks"
  [ "$status" = 137 ]
  compgen -G "$dir/.archive.*"
  [ "$(bundles | wc -l)" = 1 ]
  run -0 bundle
  [ -z "$(compgen -G "$dir/.archive.*")" ]
  [ "$(bundles | wc -l)" = 2 ]
}

@test "a restart that is killed while it saves: nothing was stopped, the next one goes through" {
  logged
  run -0 restart hal9-server
  one_of hal9-server
  old=$the_pid
  run env HAL9OPS_FAULT=rename:1:KILL "$HAL9_BIN/hal9-restart" hal9-server
  [ "$status" != 0 ] || skip "needs a build with hooks"
  [ "$status" = 137 ]
  is_alive "$old"
  run -3 hal9-rollback status -o text
  run -0 hal9-rollback resume -o text
  says "save the logs of hal9-server"
  gone "$old"
  one_of hal9-server
  run -0 hal9-rollback status
}

@test "the newest ten are kept" {
  logged
  dir=$TEST_DIR/state/services/hal9-server/bundles
  mkdir -p "$dir"
  for n in {10..24}; do : >"$dir/00000000000a$n.tar.gz"; done
  echo kept >"$dir/notes"
  run -0 bundle
  [ "$(bundles | wc -l)" = 10 ]
  [ -e "$dir/00000000000a24.tar.gz" ]
  [ ! -e "$dir/00000000000a15.tar.gz" ]
  [ -e "$dir/notes" ]
  unpack
  manifest '.service == "hal9-server"'
}

@test "a verdict of the pipe is in it" {
  logged
  verdicts hal9-server:failing:not_running | hal9-restart - >"$TEST_DIR/records"
  unpack
  jq -e '.verdict.cause == "not_running"' "$in/found.json"
}

@test "libarchive is opened when a bundle is made, and never before" {
  logged
  run -1 env LD_DEBUG=files hal9-restart -n --no-bundle hal9-server
  never_says libarchive
  run -0 env LD_DEBUG=files hal9-restart bundle hal9-server
  says libarchive
}
