/*
 * world: usage: world MODE: calls in a world that refuses things. The first part of a mode's name says when:
 * `late-…` after the first calls, `early-…` before. STUB_SIDE must not be set.
 */
#include "calling.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 300 /* more than three chunks */
#define NOBODY 65534

/* ---- what can be refused ---- */
static int close_all(void)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    return 0;
}

/* Which number comes next, and which are open: as without us. */
static int show_descriptors(void)
{
    int fd = open("/dev/null", O_RDONLY);
    printf("next descriptor %d;", fd);
    close(fd);
    for (int i = 0; i < 64; i++)
        if (fcntl(i, F_GETFD) >= 0)
            printf(" %d", i);
    printf("\n");
    return 0;
}

static int be_subreaper(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};
    return setrlimit(RLIMIT_FSIZE, &limit);
}
static int limit_files_to_0(void)
{
    return limit_files(0);
}
static int limit_files_to_1_block(void)
{
    return limit_files(1024);
}

static int use_up_descriptors(void)
{
    struct rlimit limit = {40, 40};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    while (open("/dev/null", O_RDONLY) >= 0)
        ;
    return errno == EMFILE ? 0 : -1;
}

static int lock_memory(void)
{
    printf("mlockall %d\n", mlockall(MCL_CURRENT | MCL_FUTURE));
    return 0;
}
static int lock_little_memory(void)
{
    struct rlimit limit = {64 << 10, 64 << 10};
    printf("setrlimit %d, ", setrlimit(RLIMIT_MEMLOCK, &limit));
    printf("mlockall %d\n", mlockall(MCL_FUTURE));
    return 0;
}

static int change_root(void)
{
    return chroot(getenv("WORLD_ROOT"));
}

static int drop_privileges(void)
{
    return setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY) ? -1 : 0;
}
/* As a server does for a while: it may come back. */
static int drop_effective_uid(void)
{
    return seteuid(NOBODY);
}

static int fill_file_system(void)
{
    const char *directory = getenv("WORLD_FILL");
    char path[512];
    snprintf(path, sizeof(path), "%s/filler", directory);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    char block[4096];
    memset(block, 1, sizeof(block));
    while (write(fd, block, sizeof(block)) > 0)
        ;
    int error = errno;
    close(fd);
    return error == ENOSPC ? 0 : -1;
}

/* The system calls that only we make. The library must do without, or do nothing. */
static int filter_calls(unsigned action)
{
    static const int refused[] = {SYS_membarrier,  SYS_madvise,   SYS_fallocate,  SYS_ftruncate,
                                  SYS_mincore,     SYS_prlimit64, SYS_fchmod,     SYS_tgkill,
                                  SYS_pwrite64,    SYS_fcntl,     SYS_statfs,     SYS_fstatfs,
                                  SYS_close_range, SYS_getrandom, SYS_readlinkat, SYS_unlinkat};
    enum { N = sizeof(refused) / sizeof(refused[0]) };
    struct sock_filter code[N + 3];
    unsigned n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < N; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i],
                                                 (unsigned char)(N - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    struct sock_fprog program = {(unsigned short)n, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
static int refuse_with_enosys(void)
{
    return filter_calls(SECCOMP_RET_ERRNO | ENOSYS);
}
static int refuse_with_eperm(void)
{
    return filter_calls(SECCOMP_RET_ERRNO | EPERM);
}

static int nothing(void)
{
    return 0;
}

static const struct {
    const char *name;
    int (*do_it)(void);
} modes[] = {
    {"nothing", nothing},           {"close-all", close_all},       {"descriptors", show_descriptors},
    {"subreaper", be_subreaper},    {"fsize-0", limit_files_to_0},  {"fsize-1", limit_files_to_1_block},
    {"nofile", use_up_descriptors}, {"mlock", lock_memory},         {"mlock-little", lock_little_memory},
    {"chroot", change_root},        {"setuid", drop_privileges},    {"seteuid", drop_effective_uid},
    {"fill", fill_file_system},     {"enosys", refuse_with_enosys}, {"eperm", refuse_with_eperm},
};

static void *call_on_thread(void *connection)
{
    return (void *)(size_t)call(connection, 1, 1, CALLS);
}

static int refuse(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, name) == 0) {
            int result = modes[i].do_it();
            printf("%s: %d\n", name, result);
            return result;
        }
    return 2;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "late-nothing";
    const char *name = strchr(mode, '-') ? strchr(mode, '-') + 1 : mode;
    pthread_t thread;
    void *from_thread = NULL;
    if (mode[0] == 'e' && refuse(name) != 0)
        return 2;
    PGconn *conn = PQconnectdb(""), *other = PQconnectdb("");
    printf("%u calls\n", call(conn, 0, 1, CALLS));
    if (mode[0] == 'l' && refuse(name) != 0)
        return 2;
    printf("%u calls\n", call(conn, 0, CALLS + 1, 2 * CALLS));
    if (pthread_create(&thread, NULL, call_on_thread, other) == 0)
        pthread_join(thread, &from_thread);
    errno = 0;
    int pid = waitpid(-1, NULL, WNOHANG);
    printf("%u calls on a thread, child %d, %s\n", (unsigned)(size_t)from_thread, pid, strerror(errno));
    fflush(stdout);
    usleep(argc > 2 ? (unsigned)atoi(argv[2]) : 0);
    printf("%u calls\n", call(conn, 0, 2 * CALLS + 1, 2 * CALLS + 2));
    PQfinish(conn);
    PQfinish(other);
    return 3;
}
