#define _GNU_SOURCE
#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int64_t result(int64_t value) { return value < 0 ? -errno : value; }

int64_t linux_open_directory(const char *path) {
  return result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int64_t linux_open_directory_at(int directory, const char *name) {
  return result(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

int64_t linux_create_at(int directory, const char *name) {
  int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  return result(openat(directory, name, flags, 0600));
}

int64_t linux_make_directory_at(int directory, const char *name, unsigned permissions) {
  return result(mkdirat(directory, name, permissions));
}

int64_t linux_make_link_at(int directory, const char *name, const char *target) {
  return result(symlinkat(target, directory, name));
}

int64_t linux_make_node_at(
    int directory, const char *name, char type, uint32_t major, uint32_t minor) {
  mode_t mode = 0600;
  switch (type) {
    case 'c': mode |= S_IFCHR; break;
    case 'b': mode |= S_IFBLK; break;
    case 'p': mode |= S_IFIFO; break;
    case 's': mode |= S_IFSOCK; break;
    default: return -EINVAL;
  }
  return result(mknodat(directory, name, mode, makedev(major, minor)));
}

int64_t linux_add_name_at(int from_directory, const char *from, int directory, const char *name) {
  return result(linkat(from_directory, from, directory, name, 0));
}

int64_t linux_rename_at(int directory, const char *from, const char *to, _Bool replacing) {
  if (replacing) return result(renameat(directory, from, directory, to));
  if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  // Some network and user-space file systems cannot do that. A new name is refused by linkat, too.
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -errno;
  if (linkat(directory, from, directory, to, 0) == 0) {
    return result(unlinkat(directory, from, 0));
  }
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return -errno;
  struct stat found;
  if (fstatat(directory, to, &found, AT_SYMLINK_NOFOLLOW) == 0) return -EEXIST;
  return result(renameat(directory, from, directory, to));
}

int64_t linux_remove_at(int directory, const char *name, _Bool is_directory) {
  return result(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}

int64_t linux_type_at(int directory, const char *name) {
  struct stat found;
  if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
  switch (found.st_mode & S_IFMT) {
    case S_IFREG: return 'f';
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    default: return 'o';
  }
}

int64_t linux_set_owner(int fd, uint32_t owner, uint32_t group) {
  return result(fchown(fd, owner, group));
}

int64_t linux_set_permissions(int fd, unsigned permissions) {
  return result(fchmod(fd, permissions));
}

int64_t linux_set_times(
    int fd, int64_t accessed, long accessed_nanoseconds, int64_t modified,
    long modified_nanoseconds) {
  struct timespec times[2] = {{accessed, accessed_nanoseconds}, {modified, modified_nanoseconds}};
  return result(futimens(fd, times));
}

int64_t linux_set_attribute(int fd, const char *name, const void *value, size_t count) {
  return result(fsetxattr(fd, name, value, count, 0));
}

int64_t linux_set_owner_at(int directory, const char *name, uint32_t owner, uint32_t group) {
  return result(fchownat(directory, name, owner, group, AT_SYMLINK_NOFOLLOW));
}

int64_t linux_set_permissions_at(int directory, const char *name, unsigned permissions) {
  return result(fchmodat(directory, name, permissions, AT_SYMLINK_NOFOLLOW));
}

int64_t linux_set_times_at(
    int directory, const char *name, int64_t accessed, long accessed_nanoseconds,
    int64_t modified, long modified_nanoseconds) {
  struct timespec times[2] = {{accessed, accessed_nanoseconds}, {modified, modified_nanoseconds}};
  return result(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
}

int64_t linux_set_attribute_at(
    int directory, const char *name, const char *attribute, const void *value, size_t count) {
  // There is no setxattrat before Linux 6.13; a name behind an open directory is the same.
  char *path;
  if (asprintf(&path, "/proc/self/fd/%d/%s", directory, name) < 0) return -ENOMEM;
  int64_t outcome = result(lsetxattr(path, attribute, value, count, 0));
  free(path);
  return outcome;
}
