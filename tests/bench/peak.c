/* peak COMMAND [ARGUMENT]...: runs it and writes its peak memory, in KiB, to descriptor 3. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct rusage used;
    int status = 0;
    if (argc < 2)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        close(3);
        execvp(argv[1], argv + 1);
        fprintf(stderr, "peak: cannot execute %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
        return 1;
    if (dprintf(3, "%ld\n", used.ru_maxrss) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
