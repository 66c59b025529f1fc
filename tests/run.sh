#!/usr/bin/env bash
# tests/run.sh [LABEL...]: the one test command. Installs what is missing (as root, on Debian), builds with ASan and
# UBSan into build-test/ (or $HAL9_BUILD), runs the tests of the labels (all but bench and kube), and ends with
# "N passed, N failed, N skipped", every single case counted. A test whose server or tool is not here is skipped by name.
set -euo pipefail

export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export HOME=${HOME:-/tmp} LANG=${LANG:-C.UTF-8}
cd "$(dirname "$0")/.."
build=${HAL9_BUILD:-build-test}
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu)
known='unit cli real fault fuzz bench kube'

labels=("$@")
[ $# -gt 0 ] || labels=(unit cli real fault fuzz)
for label in "${labels[@]}"; do
  if [[ " $known " != *" $label "* ]]; then
    echo "tests/run.sh: '$label' is no label; there are: $known" >&2
    exit 2
  fi
done

give_up() {
  echo "tests/run.sh: $*" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

.ci/install .ci/packages.build .ci/packages || echo "tests/run.sh: not all could be installed; going on" >&2
command -v cmake >/dev/null || give_up "cmake is missing (Debian: apt-get install $(sed 's/#.*//' .ci/packages.build | xargs))"

generator=()
if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
cmake -S . -B "$build" "${generator[@]}" -DHAL9_DEV=ON -DCMAKE_BUILD_TYPE= >"$build.log" 2>&1 ||
  { cat "$build.log" >&2; give_up "cmake could not configure $build"; }
mv "$build.log" "$build/configure.log"
cmake --build "$build" -j "$jobs" >"$build/build.log" 2>&1 ||
  { tail -n 60 "$build/build.log" >&2; give_up "the build failed; all of it is in $build/build.log"; }

results=$(mktemp)
trap 'rm -f "$results"' EXIT
export UBSAN_OPTIONS=print_stacktrace=1 TERM=${TERM:-dumb}
pattern="^($(IFS='|'; echo "${labels[*]}"))\$"
# Most of a test's time is waiting: for a grace, a gate, a process. So twice as many as there are processors.
ctest --test-dir "$build" -L "$pattern" -j $((2 * jobs)) --output-on-failure --output-junit "$results" \
  --test-output-size-passed 100000000 --test-output-size-failed 100000000 2>&1 ||
  echo "(ctest says: not all passed)"
echo
awk ${HAL9_TOTALS:+-v totals="$HAL9_TOTALS"} -f .ci/count.awk "$results"
