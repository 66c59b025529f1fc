#!/usr/bin/env bats
# hal9-rollback snapshot, list, show, diff, prune on real files, releases and services.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
  mkdir -p "$TEST_DIR/etc/conf.d" "$TEST_DIR/opt/releases/1" "$TEST_DIR/opt/releases/2"
  printf 'one\ntwo\nthree\n' >"$TEST_DIR/etc/app.yaml"
  printf 'x = 1\n' >"$TEST_DIR/etc/conf.d/x"
  ln -s releases/1 "$TEST_DIR/opt/current"
}

# plan: hal9.yaml with one that has files, a file that is absent, and a release.
plan() {
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
rollback:
  migration:
    parts:
      - files: [$TEST_DIR/etc, $TEST_DIR/none]
      - release: $TEST_DIR/opt/current
YAML
}

# records KIND: those of the last output.
records() {
  jq -c "select(.kind == \"$1\")" <<<"$output"
}

says() {
  [[ $output == *"$1"* ]] || fail "not said: $1 in: $output"
}

@test "without any configuration a file is kept, and what differs since is told as a unified diff" {
  rm "$HAL9OPS_CONFIG"
  unset HAL9OPS_CONFIG
  cd "$TEST_DIR"
  run -0 hal9-rollback snapshot before --file etc/app.yaml -o text
  says "files:$TEST_DIR/etc/app.yaml"
  says "hal9-rollback diff before"
  run -0 hal9-rollback diff before -o text
  says "nothing differs from now"
  sed -i 's/two/2/' etc/app.yaml
  run -1 hal9-rollback diff before -o text
  printf '%s\n' "$output" | tail -n +2 | head -n -1 >told
  printf '%s\n' '@@ -1,3 +1,3 @@' ' one' '-two' '+2' ' three' >expected
  diff expected told
  says "1 difference"
}

@test "the hunks are those of diff -u" {
  cd "$TEST_DIR"
  seq 1 200 >f
  run -0 hal9-rollback snapshot s --file f
  cp f old
  sed -i -e '1d' -e '20s/$/ changed/' -e '26d' -e '100a new' -e '199,200d' f
  printf 'no newline' >>f
  run -1 hal9-rollback diff s -o text
  printf '%s\n' "$output" | tail -n +2 | head -n -1 >ours
  # Another shortest way is as good: patch makes the new file out of the old one.
  { printf -- '--- old\n+++ old\n'; cat ours; } >ours.patch
  patch -s old ours.patch
  cmp old f
}

@test "a plan's parts: files, absent ones and the release, each by name; the record and the document" {
  plan
  run -0 hal9-rollback snapshot first -o json
  [ "$(records snapshot | jq -r '.did, .plan, .why, .files')" = "$(printf 'taken\nmigration\nasked\n2')" ]
  [ "$(records snapshot | jq -r '.parts[]' | sed "s|$TEST_DIR||")" = "$(printf 'files:/etc\nfiles:/none\nrelease:/opt/current')" ]
  run -0 hal9-rollback show first -o json
  [ "$(records snapshot | jq -r '.document.parts[2].state.target')" = releases/1 ]
  [ "$(records snapshot | jq -r '.document.parts[1].state.absent')" = true ]
  [ "$(records snapshot | jq '.document.facts | .memory.total > 0 and .cpus > 0 and .processes > 1')" = true ]
  ln -sfn releases/2 "$TEST_DIR/opt/current"
  echo new >"$TEST_DIR/none"
  chmod 0600 "$TEST_DIR/etc/app.yaml"
  rm "$TEST_DIR/etc/conf.d/x"
  run -1 hal9-rollback diff first -o text
  says "$TEST_DIR/opt/current: releases/1 -> releases/2"
  says "$TEST_DIR/none: file added"
  says "mode 0644 -> 0600"
  says "$TEST_DIR/etc/conf.d/x: file removed"
  run -0 hal9-rollback snapshot second
  run -1 hal9-rollback diff first second -o json
  [ "$(records snapshot | jq '.differences | length')" = 4 ]
  run -1 hal9-rollback diff second first -o text
  says "$TEST_DIR/none: file removed"
  run -0 hal9-rollback diff second
}

