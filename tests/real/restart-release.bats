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

@test "the one before is bad by now, too: all is told, exit 1, and there it ends" {
  web_site
  restart web
  release 2 dead
  release 1 dead
  deploy 2
  run -1 restart web
  says "release rel/1 is back, but that failed, too: "
  says "nothing runs"
  [ -z "$(web_pids)" ]
  [ "$(current)" = rel/1 ]
  [ "$(journals)" = 2 ]
}

@test "the link can't be switched back: the new one is left running for a look" {
  web_site
  restart web
  release 2 sick
  deploy 2
  HAL9OPS_FAULT=symlink:1:EACCES run -1 restart web
  says "release rel/1 could not be brought back: "
  runs_release 2
}

@test "the one before was removed: an older proven one comes back" {
  web_site
  restart web
  release 2 good
  deploy 2
  restart web
  rm -r "$TEST_DIR/rel/2"
  release 3 sick
  deploy 3
  run -1 restart web
  says "release rel/1 is back"
  runs_release 1
}

@test "-n tells the way back and changes nothing" {
  web_site
  restart web
  release 2 sick
  deploy 2
  run -1 restart -n web
  says "switch $TEST_DIR/current back to rel/1"
  says "only if step 'web/start' or 'web/gate' fails"
  [ "$(current)" = rel/2 ]
  [ "$(journals)" = 1 ]
}

@test "releases beyond keep are told, and stay" {
  RELEASE='keep: 2' web_site
  for n in 2 3 4; do release "$n" good; done
  touch -d '1 hour ago' "$TEST_DIR/rel/2"
  touch -d '2 hours ago' "$TEST_DIR/rel/3"
  deploy 4
  run -0 restart web
  says "web keeps 2 releases; 2 more are there: rel/2, rel/3"
  [ -d "$TEST_DIR/rel/3" ]
}

@test "what was proven can't be written down: told, and the service is healthy all the same" {
  web_site
  restart web
  rm "$TEST_DIR/state/services/web/proven.json"
  mkdir "$TEST_DIR/state/services/web/proven.json"
  run -0 restart web
  says "can't be written down"
  says "web is healthy"
  runs_release 1
}

@test "a record of proofs that is damaged: nothing is brought back on its word" {
  web_site
  restart web
  echo '{"rel' >"$TEST_DIR/state/services/web/proven.json"
  release 2 sick
  deploy 2
  run -1 restart web
  says "which release was healthy is not known"
  runs_release 2
}

@test "undo takes back the whole: the release and the process of before" {
  web_site
  restart web
  release 2 sick
  deploy 2
  run -1 restart web
  run -0 hal9-rollback undo "$(hal9-rollback history -o json | jq -rs '[.[] | select(.kind == "operation")][-1].id')" --yes --force=drift
  [ "$(current)" = rel/2 ]
  [ "$(web_pids | wc -l)" -le 1 ]
}

@test "TERM while the new one is waited for: no way back is gone, resume decides" {
  GATE='{within: 4s, interval: 100ms}' web_site
  restart web
  release 2 sick
  deploy 2
  start_in_background "$TEST_DIR/records" hal9-restart web
  wait_for_log "$TEST_DIR/records" '"step":"web/start"'
  kill "$background_pid"
  wait_for_exit "$background_pid"
  [ "$exit_status" = 143 ]
  runs_release 2
  run -1 hal9-rollback resume
  runs_release 1
  answers web
}
