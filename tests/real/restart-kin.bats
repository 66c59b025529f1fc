#!/usr/bin/env bats
# hal9-restart where several services run the same program: never stops another's processes.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
  PROGRAM=server service one
  PROGRAM=server service two
}

# by_hand NAME [ARGUMENT…]: starts one of them without hal9ops; its pid goes to background_pid.
by_hand() {
  local name=$1
  shift
  start_in_background "$TEST_DIR/$name.log" "$TEST_DIR/bin/server" --port "${port_of[$name]}" "$@"
  wait_for_log "$TEST_DIR/$name.log" "listening"
}

@test "both started by hal9-restart: one is restarted, the other goes on" {
  run -0 restart one two
  [ "$(pids_of server | wc -l)" = 2 ]
  mapfile -t both < <(pids_of server)
  run -0 restart one
  [ "$(pids_of server | wc -l)" = 2 ]
  [ "$(pids_of server | grep -cxF -e "${both[0]}" -e "${both[1]}")" = 1 ]
  answers one
  answers two
}

@test "one runs, the other does not: it is started" {
  run -0 restart one
  one_of server
  first=$the_pid
  run -0 restart two
  says "two is not running"
  is_alive "$first"
  answers one
  answers two
}

@test "both started by hand: their arguments tell them apart" {
  by_hand one
  first=$background_pid
  by_hand two
  second=$background_pid
  run -0 restart two
  says "two is running (pid $second, "
  gone "$second"
  is_alive "$first"
  answers one
  answers two
}

@test "one started by hand with other arguments, its like is down: not taken for it" {
  run -0 restart one
  one_of server
  first=$the_pid
  by_hand two --log-lines 1
  second=$background_pid
  run -0 restart one
  gone "$first"
  is_alive "$second"
  answers one
}

@test "nothing tells whose it is: refused, nothing touched" {
  # By default the arguments would tell.
  sed -i "/^  one:/a\\    identity: {exe: $TEST_DIR/bin/server}" "$HAL9OPS_CONFIG"
  sed -i "/^  two:/a\\    identity: {exe: $TEST_DIR/bin/server}" "$HAL9OPS_CONFIG"
  by_hand one --log-lines 1
  run -1 restart two
  says "server (pid $background_pid) may be two or one: nothing tells them apart"
  is_alive "$background_pid"
  [ "$(journals)" = 0 ]
}

@test "an identity with cmdline tells them apart" {
  sed -i "/^  one:/a\\    identity: {exe: $TEST_DIR/bin/server, cmdline: \"--port ${port_of[one]}\"}" "$HAL9OPS_CONFIG"
  sed -i "/^  two:/a\\    identity: {exe: $TEST_DIR/bin/server, cmdline: \"--port ${port_of[two]}\"}" "$HAL9OPS_CONFIG"
  by_hand one --log-lines 1
  run -0 restart two
  is_alive "$background_pid"
  answers one
  answers two
}
