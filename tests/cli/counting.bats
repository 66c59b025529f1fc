#!/usr/bin/env bats
# The counts that tests/run.sh ends with: every case of every program, and nothing that hides.

# Wraps a test's output (stdin) into ctest's JUnit form and counts it.
count() { # NAME STATUS
  {
    echo "<testsuite name=\"x\">"
    echo "	<testcase name=\"$1\" classname=\"$1\" time=\"0.1\" status=\"$2\">"
    printf '\t\t<system-out>'
    sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
    printf '</system-out>\n\t</testcase>\n</testsuite>\n'
  } >results.xml
  run awk -f "$HAL9_SRC/.ci/count.awk" results.xml
  echo "$output"
}

setup() {
  cd "$BATS_TEST_TMPDIR"
}

@test "cases are counted, not programs" {
  count a run <<<$'1..3\nok 1 x\nok 2 y\nok 3 z'
  [ "$status" -eq 0 ]
  [ "$output" = "3 passed, 0 failed, 0 skipped" ]
}

@test "a failed case is named" {
  count a fail <<<$'1..2\nok 1 x\nnot ok 2 y <&> z\n# why'
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = "failed: a: y <&> z" ]
  [ "${lines[1]}" = "1 passed, 1 failed, 0 skipped" ]
}

@test "skips are not passes, and say what they need" {
  count a run <<<$'1..2\nok 1 x\nok 2 y # skip needs haproxy'
  [ "${lines[0]}" = "skipped: a: y (needs haproxy)" ]
  [ "${lines[1]}" = "1 passed, 0 failed, 1 skipped" ]
  count a run <<<$'1..2\nok 1 - x\n# needs root\nnot ok 2 # SKIP y'
  [ "${lines[0]}" = "skipped: a: y (needs root)" ]
  [ "${lines[1]}" = "1 passed, 0 failed, 1 skipped" ]
}

@test "a case that never ran is a failure" {
  count a fail <<<$'1..3\nok 1 x'
  [ "$status" -eq 1 ]
  [ "${lines[2]}" = "1 passed, 2 failed, 0 skipped" ]
}

@test "a bad end after good cases is a failure" {
  count a fail <<<$'1..1\nok 1 x\n==1==ERROR: LeakSanitizer: detected memory leaks'
  [ "$status" -eq 1 ]
  [ "${lines[1]}" = "1 passed, 1 failed, 0 skipped" ]
}

@test "a program without cases counts by how it ended" {
  count a run <<<"hello"
  [ "$status" -eq 0 ]
  [ "$output" = "1 passed, 0 failed, 0 skipped" ]
  count a fail <<<""
  [ "$status" -eq 1 ]
  [ "${lines[1]}" = "0 passed, 1 failed, 0 skipped" ]
}

@test "nothing run, or all skipped, is a failure" {
  echo '<testsuite name="x">' >results.xml
  run awk -f "$HAL9_SRC/.ci/count.awk" results.xml
  [ "$status" -eq 1 ]
  [ "$output" = "0 passed, 0 failed, 0 skipped" ]
  count a run <<<$'1..1\nok 1 y # skip needs haproxy'
  [ "$status" -eq 1 ]
  [ "${lines[1]}" = "0 passed, 0 failed, 1 skipped" ]
}

@test "an unknown label is refused with the known ones" {
  run "$HAL9_SRC/tests/run.sh" unti
  [ "$status" -eq 2 ]
  [[ "$output" == *"unit cli real fault fuzz bench kube" ]]
}
