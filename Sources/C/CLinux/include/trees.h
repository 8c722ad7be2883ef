/// Names in an open directory, made and looked at without following links.
///
/// As in `linux.h`, a function that fails returns the negated errno.
#ifndef KLUIS_TREES_H
#define KLUIS_TREES_H

#include <stddef.h>
#include <stdint.h>

/// Opens a directory by a path, links followed.
int64_t linux_open_directory(const char *path);
/// Opens a directory in another; fails with -ENOTDIR or -ELOOP where the name is a link.
int64_t linux_open_directory_at(int directory, const char *name);
/// Makes a file for writing that must not be there yet, and that only its owner may open.
int64_t linux_create_at(int directory, const char *name);

int64_t linux_make_directory_at(int directory, const char *name, unsigned permissions);
int64_t linux_make_link_at(int directory, const char *name, const char *target);
/// Makes a device, pipe or socket. `type` is 'c', 'b', 'p' or 's'.
int64_t linux_make_node_at(
    int directory, const char *name, char type, uint32_t major, uint32_t minor);
/// Gives what is called `from` another name; a link itself, not what it points to.
int64_t linux_add_name_at(int from_directory, const char *from, int directory, const char *name);
/// Renames within a directory. Unless `replacing`, fails with -EEXIST where `to` is there.
int64_t linux_rename_at(int directory, const char *from, const char *to, _Bool replacing);
int64_t linux_remove_at(int directory, const char *name, _Bool is_directory);

/// What a name is: 'f', 'd', 'l', or 'o' for anything else; -ENOENT where there is nothing.
int64_t linux_type_at(int directory, const char *name);

/// Metadata of an open file or directory.
int64_t linux_set_owner(int fd, uint32_t owner, uint32_t group);
int64_t linux_set_permissions(int fd, unsigned permissions);
int64_t linux_set_times(
    int fd, int64_t accessed, long accessed_nanoseconds, int64_t modified,
    long modified_nanoseconds);
int64_t linux_set_attribute(int fd, const char *name, const void *value, size_t count);

/// Metadata of a name that cannot be opened: a link, a device, a pipe.
int64_t linux_set_owner_at(int directory, const char *name, uint32_t owner, uint32_t group);
int64_t linux_set_permissions_at(int directory, const char *name, unsigned permissions);
int64_t linux_set_times_at(
    int directory, const char *name, int64_t accessed, long accessed_nanoseconds,
    int64_t modified, long modified_nanoseconds);
int64_t linux_set_attribute_at(
    int directory, const char *name, const char *attribute, const void *value, size_t count);

#endif
