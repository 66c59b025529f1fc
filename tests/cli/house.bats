#!/usr/bin/env bats
# The house is tidy: its top level, the length of files and functions, its habits.

setup() {
  cd "$HAL9_SRC"
  house="$HAL9_SRC/tests/cli/house"
}

sources() {
  find lib cmd -name '*.[ch]' | sort
}

# Fails and shows what was found.
nothing() {
  echo "$output"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "the top level holds what the design lists" {
  run "$house/top-level.sh" "$HAL9_SRC"
  nothing
}

@test "files have at most 500 lines, functions 100" {
  run xargs awk -f "$house/lengths.awk" < <(sources)
  nothing
}

@test "no unfinished work, banned calls, exits or platforms where they do not belong" {
  run xargs awk -f "$house/habits.awk" < <(sources)
  nothing
}

@test "what changes the world passes the fault table" {
  run xargs awk -f "$house/faults.awk" < <(sources)
  nothing
}

@test "calls past the fault table are found, reading and what cleans up are not" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p lib/store lib/base
  cat >lib/store/bad.c <<'C'
/* unlink(x) is only spoken of */
unlink(path);
int fd = open(path, O_WRONLY | O_CREAT, 0600);
const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
fd = HAL9_AGAIN(open(path, flags));
kill(pid, SIGTERM);
write(fd, data, len);
hal9_sys_unlink(path);
hal9_sys_discard("unlink(");
fd = open(path, O_RDONLY | O_CLOEXEC);
if (kill(pid, 0) == 0)
    s->write(fd);
return hal9_fault("fork") ? -1 : fork();
fsync(fd);
fd = open(path, O_RDWR | O_CLOEXEC);
C
  run awk -f "$house/faults.awk" lib/store/bad.c
  echo "$output"
  [ "$(cut -d: -f2 <<<"$output" | tr '\n' ' ')" = "2 3 5 6 7 14 " ]
  cp lib/store/bad.c lib/base/
  run awk -f "$house/faults.awk" lib/base/bad.c
  nothing
}

@test "no test holds an assertion that cannot fail" {
  run xargs awk -f "$house/asserts.awk" < <(find tests -name '*.bats' | sort)
  nothing
}

@test "what is too much or missing at the top level is found" {
  cd "$BATS_TEST_TMPDIR"
  mkdir cmd notes
  run "$house/top-level.sh" .
  [[ "$output" == *"notes: not part of the house"* ]]
  [[ "$output" == *"lib: missing"* ]]
  [[ "$output" != *"cmd: "* ]]
}

@test "long files and long functions are found" {
  cd "$BATS_TEST_TMPDIR"
  {
    echo 'static int f(int a,'
    echo '             int b) {'
    for ((i = 0; i < 98; i++)); do echo '    a += b;'; done
    echo '}'
  } >a.c
  { sed 's/f(/g(/' a.c | sed '3d'; yes '/* line */' | head -400; } >b.c
  run awk -f "$house/lengths.awk" a.c b.c
  [ "${lines[0]}" = "a.c:1: 101 lines in one function (100 at most)" ]
  [ "${#lines[@]}" -eq 1 ]
  echo >>b.c
  run awk -f "$house/lengths.awk" a.c b.c
  [ "${lines[1]}" = "b.c:501: 501 lines in one file (500 at most)" ]
}

@test "bad habits are found, and their names in comments and strings are not" {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p lib/op lib/sys
  cat >lib/op/bad.c <<'C'
/* exit(1) and fork() are only spoken of: system("x") */
const char *s = "exit(1) \" fork()";
int x = 0; /* a long
 * comment: execv(x) */ int y = fork();
exit(1);
_exit(1);
sprintf(a, "x");
#ifdef __linux__
C
  echo "/* TO""DO */" >>lib/op/bad.c
  run awk -f "$house/habits.awk" lib/op/bad.c
  echo "$output"
  [ "${#lines[@]}" -eq 5 ]
  [ "${lines[0]}" = "lib/op/bad.c:4: processes are started by sys alone" ]
  [ "${lines[1]}" = "lib/op/bad.c:5: libraries return, only commands exit" ]
  [ "${lines[2]}" = "lib/op/bad.c:7: a call that this house does not make" ]
  [ "${lines[3]}" = "lib/op/bad.c:8: platforms are told apart in sys alone" ]
  [ "${lines[4]}" = "lib/op/bad.c:9: unfinished work" ]
  printf 'fork();\n#ifdef __linux__\n' >lib/sys/spawn.c
  run awk -f "$house/habits.awk" lib/sys/spawn.c
  nothing
}

@test "assertions that cannot fail are found, the last line of a test is none of them" {
  cd "$BATS_TEST_TMPDIR"
  {
    echo '@test "a" {'
    echo '  [ 1 -eq 2 ] && [ 1 -eq 1 ]'
    echo '  ! true'
    echo '  [ 1 -eq 1 ] && [ 1 -eq 1 ]'
    echo '}'
  } >a.txt
  run awk -f "$house/asserts.awk" a.txt
  echo "$output"
  [ "${#lines[@]}" -eq 2 ]
  [[ "${lines[0]}" == "a.txt:2: "* ]]
  [[ "${lines[1]}" == "a.txt:3: "* ]]
}
