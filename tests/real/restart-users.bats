#!/usr/bin/env bats
# hal9-restart for users who are not root, who see less and may do less.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  need_root
  open_site
}

# as_them COMMAND… : as a user whose state and lock directories are their own.
as_them() {
  mkdir -p "$TEST_DIR/theirs" "$TEST_DIR/lock"
  chown 12345 "$TEST_DIR/theirs" "$TEST_DIR/lock"
  chmod 0644 "$HAL9OPS_CONFIG"
  chmod -R a+rX "$TEST_DIR/bin"
  as_user 12345 env HAL9OPS_STATE_DIR="$TEST_DIR/theirs/state" "$@"
}

@test "a user starts and restarts a service of their own" {
  service hal9-server
  run -0 as_them hal9-restart -o text hal9-server
  one_of hal9-server
  old=$the_pid
  [ "$(ps -o uid= -p "$old" | tr -d ' ')" = 12345 ]
  run -0 as_them hal9-restart -o text hal9-server
  gone "$old"
  one_of hal9-server
}

# with_systemd COMMAND… : where the host looks as if systemd ran it, and this user gets no scope of it.
with_systemd() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount -- bash -c 'mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system && exec "$@"' bash "$@"
}

@test "a supervisor ends what is left of a session, and nothing better can be had: that is told once" {
  need_namespaces
  service hal9-server
  service other
  export -f as_them as_user
  # shellcheck disable=SC2016 # the inner shell expands it
  run -0 with_systemd bash -c 'as_them env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS hal9-restart -o text hal9-server other'
  [ "$(grep -c "control group of this session" <<<"$output")" = 1 ]
}

@test "where nothing ends what is left of a session, nothing is told" {
  [ ! -e /run/systemd/system ] || skip "needs a host without systemd"
  service hal9-server
  run -0 as_them env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS hal9-restart -o text hal9-server
  [[ $output != *"control group of this session"* ]]
}

@test "the port's holder is not visible: could not be determined, exit 4, nothing touched" {
  service hal9-server
  start_fixture layer9-server --port "${port_of[hal9-server]}"
  run -4 as_them hal9-restart -o text hal9-server
  says "${port_of[hal9-server]}/tcp is held by a process of user root that is not visible to you"
  is_alive "$fixture_pid"
  none_of hal9-server
}

@test "a service of another user is not started by one who may not" {
  service hal9-server
  sed -i 's|^    run:|&\n      user: root|' "$HAL9OPS_CONFIG"
  run -1 as_them hal9-restart -o text hal9-server
  says "hal9-server: run.user: only root can start it as user root"
}

@test "root starts it as the user that run names" {
  service hal9-server
  sed -i 's|^    run:|&\n      user: nobody|' "$HAL9OPS_CONFIG"
  chmod -R a+rX "$TEST_DIR/bin"
  run -0 restart hal9-server
  one_of hal9-server
  [ "$(ps -o user= -p "$the_pid" | tr -d ' ')" = nobody ]
}