@test "the host of then is told in words and in the document: processors, load, memory, disk, processes, connections, services with their pids" {
  plan
  free_port
  start_fixture hal9-server --port "$free_port"
  server=$fixture_pid
  printf 'services:\n  me: {run: {exec: [%s, --port, "%s"]}, identity: {cmdline: "--port %s"}}\n  gone: {run: {exec: [/nowhere/x]}}\n' \
    "$HAL9_FIXTURES/hal9-server" "$free_port" "$free_port" >>"$TEST_DIR/hal9.yaml"
  exec {client}<>"/dev/tcp/127.0.0.1/$free_port"
  hal9-rollback snapshot s >/dev/null
  exec {client}>&-
  run -0 hal9-rollback show s -o text
  says "  service me: pid $server"
  says "  service gone: no process"
  [[ $output =~ "host then: load "[0-9.]+" "[0-9.]+" "[0-9.]+" on "[0-9]+" CPU"s?", "[0-9]+" processes" ]]
  [[ $output =~ "memory then: "[0-9.]+" "[KMGT]iB" of "[0-9.]+" "[KMGT]iB" available, swap " ]]
  [[ $output =~ "disk then: "[0-9.]+" "[KMGT]iB" of "[0-9.]+" "[KMGT]iB" available on /" ]]
  [[ $output =~ "connections then: "[0-9]+" established" ]]
  [[ $output =~ "established to peer ports: ".*[0-9]+" to $free_port" ]]
  run -0 hal9-rollback show s -o json
  [ "$(records snapshot | jq -c --arg p "$free_port" --argjson pid "$server" '.document |
    [(.facts | .cpus > 0, (.load | length) == 3, .memory.total > .memory.available, .disk["/"].total > 0, .processes > 1),
     .connections.by_state.established == .connections.established, .connections.by_port[$p] >= 1,
     (.services[] | select(.name == "me") | .pids == [$pid]), (.services[] | select(.name == "gone") | .pids == [])] | all')" = true ]
}

@test "list is oldest first, show takes a name, a piece of the id, an operation's too; a damaged one is told" {
  plan
  hal9-rollback snapshot a >/dev/null
  hal9-rollback snapshot b >/dev/null
  run -0 hal9-rollback list -o json
  [ "$(records snapshot | jq -r .name | paste -sd' ')" = "a b" ]
  id=$(records snapshot | jq -r .id | tail -n 1)
  run -0 hal9-rollback show "${id: -4}" -o text
  says "snapshot $id"
  run -2 hal9-rollback show nothing-like-it
  run -2 hal9-rollback diff c
  says "no snapshot 'c'"
  # Cut, and flipped.
  cp "$HAL9OPS_STATE_DIR/snapshots/$id.json" "$TEST_DIR/keep"
  truncate -s -9 "$HAL9OPS_STATE_DIR/snapshots/$id.json"
  run -4 hal9-rollback list -o text
  says "is damaged: its end is missing"
  says " a "
  sed 's/releases/releasez/' "$TEST_DIR/keep" >"$HAL9OPS_STATE_DIR/snapshots/$id.json"
  run -4 hal9-rollback show "$id" -o text
  says "its checksum does not match"
}

@test "nothing is written: by -n, for a name that is taken, a plan that isn't there, a part that can't be read" {
  plan
  run -0 hal9-rollback -n snapshot x -o text
  says "nothing was written"
  [ ! -e "$HAL9OPS_STATE_DIR/snapshots" ]
  [ ! -e "$HAL9OPS_STATE_DIR/packs" ]
  run -2 hal9-rollback snapshot --plan migratoin
  says "did you mean 'migration'?"
  run -2 hal9-rollback snapshot last-healthy
  run -0 hal9-rollback snapshot x
  run -2 hal9-rollback snapshot x -o text
  says "there is a snapshot 'x' already"
  rm "$TEST_DIR/opt/current"
  mkdir "$TEST_DIR/opt/current"
  run -4 hal9-rollback snapshot y -o text
  says "release:$TEST_DIR/opt/current"
  says "is a folder"
  run -0 hal9-rollback list -o json
  [ "$(records snapshot | jq -r .name)" = x ]
  run -0 --separate-stderr hal9-rollback snapshot y --best-effort -o json
  [[ $stderr == *"is left out"* ]]
  [ "$(records snapshot | jq -r '.gaps[]')" = "release:$TEST_DIR/opt/current" ]
  [ "$(records snapshot | jq '.parts | length')" = 2 ]
}

@test "another user without permission is told which file, and nothing is written" {
  need_root
  chmod 0600 "$TEST_DIR/etc/app.yaml"
  install -d -o 12345 "$TEST_DIR/his"
  run -4 env HAL9OPS_STATE_DIR="$TEST_DIR/his/state" HOME="$TEST_DIR/his" HAL9OPS_CONFIG= \
    setpriv --reuid 12345 --regid 12345 --clear-groups hal9-rollback snapshot --file "$TEST_DIR/etc" -o text
  says "etc/app.yaml"
  says "Permission denied"
  [ -z "$(ls "$TEST_DIR/his/state/snapshots" 2>/dev/null)" ]
  [ -z "$(ls -A "$TEST_DIR/his/state/packs")" ]
}

@test "prune keeps the newest, and the contents that others still name" {
  plan
  for i in 1 2 3 4; do
    head -c 100000 /dev/urandom >"$TEST_DIR/etc/big"
    hal9-rollback snapshot "s$i" >/dev/null
  done
  before=$(du -s "$HAL9OPS_STATE_DIR/packs" | cut -f 1)
  run -1 hal9-rollback diff s1 s4 -o json
  run -1 hal9-rollback -n prune --keep 1 -o text
  says "3 snapshots would go"
  run -0 hal9-rollback prune --keep 1 -o text
  says "3 snapshots gone"
  after=$(du -s "$HAL9OPS_STATE_DIR/packs" | cut -f 1)
  ((after * 3 < before))
  run -0 hal9-rollback diff s4
  run -0 hal9-rollback prune s4
  [ -z "$(ls "$HAL9OPS_STATE_DIR/packs")" ]
  run -2 hal9-rollback prune
  run -2 hal9-rollback prune --keep 1 s4
}

@test "a service that has passed its gate leaves a snapshot of its plan, five at most" {
  service hal9-server
  cat >>"$HAL9OPS_CONFIG" <<YAML
rollback:
  migration:
    parts: [{files: $TEST_DIR/etc}]
    health: [hal9-server]
YAML
  for i in 1 2 3 4 5 6 7; do
    echo "$i" >"$TEST_DIR/etc/conf.d/x"
    run -0 restart hal9-server
  done
  run -0 restart hal9-server # the same again: no other one
  run -0 hal9-rollback list -o json
  [ "$(records snapshot | jq -r 'select(.healthy) | .why' | sort | uniq -c | tr -s ' ')" = " 5 healthy" ]
  newest=$(records snapshot | jq -r .id | tail -n 1)
  run -0 hal9-rollback diff last-healthy
  run -0 hal9-rollback show "$newest" -o json
  one_of hal9-server
  [ "$(records snapshot | jq -c '.document.services[0] | .name, .pids')" = "$(printf '"hal9-server"\n[%s]' "$the_pid")" ]
}

@test "a snapshot goes to another state directory and is the same there; a damaged file is refused" {
  mkdir -p "$TEST_DIR/tree/sub"
  echo one-of-a-kind >"$TEST_DIR/tree/a"
  head -c 300000 /dev/urandom >"$TEST_DIR/tree/sub/b"
  run -0 hal9-rollback snapshot travels --file "$TEST_DIR/tree"
  run -0 hal9-rollback export travels "$TEST_DIR/s.tar"
  [ "$(stat -c %a "$TEST_DIR/s.tar")" = 600 ]
  tar -tf "$TEST_DIR/s.tar" | grep -qx snapshot.json
  export HAL9OPS_STATE_DIR=$TEST_DIR/other
  run -0 hal9-rollback import "$TEST_DIR/s.tar" -o json
  [ "$(records snapshot | jq -r '.did, .why, .name')" = "$(printf 'imported\nimported\ntravels')" ]
  run -0 hal9-rollback diff travels
  echo two >"$TEST_DIR/tree/a"
  run -1 hal9-rollback diff travels -o text
  [[ $output == *"-one-of-a-kind"* ]]
  run -0 hal9-rollback import "$TEST_DIR/s.tar"
  run -0 hal9-rollback list -o json
  [ "$(records snapshot | jq -s length)" = 2 ]
  # A byte of a content, and the end.
  export HAL9OPS_STATE_DIR=$TEST_DIR/third
  cp "$TEST_DIR/s.tar" "$TEST_DIR/bad.tar"
  at=$(grep -abo one-of-a-kind "$TEST_DIR/bad.tar" | head -n 1 | cut -d: -f 1)
  printf X | dd of="$TEST_DIR/bad.tar" bs=1 seek="$at" conv=notrunc status=none
  run -4 hal9-rollback import "$TEST_DIR/bad.tar" -o text
  [[ $output == *"does not match its name"* ]]
  head -c 100000 "$TEST_DIR/s.tar" >"$TEST_DIR/bad.tar"
  run -4 hal9-rollback import "$TEST_DIR/bad.tar"
  run -2 hal9-rollback import "$TEST_DIR/none.tar"
  run -0 hal9-rollback list -o json
  [ "$(records snapshot | jq -s length)" = 0 ]
}
