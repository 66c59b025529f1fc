# A real Unleash with its PostgreSQL, in the test's own directory, on free ports. Built once into a cache folder; where npm or
# postgres is missing the tests that want it are skipped by name.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read there

UNLEASH_VERSION=6.10.1
ADMIN_TOKEN='*:*.hal9-test-admin-0123456789abcdef'
CLIENT_TOKEN='default:development.hal9-test-client-0123456789abcdef'

unleash_cache() {
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/hal9ops-tests/unleash-$UNLEASH_VERSION"
}

# The newest PostgreSQL of Debian's packages, or what PATH has.
postgres_bin() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    [ -x "$dir/initdb" ] && echo "$dir" && return
  done
  dir=$(command -v initdb) && dirname "$dir"
}

# build_unleash: into the cache, by one test at a time; a broken attempt leaves nothing behind.
build_unleash() {
  local cache made
  cache=$(unleash_cache)
  [ -e "$cache/node_modules/unleash-server/package.json" ] && return 0
  mkdir -p "${cache%/*}"
  (
    flock 9
    [ -e "$cache/node_modules/unleash-server/package.json" ] && exit 0
    made=$(mktemp -d "$cache.XXXXXX")
    echo '{"private":true}' >"$made/package.json"
    if (cd "$made" && npm install --no-audit --no-fund --ignore-scripts "unleash-server@$UNLEASH_VERSION") >"$made/npm.log" 2>&1; then
      rm -rf "$cache"
      mv "$made" "$cache"
    else
      rm -rf "$made"
      exit 1
    fi
  ) 9>"$cache.lock" 3>&- 4>&-
}

# For setup_file and teardown_file: one server for all tests of a file. Where none can be had, why_no_unleash says so, and each
# test skips (need_unleash_server).
serve_unleash() {
  export UNLEASH_DIR=$BATS_FILE_TMPDIR/unleash
  reserved_ports=()
  mkdir -p "$UNLEASH_DIR"
  chmod 0755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$UNLEASH_DIR"
  export why_no_unleash='' unleash_url='' unleash_pid='' postgres_pid='' unleash_port=''
  why_no_unleash=$(
    exec 5>&1 >/dev/null
    skip() { echo "$1" >&5 && exit 0; }
    need_unleash
  )
  [ -n "$why_no_unleash" ] && return 0
  start_postgres
  start_unleash
}

end_unleash() {
  stop_unleash
  [ -z "$unleash_port" ] || rmdir "${TMPDIR:-/tmp}/hal9ops-test-ports/$unleash_port" 2>/dev/null || true
}

need_unleash_server() {
  [ -z "$why_no_unleash" ] || skip "$why_no_unleash"
}

# Skips unless a server can be had here.
need_unleash() {
  skip_unless node nodejs
  skip_unless npm
  [ -n "$(postgres_bin)" ] || skip "needs postgresql"
  node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' || skip "needs nodejs 18"
  build_unleash || skip "needs unleash-server@$UNLEASH_VERSION of npm"
}

# Root may not run postgres: its own user does then.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid postgres --regid postgres --clear-groups -- env HOME="$UNLEASH_DIR" "$@"
  else
    "$@"
  fi
}

# start_postgres: in UNLEASH_DIR, on a unix socket there alone.
start_postgres() {
  local bin
  bin=$(postgres_bin)
  pg_dir=$UNLEASH_DIR/pg
  mkdir -p "$pg_dir"
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || skip "needs the user postgres"
    chown postgres: "$pg_dir"
  fi
  as_postgres "$bin/initdb" -D "$pg_dir/data" -U unleash -A trust --no-sync -E UTF8 >"$UNLEASH_DIR/initdb.log" 2>&1 || fail "initdb: $(tail -n 5 "$UNLEASH_DIR/initdb.log")"
  as_postgres "$bin/postgres" -D "$pg_dir/data" -c listen_addresses= -c unix_socket_directories="$pg_dir" -c fsync=off -c shared_buffers=32MB </dev/null >"$UNLEASH_DIR/pg.log" 2>&1 3>&- 4>&- &
  postgres_pid=$!
  wait_for_log "$UNLEASH_DIR/pg.log" "ready to accept connections" 60 || fail "postgres: $(tail -n 5 "$UNLEASH_DIR/pg.log")"
}

# start_unleash: sets unleash_url, unleash_pid.
start_unleash() {
  free_port
  unleash_port=$free_port
  unleash_url=http://127.0.0.1:$unleash_port
  cat >"$UNLEASH_DIR/server.js" <<'JS'
const unleash = require(process.env.UNLEASH_CACHE + '/node_modules/unleash-server');
unleash.start({
  db: { host: process.env.PG_DIR, user: 'unleash', database: 'postgres', ssl: false, pool: { min: 0, max: 4 } },
  server: { host: '127.0.0.1', port: +process.env.UNLEASH_PORT },
  authentication: {
    type: 'open-source',
    initApiTokens: [
      { environment: '*', projects: ['*'], secret: process.env.ADMIN_TOKEN, type: 'admin', tokenName: 'admin' },
      { environment: 'development', projects: ['default'], secret: process.env.CLIENT_TOKEN, type: 'client', tokenName: 'client' },
    ],
  },
  versionCheck: { enable: false }, telemetry: false, disableScheduler: true,
}).then(() => console.log('unleash is up'), (e) => { console.error(e); process.exit(1); });
JS
  UNLEASH_CACHE=$(unleash_cache) PG_DIR=$pg_dir UNLEASH_PORT=$unleash_port ADMIN_TOKEN=$ADMIN_TOKEN CLIENT_TOKEN=$CLIENT_TOKEN CHECK_VERSION=false SEND_TELEMETRY=false \
    node "$UNLEASH_DIR/server.js" </dev/null >"$UNLEASH_DIR/unleash.log" 2>&1 3>&- 4>&- &
  unleash_pid=$!
  wait_for_log "$UNLEASH_DIR/unleash.log" "unleash is up" 120 || fail "unleash: $(tail -n 20 "$UNLEASH_DIR/unleash.log")"
}

stop_unleash() {
  local pid
  for pid in ${unleash_pid:-} ${postgres_pid:-}; do
    kill -INT "$pid" 2>/dev/null || continue
    "$HAL9_FIXTURES/wait-pid" --timeout 20000 "$pid" >/dev/null || kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null || true
  done
  unleash_pid='' postgres_pid=''
}

# admin METHOD PATH [JSON]: the admin API as others use it; prints the answer, fails on an error.
admin() {
  local data=()
  [ $# -lt 3 ] || data=(-H 'Content-Type: application/json' -d "$3")
  curl -sS --fail-with-body -m 20 -X "$1" -H "Authorization: $ADMIN_TOKEN" "${data[@]}" "$unleash_url/api/admin$2"
}

# make_flag NAME: in the project default.
make_flag() {
  admin POST /projects/default/features "{\"name\":\"$1\",\"type\":\"release\"}" >/dev/null
}

# env_of NAME: the flag in the environment development, in what counts.
env_of() {
  admin GET "/projects/default/features/$1?variantEnvironments=true" |
    jq -cS '.environments[] | select(.name == "development") | {enabled, strategies: [.strategies[] | {name, disabled: (.disabled // false), title: (.title // ""), sortOrder, segments, constraints, variants, parameters}] | sort_by(.sortOrder), variants: (.variants // [])}'
}
