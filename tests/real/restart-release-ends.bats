#!/usr/bin/env bats
# hal9-restart and releases: what becomes of it when the way back fails, too, is only told, or is broken off.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart
load releases

setup() {
  common_setup
  skip_unless jq
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
