#!/usr/bin/env bats
# Forty secrets are planted where people put them; then everything that the tools say and keep is searched for them.
# shellcheck disable=SC2154,SC2016,SC2013,SC2044 # set by the helpers; the service's shell expands it

load common
load restart

MARK=Zq7planted

# s N: the N-th secret.
s() { printf '%s%02dwXy' "$MARK" "$1"; }

# A service whose arguments, environment and output are full of them. It serves as hal9-server does.
write_service() {
  cat >"$TEST_DIR/bin/svc" <<SH
#!/bin/bash
cat <<LOG
starting with password=$(s 24)
> Authorization: Bearer $(s 25)
connecting to postgres://hal9:$(s 26)@db/x
session eyJhbGciOiJIUzI1NiJ9.$(s 27).sig-$(s 27)
aws AKIA$(s 28)0000 and ghp_$(s 29)0000000000
-----BEGIN RSA PRIVATE KEY-----
$(s 30)
-----END RSA PRIVATE KEY-----
Set-Cookie: sid=$(s 31); path=/
{"client_secret":"$(s 32)"}
the token in use is \$API_TOKEN and the password \$DB_PASSWORD
X-Api-Key: $(s 34)
ERROR: backup --passphrase $(s 35) failed
redis://:$(s 36)@cache/0 refused
LOG
[ ! -e "$TEST_DIR/broken" ] || exit 1
trap 'kill \$!; wait \$!; exit 0' TERM
"$TEST_DIR/bin/server" --port "$port" &
wait \$!
SH
  cat >"$TEST_DIR/bin/preflight" <<SH
#!/bin/bash
[ -e "$TEST_DIR/unfit" ] || exit 0
echo "password: $(s 13)"
echo "token=$(s 14) is wrong" >&2
exit 1
SH
  cat >"$TEST_DIR/bin/look" <<SH
#!/bin/bash
echo "secret=$(s 18), Authorization: Basic $(s 39)"
exit 2
SH
  printf '#!/bin/bash\necho "auth-token: %s" >&2\nexit 1\n' "$(s 40)" >"$TEST_DIR/bin/page"
  chmod +x "$TEST_DIR"/bin/*
}

write_config() {
  s 1 >"$TEST_DIR/token"
  echo "Bearer $(s 3)" >"$TEST_DIR/authorization"
  s 16 >"$TEST_DIR/hook"
  OPERATOR_DB=$(s 2) OPERATOR_KEY=$(s 4) MY_PASSWORD=$(s 37)
  export OPERATOR_DB OPERATOR_KEY MY_PASSWORD
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
# password: $(s 19)
services:
  svc:
    port: $port
    run:
      exec: ["$TEST_DIR/bin/svc", --token, "$(s 8)", "--password=$(s 9)", "--db=postgres://u:$(s 10)@db/x"]
      env:
        API_TOKEN: "file:$TEST_DIR/token"
        DB_PASSWORD: "env:OPERATOR_DB"
        DATABASE_URL: "postgres://u:$(s 11)@db/x"
        SMTP_URL: "smtp://u:$(s 5)@mail"
        HAL9_TEST_MARK: "$HAL9_TEST_MARK"
        HAL9_FIXTURE_LIFETIME: "300"
    conflicts: [stranger]
    preflight: ["$TEST_DIR/bin/preflight", --api-key, "$(s 12)"]
    gate: {within: 10s, interval: 100ms}
    logs: {files: ["$TEST_DIR/log/*.log"]}
    checks:
      - http: "http://127.0.0.1:$port/health?access_token=$(s 6)"
        headers: {Authorization: "file:$TEST_DIR/authorization", X-Api-Key: "env:OPERATOR_KEY"}
  ill:
    checks:
      - http: "http://127.0.0.1:1/health?access_token=$(s 6)"
        method: POST
        data: "password=$(s 7)"
        headers: {Authorization: "file:$TEST_DIR/authorization"}
      - command: ["$TEST_DIR/bin/look", --secret, "$(s 17)"]
notify:
  - webhook: {url: "http://127.0.0.1:1/webhook/$(s 15)", token: "file:$TEST_DIR/hook"}
  - command: ["$TEST_DIR/bin/page", --auth-token, "$(s 38)"]
YAML
  chmod 600 "$HAL9OPS_CONFIG"
}

setup() {
  common_setup
  skip_unless jq
  open_site
  mkdir "$TEST_DIR/log" "$TEST_DIR/said"
  free_port
  port=$free_port
  cp "$HAL9_FIXTURES/hal9-server" "$TEST_DIR/bin/server"
  write_service
  write_config
}

teardown() {
  [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true
  common_teardown
}

# said COMMAND…: runs it, keeps what it says on both streams; whatever its exit.
said() {
  local n
  n=$(find "$TEST_DIR/said" -name '*.out' | wc -l)
  "$@" >"$TEST_DIR/said/$n.out" 2>"$TEST_DIR/said/$n.err" </dev/null || true
}

# Whatever the tools run as, themselves and their helpers, until it is killed: their arguments are for everybody to see.
watch_arguments() {
  local file exe
  while :; do
    for file in $(grep -lsaF "$MARK" /proc/[0-9]*/cmdline); do
      exe=$(readlink "${file%/cmdline}/exe") || continue
      case $exe in
        */hal9-* | */journalctl | */systemctl) tr '\0' ' ' <"$file" >>"$TEST_DIR/seen" || true ;;
      esac
    done
  done
}

