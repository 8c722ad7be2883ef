#define _GNU_SOURCE
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int64_t result(int64_t value) { return value < 0 ? -errno : value; }

int64_t linux_pread(int fd, void *to, size_t count, uint64_t offset) {
  return result(pread64(fd, to, count, (off64_t)offset));
}

int64_t linux_pwrite(int fd, const void *from, size_t count, uint64_t offset) {
  return result(pwrite64(fd, from, count, (off64_t)offset));
}

int64_t linux_clone(int fd, const char *directory) {
  int clone = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (clone < 0) return -errno;
  int64_t outcome = linux_share_blocks(clone, fd);
  if (outcome == 0) return clone;
  close(clone);
  return outcome;
}

int64_t linux_share_blocks(int fd, int with) { return result(ioctl(fd, FICLONE, with)); }

int64_t linux_allocate(int fd, uint64_t offset, uint64_t count) {
  return result(fallocate64(fd, FALLOC_FL_KEEP_SIZE, (off64_t)offset, (off64_t)count));
}

int64_t linux_file_system(int fd) {
  struct statfs about;
  return fstatfs(fd, &about) == 0 ? (int64_t)about.f_type : 0;
}

_Bool linux_is_locked(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int64_t linux_lock(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

int64_t linux_lock_directory(int fd) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
  // NFS takes such a lock only with a file that is open for writing.
  return errno == EBADF || errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

_Bool linux_has_writer(int fd) {
  // A lease for reading is given where nobody writes, and given back at once.
  if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return 0;
}

static int64_t milliseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int64_t linux_run(const char *command, int timeout_milliseconds) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  // Signals are blocked in this program's threads; the command's are its own.
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  char *const arguments[] = {"sh", "-c", (char *)command, NULL};
  pid_t child;
  int failure = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) return -failure;
  int64_t end = milliseconds_now() + timeout_milliseconds;
  int status;
  pid_t ended;
  while ((ended = waitpid(child, &status, WNOHANG)) == 0 && milliseconds_now() < end)
    usleep(5000);
  if (ended == 0) {
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return -ETIMEDOUT;
  }
  if (ended < 0) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t linux_start(char *const arguments[], const char *output) {
  int to = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (to < 0) return -errno;
  int from = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(from, 0);
    dup2(to, 1);
    dup2(to, 2);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  int64_t outcome = child < 0 ? -errno : child;
  close(from);
  close(to);
  return outcome;
}

int64_t linux_poll_end(int64_t process) {
  int status;
  pid_t ended = waitpid((pid_t)process, &status, WNOHANG);
  if (ended == 0) return -EAGAIN;
  if (ended < 0) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void linux_end(int64_t process) {
  kill((pid_t)-process, SIGKILL);
  kill((pid_t)process, SIGKILL);
  waitpid((pid_t)process, NULL, 0);
}

int64_t linux_seek_data(int fd, uint64_t offset) {
  return result(lseek64(fd, (off64_t)offset, SEEK_DATA));
}

int64_t linux_seek_hole(int fd, uint64_t offset) {
  return result(lseek64(fd, (off64_t)offset, SEEK_HOLE));
}

int64_t linux_truncate(int fd, uint64_t size) { return result(ftruncate64(fd, (off64_t)size)); }

int64_t linux_sync(int fd) { return result(fsync(fd)); }

int64_t linux_set_direct(int fd, int direct) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  return result(fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT));
}

int64_t linux_punch_hole(int fd, uint64_t offset, uint64_t count) {
  return result(fallocate64(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off64_t)offset,
                            (off64_t)count));
}

int64_t linux_device_size(int fd, uint64_t *size) { return result(ioctl(fd, BLKGETSIZE64, size)); }

int64_t linux_rename(const char *from, const char *to) { return result(rename(from, to)); }

int64_t linux_rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  // NFS and most file systems of programs cannot do that. Linking and removing the old name would
  // leave both where it is stopped between the two, and not all show that these are one file.
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -errno;
  struct stat found;
  if (lstat(to, &found) == 0) return -EEXIST;
  return result(rename(from, to));
}

void linux_will_need(int fd, uint64_t offset, uint64_t count) {
  (void)posix_fadvise64(fd, (off64_t)offset, (off64_t)count, POSIX_FADV_WILLNEED);
}

void linux_start_writeback(int fd, uint64_t offset, uint64_t count) {
  (void)sync_file_range(fd, (off64_t)offset, (off64_t)count, SYNC_FILE_RANGE_WRITE);
}

const void *linux_map(int fd, size_t count, int *error) {
  void *base = mmap(NULL, count, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    *error = errno;
    return NULL;
  }
  return base;
}

void linux_unmap(const void *base, size_t count) { (void)munmap((void *)base, count); }

int linux_terminal_columns(int fd) {
  struct winsize size;
  return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void linux_set_echo(int fd, int shown) {
  struct termios settings;
  if (tcgetattr(fd, &settings) != 0) return;
  if (shown) settings.c_lflag |= ECHO;
  else settings.c_lflag &= ~(tcflag_t)ECHO;
  tcsetattr(fd, TCSAFLUSH, &settings);
}

_Bool linux_wait_for_input(int fd, int milliseconds) {
  struct pollfd input = {.fd = fd, .events = POLLIN};
  return poll(&input, 1, milliseconds) > 0;
}

void linux_hide_memory(void) {
  // One byte is too little for a file, and tells the kernel not to pipe a core to a program either.
  struct rlimit none = {1, 1};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

static void interrupts(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
  struct sigaction hangup;
  if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    sigaddset(set, SIGHUP);
  }
}

void linux_block_interrupts(void) {
  sigset_t set;
  interrupts(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int linux_wait_for_interrupt(void) {
  sigset_t set;
  interrupts(&set);
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

void linux_end_for_want_of(const char *what) {
  dprintf(STDERR_FILENO, "kluis: the system gives this process no more %s\n", what);
  _exit(1);
}

void linux_keep_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one.
    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

int64_t linux_flush_printed(void) {
  if (fflush(stdout) != 0) return -errno;
  return ferror(stdout) ? -EIO : 0;
}

uint64_t linux_open_file_limit(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

int linux_available_cores(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return count > 0 ? count : 1;
}

void linux_limit_heaps(int count) { mallopt(M_ARENA_MAX, count); }
