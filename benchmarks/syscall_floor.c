// SPDX-License-Identifier: Apache-2.0
// The floor of an audit pass: opens, reads and closes both affinity files of each interrupt once.
// Usage: syscall_floor PROC FIRST COUNT. Prints the CPU time in seconds.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void read_once(const char *proc, int irq, const char *name)
{
    char path[4096], text[4096];
    snprintf(path, sizeof path, "%s/irq/%d/%s", proc, irq, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text) < 1) {
        perror(path);
        exit(1);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: syscall_floor PROC FIRST COUNT\n");
        return 64;
    }
    int first = atoi(argv[2]), count = atoi(argv[3]);
    struct timespec spent;
    for (int irq = first; irq < first + count; irq++) {
        read_once(argv[1], irq, "smp_affinity_list");
        read_once(argv[1], irq, "effective_affinity_list");
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    printf("%.9f\n", spent.tv_sec + spent.tv_nsec / 1e9);
    return 0;
}