# Of all that is kept, only the service's own output and blobs may have them, and those are their user's alone.
nothing_kept() {
  local file found
  found=$(grep -rlaF "$MARK" "$TEST_DIR/state" "$HAL9OPS_LOCK_DIR" | grep -vE '/(blobs/../[0-9a-f]{64}|services/svc/out\.log)$' || true)
  [ -z "$found" ] || fail "kept in: $(for file in $found; do echo "$file: $(grep -oaE ".{60}${MARK}[0-9]+" "$file" | head -n 3)"; done)"
  found=$(find "$TEST_DIR/state/blobs" "$TEST_DIR/state/services" -type f ! -perm 0600)
  [ -z "$found" ] || fail "not of mode 0600: $found"
}

nothing_said() {
  local found
  found=$(grep -raoE ".{0,60}${MARK}[0-9]+" "$TEST_DIR/said" || true)
  [ -z "$found" ] || fail "said: $found"
}

nothing_bundled() {
  local file found
  for file in "$TEST_DIR"/state/services/*/bundles/*.tar.gz; do
    found=$(tar -xzOf "$file" | grep -aoE ".{0,60}${MARK}[0-9]+" || true)
    [ -z "$found" ] || fail "in $file: $found"
  done
}

everywhere() {
  nothing_said
  nothing_kept
  nothing_bundled
}

@test "restarts, failures, bundles, history, reports: no secret is said or kept" {
  watch_arguments 3>&- 4>&- &
  watcher=$!
  touch "$TEST_DIR/unfit"
  said hal9-restart -o text -vv svc # preflight fails, and says why
  rm "$TEST_DIR/unfit"
  touch "$TEST_DIR/broken"
  said hal9-restart -o text -vv svc # it ends at its start: the log's tail is shown
  rm "$TEST_DIR/broken"
  said hal9-restart -o json svc
  API_TOKEN=$(s 1) DB_PASSWORD=$(s 2) bash -c 'sed -n "/^cat <<LOG/,/^LOG/p" "$0" | bash' "$TEST_DIR/bin/svc" >"$TEST_DIR/log/app.log"
  grep -q "$(s 1)" "$TEST_DIR/log/app.log"
  run -0 hal9-restart -o text svc
  says "is healthy"
  says "suspicious line"
  said hal9-restart -o text -vv svc
  said hal9-restart -n -o text -vv svc
  said hal9-restart -o json bundle svc
  kill "$watcher"
  for id in $(find "$TEST_DIR/state/journal" -name '*.ndjson' -printf '%f\n'); do
    said hal9-rollback -o text show "${id%.ndjson}"
    said hal9-rollback -o json show "${id%.ndjson}"
  done
  said hal9-rollback -o json history
  said hal9-rollback -o text history
  for tool in health portfix restart rollback; do
    said "hal9-$tool" --bug-report
    said "hal9-$tool" --schema config
    said "hal9-$tool" --schema records
    said "hal9-$tool" --check-config
  done
  everywhere
  [ ! -e "$TEST_DIR/seen" ] || fail "seen in arguments: $(cat "$TEST_DIR/seen")"
  # and the bundle is none of nothing: what stands beside the secrets is there
  bundle=$(find "$TEST_DIR/state" -name '*.tar.gz' | sort | tail -n 1)
  tar -xzOf "$bundle" >"$TEST_DIR/bundle"
  for words in 'starting with password=\*\*\*' 'the token in use is \*\*\* and the password \*\*\*' \
    'ERROR: backup --passphrase \*\*\* failed' '"client_secret":"\*\*\*"' 'hal9:\*\*\*@db/x' '"redactions":.[1-9]'; do
    grep -q "$words" "$TEST_DIR/bundle" || fail "no '$words'"
  done
}

@test "checks, their evidence and notifications: no secret is said or kept, in any output" {
  for output in text json junit nagios prometheus tap; do
    said hal9-health -vv -o "$output"
  done
  said hal9-health -vv -o json "http://u:$(s 5)@127.0.0.1:1/?token=$(s 6)"
  said hal9-health notifications -o json
  said hal9-health notifications -o text -vv
  grep -q '"state":"failing"' "$TEST_DIR"/said/*.out
  find "$TEST_DIR/state/spool" -name '*.json' | grep -q .
  everywhere
}

@test "a process that is killed: its environment is in a blob of mode 0600 and nowhere else; undo has it back" {
  cp "$HAL9_FIXTURES/layer9-server" "$TEST_DIR/bin/stranger"
  AWS_SECRET_ACCESS_KEY=$(s 20) GITHUB_TOKEN=$(s 21) SESSION=$(s 23) DATABASE_URL="http://u:$(s 22)@db" \
    start_in_background "$TEST_DIR/stranger.log" "$TEST_DIR/bin/stranger" --port "$port"
  wait_for_log "$TEST_DIR/stranger.log" listening
  said hal9-portfix -o text -vv --list "$port"
  said hal9-portfix -o json --settle 100ms svc
  gone "$background_pid"
  id=$(find "$TEST_DIR/state/journal" -name '*.ndjson' -printf '%f\n' | head -n 1)
  said hal9-rollback -o json show "${id%.ndjson}"
  said hal9-rollback -o text show "${id%.ndjson}"
  said hal9-portfix --bug-report
  grep -rlaF "$(s 20)" "$TEST_DIR/state/blobs"
  everywhere
  run -0 hal9-rollback -o text undo "${id%.ndjson}"
  one_of stranger
  tr '\0' '\n' <"/proc/$the_pid/environ" | grep -qx "GITHUB_TOKEN=$(s 21)"
}

@test "a restart that was killed goes on with the arguments and the environment that the journal doesn't show" {
  said hal9-restart --no-bundle svc
  run env HAL9OPS_FAULT=signal:1:KILL "$HAL9_BIN/hal9-restart" --no-bundle svc
  [ "$status" != 0 ] || skip "needs a build with hooks"
  nothing_kept
  run -0 hal9-rollback resume -o text
  pid=$(jq -r .recorded.pid "$TEST_DIR/state/services/svc/process.json")
  tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "--token $(s 8) --password=$(s 9)"
  tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "API_TOKEN=$(s 1)"
  everywhere
}

@test "a verdict that has one goes through the pipe as it is, and is kept without it" {
  {
    record begin
    record verdict "\"service\":\"svc\",\"state\":\"failing\",\"cause\":\"not_running\",\"evidence\":{\"password\":\"$(s 33)\",\"answer\":\"token: $(s 33)\"}"
    record end '"planned":1,"ran":1,"passed":0,"failed":1,"unknown":0,"skipped":0,"exit":1,"resumable":false'
  } | hal9-restart - >"$TEST_DIR/records"
  [ "$(grep -cF "$(s 33)" "$TEST_DIR/records")" = 1 ] # the line that came in
  everywhere
}
