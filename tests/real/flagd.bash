# flagd's own evaluator (its in-process one, on Node), built once into a cache folder; skipped by name where npm or it is missing.
# shellcheck shell=bash disable=SC2154 # set by common.bash

FLAGD_CORE_VERSION=4.0.1

flagd_cache() {
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/hal9ops-tests/flagd-core-$FLAGD_CORE_VERSION"
}

need_flagd_core() {
  local cache made
  skip_unless node nodejs
  skip_unless npm
  cache=$(flagd_cache)
  mkdir -p "${cache%/*}"
  (
    flock 9
    [ -e "$cache/package.json" ] && exit 0
    made=$(mktemp -d "$cache.XXXXXX")
    echo '{"private":true}' >"$made/package.json"
    if (cd "$made" && npm install --no-audit --no-fund --ignore-scripts "@openfeature/flagd-core@$FLAGD_CORE_VERSION" @openfeature/core) >"$made/npm.log" 2>&1; then
      mv "$made" "$cache"
    else
      rm -rf "$made"
      exit 1
    fi
  ) 9>"$cache.lock" 3>&- 4>&- || skip "needs @openfeature/flagd-core@$FLAGD_CORE_VERSION of npm"
}

# evaluate FILE FLAG: of 2000 users, how many get true; then how it is for one without a key: "487 false DEFAULT".
evaluate() {
  (
    cd "$(flagd_cache)" && node -e '
const { FlagdCore } = require("@openfeature/flagd-core");
const log = { error() {}, warn() {}, info() {}, debug() {} };
const core = new FlagdCore();
core.setConfigurations(require("fs").readFileSync(process.argv[1], "utf8"));
const ask = (context) => core.resolveBooleanEvaluation(process.argv[2], false, context, log);
let n = 0;
for (let i = 0; i < 2000; i++) n += ask({ targetingKey: "user" + i }).value === true;
const one = ask({});
console.log(n, one.value, one.reason);' "$1" "$2"
  )
}
