#!/usr/bin/env bats
# --schema config and --schema records, held against the real things by a validator that is not ours (python3-jsonschema):
# every example of the documents, and the records of every tool.
# shellcheck disable=SC2154 # set by the helpers

bats_require_minimum_version 1.5.0
load ../real/common
load ../real/incident

setup() {
  common_setup
  python=
  for p in python3 /usr/bin/python3; do
    if [ -z "$python" ] && "$p" -c 'import jsonschema, yaml' 2>/dev/null; then python=$p; fi
  done
  [ -n "$python" ] || skip "needs python3-jsonschema and python3-yaml"
  for what in config records; do "$HAL9_BIN/hal9-health" --schema $what >"$TEST_DIR/$what.json"; done
}

# valid SCHEMA FORM FILE…: yaml (one document a file) or ndjson. Prints each thing that is wrong; false if there is one.
valid() {
  "$python" -W ignore - "$@" <<'PYTHON'
import json, jsonschema, sys, yaml
schema = json.load(open(sys.argv[1]))
kind = jsonschema.Draft202012Validator
kind.check_schema(schema)
checker = kind(schema, format_checker=jsonschema.FormatChecker())

class Core(yaml.SafeLoader):  # the core schema of YAML 1.2: yes and on are words
    pass
Core.yaml_implicit_resolvers = {k: [r for r in v if r[0] not in ('tag:yaml.org,2002:bool', 'tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:int')]
                                for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
import re
Core.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile('^(true|True|TRUE|false|False|FALSE)$'), list('tTfF'))
Core.add_implicit_resolver('tag:yaml.org,2002:int', re.compile('^[-+]?[0-9]+$'), list('-+0123456789'))

def things(path):
    if sys.argv[2] == 'yaml':
        yield yaml.load(open(path), Core)
    else:
        for line in open(path):
            yield json.loads(line)

n = wrong = 0
for path in sys.argv[3:]:
    for thing in things(path):
        n += 1
        for e in checker.iter_errors(thing):
            wrong += 1
            print(f'{path}: {e.json_path}: {e.message[:300]} in {json.dumps(thing)[:200]}')
print(f'{n} looked at')
sys.exit(1 if wrong or not n else 0)
PYTHON
}

# blocks FILE: the YAML blocks of README.md, each into a file of TEST_DIR; sets block_files.
readme_blocks() {
  awk -v dir="$TEST_DIR" '/^```yaml/ { n++; out = dir "/readme." n ".yaml"; next } /^```/ { out = ""; next } out { print > out }' "$HAL9_SRC/README.md"
  # The example of hal9.yaml(5).
  awk '/^\.Sh EXAMPLES/ { on = 1 } on && /^\.Bd/ { b = 1; next } /^\.Ed/ { b = 0 } on && b' "$HAL9_SRC/man/hal9.yaml.5" | sed 's/\\e/\\/g' >"$TEST_DIR/page.yaml"
}

