#!/usr/bin/env bats
# The house calls only downward (cmd, engines, config, drivers, op, store and kube, net, sys and doc, base).

setup() {
  cd "$HAL9_SRC"
  check="$HAL9_SRC/tests/cli/house/floors.awk"
}

# Writes "#include <header>" lines into FILE of a tree of its own and looks at it.
look() { # FILE HEADER...
  cd "$BATS_TEST_TMPDIR"
  mkdir -p "$(dirname "$1")"
  printf '#include "%s"\n' "${@:2}" >"$1"
  run awk -f "$check" "$1"
}

@test "no source includes a higher floor or a neighbour" {
  find lib cmd -name '*.[ch]' | sort >"$BATS_TEST_TMPDIR/sources"
  [ -s "$BATS_TEST_TMPDIR/sources" ]
  run xargs awk -f "$check" <"$BATS_TEST_TMPDIR/sources"
  echo "$output"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "an include of a higher floor is found" {
  look lib/base/error.c hal9ops/base.h hal9ops/sys.h
  [ "$output" = "lib/base/error.c:2: base (floor 0) includes 'hal9ops/sys.h' of sys (floor 1)" ]
}

@test "a private header counts as its room's floor" {
  look lib/store/journal.c op/plan.h
  [ "$output" = "lib/store/journal.c:1: store (floor 2) includes 'op/plan.h' of op (floor 3)" ]
}

@test "an include of a neighbour is found" {
  look lib/check/http.c hal9ops/workload.h
  [[ "$output" == *"of its neighbour workload" ]]
  look lib/store/journal.c kube/api.h
  [[ "$output" == *"of its neighbour kube" ]]
  look lib/sys/linux/proc.c hal9ops/doc.h
  [[ "$output" == *"of its neighbour doc" ]]
}

@test "net stands on sys and doc, not they on it" {
  look lib/net/http.c hal9ops/sys.h hal9ops/doc.h
  [ -z "$output" ]
  look lib/doc/json.c hal9ops/net.h
  [[ "$output" == *"of its neighbour net" ]]
}

@test "engines do not include each other" {
  look lib/restart.c hal9ops/restart.h hal9ops/config.h check/check.h
  [ -z "$output" ]
  look lib/restart.c hal9ops/portfix.h
  [[ "$output" == *"of its neighbour portfix" ]]
}

@test "public headers stand on their room's floor" {
  look lib/include/hal9ops/store.h hal9ops/op.h
  [ "$output" = "lib/include/hal9ops/store.h:1: store (floor 2) includes 'hal9ops/op.h' of op (floor 3)" ]
  printf '#include <hal9ops/op.h>\n' >lib/include/hal9ops/store.h
  run awk -f "$check" lib/include/hal9ops/store.h
  [[ "$output" == *"of op (floor 3)" ]]
}

@test "hal9ops.h includes all, and only commands include it" {
  look lib/include/hal9ops/hal9ops.h hal9ops/base.h hal9ops/health.h
  [ -z "$output" ]
  look cmd/hal9-health.c hal9ops/hal9ops.h cli.h
  [ -z "$output" ]
  look lib/config/load.c hal9ops/hal9ops.h
  [[ "$output" == *"(floor 6)" ]]
}

@test "unknown rooms and paths upward are found" {
  look lib/attic/x.c hal9ops/base.h
  [[ "$output" == *"'attic' is no room of the house" ]]
  look lib/base/x.c attic/y.h
  [[ "$output" == *"is in no room of the house" ]]
  look lib/base/x.c ../sys/y.h
  [[ "$output" == *"climbs by .." ]]
}
