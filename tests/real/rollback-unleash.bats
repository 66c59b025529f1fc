#!/usr/bin/env bats
# Rolling back a plan of which a real Unleash is a part: state, strategies and rollout come back by value; and its bad days on the way.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load common
load flags
load rollback
load unleash
load ../fault/kills-flags
load rollback-unleash

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  common_setup
  GRADUAL='{stops: 2, every: 0s}'
  unleash_site 1 1
}

says() { [[ $output == *"$1"* ]] || fail "no '$1' in: $output"; }

@test "at once and in stops: state, strategies and rollout are the snapshot's by value; undo is the migrated ones" {
  proxy pass
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  [ "$(env_of "$flag")" != "$(tail -n 1 <<<"$before")" ]
  for strategy in immediate gradual; do
    exits 0 hal9-rollback to good --strategy "$strategy" -o text
    says "bring back 1 flag of toggles"
    is_world "$before" "$strategy"
    [ "$(env_of "$flag" | jq -r '[.strategies[] | select(.title == "old")][0].parameters | "\(.rollout) \(.groupId)"')" = "30 of-old" ]
    id=$(operation .id)
    exits 0 hal9-rollback to good --strategy "$strategy" -o text
    says "nothing to do"
    exits 0 hal9-rollback undo "$id" -o text
    is_world "$migrated" "undo of $strategy"
  done
}

@test "errors half-way: told in words, and resume ends it once it is well again" {
  proxy pass
  hal9-rollback snapshot good -o text
  before=$(world)
  end_proxy
  for bad in '500*' '429:0*' 'lost*' '403*'; do
    migrate
    proxy pass "$bad"
    run hal9-rollback to good --strategy gradual -o text
    echo "$bad: $output"
    # Done without an answer it is found done.
    if [ "$bad" = 'lost*' ] && [ "$status" -eq 0 ]; then
      end_proxy
      is_world "$before" "$bad"
      continue
    fi
    [ "$status" -eq 3 ] || fail "$bad: exit $status"
    says "toggles"
    says "hal9-rollback resume"
    [ "$(cat "$site_dir/conf/app.yaml")" = "path: new" ] # comes after it
    end_proxy
    proxy pass
    exits 0 hal9-rollback resume -o text
    is_world "$before" "$bad, then resume"
    end_proxy
  done
}

@test "a server that says nothing any more half-way: in bounds, told, and resume ends it" {
  proxy pass
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  migrated=$(world)
  end_proxy
  proxy pass 'hang*'
  run timeout -k 1 120 hal9-rollback to good -o text
  echo "$output"
  [ "$status" -eq 3 ]
  says "toggles"
  end_proxy
  # It is gone altogether.
  exits 3 hal9-rollback resume -o text
  says "toggles"
  proxy pass
  exits 0 hal9-rollback resume -o text
  is_world "$before" resume
  exits 0 hal9-rollback undo "$(operation .id)" -o text
  is_world "$migrated" undo
}

@test "not to be reached at the start: exit 4, and nothing is touched" {
  proxy pass
  hal9-rollback snapshot good -o text
  migrate
  migrated=$(world)
  end_proxy
  for strategy in immediate gradual; do
    exits 4 hal9-rollback to good --strategy "$strategy" -o text
    says "nothing was begun: 1 of 5 parts can't be read: flags:toggles: "
    is_world "$migrated"
  done
}