@test "configurations of README, of the man page and of man/examples are valid, to the schema and to --check-config" {
  readme_blocks
  files=("$TEST_DIR"/readme.*.yaml "$TEST_DIR/page.yaml" "$HAL9_SRC"/man/examples/*.yaml)
  [ "${#files[@]}" -ge 3 ]
  run valid "$TEST_DIR/config.json" yaml "${files[@]}"
  [ "$status" -eq 0 ] || fail "$output"
  for file in "${files[@]}"; do
    cp "$file" "$TEST_DIR/copy.yaml"
    chmod 0644 "$TEST_DIR/copy.yaml"
    run "$HAL9_BIN/hal9-health" --check-config -c "$TEST_DIR/copy.yaml"
    [ "$status" -eq 0 ] || fail "$file: $output"
  done
}

# Configurations that differ in one thing: the schema and the tool must be of one mind.
cases() {
  cat <<'CASES'
yes services: {a: {port: 8080, identity: {exe: /bin/a}}}
yes services: {a: {ports: [1, 2], identity: {exe: /bin/a}}}
yes services: {a: {ports: 8080, identity: {exe: /bin/a}}}
yes services: {a: {run: {exec: /bin/a}, conflicts: b}}
yes services: {a: {run: {exec: [/bin/a, 1, true]}}}
yes services: {a: {checks: {tcp: "127.0.0.1:1"}}}
yes services: {a: {checks: [{http: "http://x/", expect: {status: 200, json: {/a: 1, /b: true}}}]}}
yes services: {a: {checks: [{http: "http://x/", expect: {status: [200, 204], header: {x: "~ y"}}}]}}
yes services: {a: {checks: [{process: nginx}, {process: {exe: /a}, count: 2}, {process: {pidfile: /a}, count: ">= 2"}]}}
yes services: {a: {checks: [{disk: /, free: 10%, inodes: 5%, read_only: true}, {disk: /, free: 5Gi}, {disk: /, free: 1000}]}}
yes services: {a: {checks: [{memory: {available: 10%}}, {load: {below: 1.5}}, {load: {below: 2}}, {open-files: {below: 80%}}]}}
yes services: {a: {checks: [{pressure: {some: 20%, over: 60s}}, {file: /a, newer: 1d, larger: 1k}]}}
yes services: {a: {checks: [{command: "true"}, {command: [/bin/true, 1], weight: 2, rise: 1, fall: 3, every: 5s, critical: true}]}}
yes services: {a: {restart: {limit: 5 in 10m}, stop: {signal: HUP, grace: 1h30m, kill: false}}}
yes notify: [{webhook: "http://x/", on: failing}]
yes notify: {command: [/bin/a], on: [failing, operation]}
no services: {a: {prt: 1}}
no services: {a: {port: 70000, identity: {exe: /bin/a}}}
no services: {a: {stop: {kill: yes}}}
no services: {a: {stop: {kill: "true"}}}
no services: {a: {stop: 30s}}
no services: [a]
no services: {a: {checks: [{hppt: "http://x/"}]}}
no services: {a: {checks: [{http: "http://x/", expect: {status: ok, josn: 1}}]}}
no notify: [{webhook: "http://x/", on: [failed]}]
no hal8: 1
CASES
}

@test "the schema and the tool are of one mind about what is right and what is wrong" {
  n=0 right=() wrong=()
  while read -r want line; do
    file=$TEST_DIR/case.$((n++)).yaml
    printf 'hal9: 1\n%s\n' "$line" >"$file"
    run "$HAL9_BIN/hal9-health" --check-config -c "$file"
    if [ "$want" = yes ]; then
      [ "$status" -eq 0 ] || fail "the tool on $line: $output"
      right+=("$file")
    else
      [ "$status" -eq 2 ] || fail "the tool on $line: $output"
      wrong+=("$file")
    fi
  done < <(cases)
  run valid "$TEST_DIR/config.json" yaml "${right[@]}"
  [ "$status" -eq 0 ] || fail "$output"
  run valid "$TEST_DIR/config.json" yaml "${wrong[@]}"
  for file in "${wrong[@]}"; do
    [[ $output == *"$file: "* ]] || fail "the schema takes $(cat "$file")"
  done
}

@test "every record of every tool is valid: the incident, its undo, plans, errors, watch, notifications" {
  site
  # shellcheck disable=SC2016 # the shell of the command
  cat >>"$HAL9OPS_CONFIG" <<YAML
  host:
    checks: [{disk: /, free: 1}, {memory: {available: 1}}, {load: {below: 10000}}, {open-files: {below: 100%}}, {pressure: {some: 100%}}, {file: /etc/passwd}, {process: hal9-no-such}, {tcp: "127.0.0.1:1"}, {command: ["false"]}, {owner: $port}]
notify: [{command: ["cat"], on: [failing, recovered, degraded, unknown, operation]}]
rollback: {migration: {parts: [{files: $TEST_DIR}], health: [host], trigger: {error_rate: {above: 5%}, score: {below: 0.5}}}}
YAML
  start_fixture layer9-server --port "$port"
  run_all() { # COMMAND…: its records, whatever its exit
    "$@" -o json >>"$TEST_DIR/records" || true
  }
  run_all hal9-health
  run_all hal9-portfix --list "$port"
  run_all hal9-portfix -n hal9-server
  incident_pipe >>"$TEST_DIR/records" || true
  run_all hal9-restart -n hal9-server
  run_all hal9-restart hal9-server
  run_all hal9-rollback history
  run_all hal9-rollback status
  id=$(hal9-rollback history -o json | jq -s -r '[.[] | select(.kind == "operation")][-1].id')
  run_all hal9-rollback show "$id"
  run_all hal9-rollback undo -n "$id"
  run_all hal9-rollback undo "$id"
  run_all hal9-health watch --every 200ms --rounds 2
  run_all hal9-health notifications
  run_all hal9-rollback watch - -n <"$HAL9_SRC/tests/fixtures/watch-rounds.ndjson"
  run_all hal9-rollback tick
  run_all hal9-health nobody
  run_all hal9-restart nobody
  run_all hal9-health --dry-rum
  [ "$(jq -r .kind "$TEST_DIR/records" | sort -u | wc -l)" -ge 8 ]
  run valid "$TEST_DIR/records.json" ndjson "$TEST_DIR/records"
  [ "$status" -eq 0 ] || fail "$(sort -u <<<"$output" | head -c 3000)"
}

@test "records that are none are told by the schema, too" {
  "$HAL9_BIN/hal9-health" -o json "file:$TEST_DIR" >"$TEST_DIR/good"
  valid "$TEST_DIR/records.json" ndjson "$TEST_DIR/good"
  for slip in 's/"stage":1/"stage":"1"/' 's/"state":"healthy"/"state":"fine"/' 's/"time":"[^"]*"/"time":7/' 's/"machine":"[^"]*",//'; do
    sed "$slip" "$TEST_DIR/good" >"$TEST_DIR/bad"
    run ! valid "$TEST_DIR/records.json" ndjson "$TEST_DIR/bad"
  done
}
