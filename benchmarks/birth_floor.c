// SPDX-License-Identifier: Apache-2.0
// The least that anything can do for a newborn interrupt: reads of its birth, and writes where it belongs at once.
// Usage: birth_floor CPU <trace_pipe, of an instance in which births alone are recorded.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char BORN[] = "vector_activate: irq=";

// The event comes before the file is there.
enum { PATIENCE = 1 }; // seconds

static void place(long irq, const char *cpu, size_t length)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/irq/%ld/smp_affinity_list", irq);
    time_t end = time(NULL) + PATIENCE;
    int fd;
    while ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0) {
        if (errno != ENOENT || time(NULL) > end) {
            perror(path);
            return;
        }
        sched_yield();
    }
    if (write(fd, cpu, length) < 0)
        perror(path);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: birth_floor CPU <trace_pipe\n");
        return 64;
    }
    const size_t length = strlen(argv[1]);
    char text[65536];
    ssize_t count;
    while ((count = read(STDIN_FILENO, text, sizeof text - 1)) > 0) {
        text[count] = '\0';
        for (char *at = text; (at = strstr(at, BORN)) != NULL;)
            place(strtol(at + sizeof BORN - 1, &at, 10), argv[1], length);
    }
    return count < 0;
}
