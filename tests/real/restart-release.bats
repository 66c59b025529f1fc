#!/usr/bin/env bats
# hal9-restart and releases: one that doesn't get healthy goes, the one before comes back.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart
load releases

setup() {
  common_setup
  skip_unless jq
}

@test "a release that doesn't get healthy: the one before is back and healthy, exit 1, the log's tail is shown" {
  web_site
  run -0 restart web
  release 2 sick
  deploy 2
  run -1 restart web
  says "web did not become healthy with release rel/2: "
  says "release rel/1 is back, and healthy"
  runs_release 1
  answers web
  # Twice is the same: nothing is left to bring back.
  run -0 restart web
  runs_release 1
}

@test "a release that ends at its start: what it said is shown, and the one before comes back" {
  web_site
  run -0 restart web
  release 2 dead
  deploy 2
  run -1 restart web
  says "the new release is broken"
  says "web could not be started with release rel/2: "
  says "release rel/1 is back, and healthy"
  runs_release 1
}

@test "the end is counted as failed, and the operation as well" {
  web_site
  restart web
  release 2 sick
  deploy 2
  hal9-restart web >"$TEST_DIR/records" || [ $? = 1 ]
  jq -se '.[-1] | .kind == "end" and .failed == 1 and .exit == 1 and .resumable == false' "$TEST_DIR/records"
  jq -se '[.[] | select(.kind == "operation")][-1].state == "failed"' "$TEST_DIR/records"
  before "$TEST_DIR/records" web/revert-release web/revert-start
}

@test "a release that was healthy before stays: something else is wrong" {
  web_site
  restart web
  # The same release; what it is asked for has changed.
  sed -i 's,/service: hal9-server,/service: other,' "$HAL9OPS_CONFIG"
  run -1 restart web
  says "release rel/1 stays: release rel/1 was healthy before"
  runs_release 1
}

@test "one of that name that was made anew is another release" {
  web_site
  restart web
  release 2 good
  deploy 2
  restart web
  mv "$TEST_DIR/rel/2" "$TEST_DIR/rel/2.old"
  release 2 sick
  run -1 restart web
  says "release rel/1 is back, and healthy"
  runs_release 1
}

@test "revert: never leaves it as it is" {
  RELEASE='revert: never' web_site
  restart web
  release 2 sick
  deploy 2
  run -1 restart web
  never_says "is back"
  says "it is left running"
  runs_release 2
}

@test "no release was ever proven: none comes back, and that is said" {
  web_site
  release 2 sick
  deploy 2
  run -1 restart web
  says "no other release was ever proven healthy here"
  runs_release 2
}

@test "first use: the release that runs and is healthy is the one to go back to" {
  web_site
  start_in_background "$TEST_DIR/web.log" "$TEST_DIR/current/web" --port "${port_of[web]}"
  old=$background_pid
  run -0 hal9-health web --wait 10s
  release 2 sick
  deploy 2
  run -1 restart web
  says "release rel/1 is back, and healthy"
  gone "$old"
  runs_release 1
}
