/// What Glibc's Swift module does not show of Linux.
///
/// Every function that can fail returns what the system call returned, or the negated errno, so
/// that nothing can run between a failure and the reading of its cause.
#ifndef KLUIS_LINUX_H
#define KLUIS_LINUX_H

#include <stddef.h>
#include <stdint.h>

int64_t linux_pread(int fd, void *to, size_t count, uint64_t offset);
int64_t linux_pwrite(int fd, const void *from, size_t count, uint64_t offset);

/// The next offset at or after `offset` that holds data; -ENXIO where there is none.
int64_t linux_seek_data(int fd, uint64_t offset);
/// The next offset at or after `offset` that lies in a hole (the end of a file counts as one).
int64_t linux_seek_hole(int fd, uint64_t offset);

int64_t linux_truncate(int fd, uint64_t size);
int64_t linux_sync(int fd);

/// Whether what is read and written goes past the page cache. Fails with -EINVAL where the file
/// system cannot do that.
int64_t linux_set_direct(int fd, int direct);

/// A new file without a name, in a directory, that shares the blocks of `fd`: its descriptor.
int64_t linux_clone(int fd, const char *directory);
/// Gives an empty file all of another's bytes by sharing its blocks.
int64_t linux_share_blocks(int fd, int with);
/// Sets blocks aside for a range of a file, whose bytes stay what they are.
int64_t linux_allocate(int fd, uint64_t offset, uint64_t count);
/// Which file system a file lies on, as statfs(2) numbers them; 0 where that is not known.
int64_t linux_file_system(int fd);

/// Whether anybody else holds a lock on any part of the file.
_Bool linux_is_locked(int fd);

/// Locks the whole file until it is closed: 0, or minus an error number.
int64_t linux_lock(int fd);
/// Locks a directory until it is closed: 0, or minus an error number. Where its file system has no
/// such locks nobody is kept out.
int64_t linux_lock_directory(int fd);
/// Whether anybody has the file open for writing, as far as this user may know.
_Bool linux_has_writer(int fd);

/// Runs a command of the shell and waits for it, no longer than so many milliseconds.
///
/// What it prints goes to standard error. Returns its exit status, 128 and the signal that ended
/// it, or -ETIMEDOUT where it was killed, with all that it had started.
int64_t linux_run(const char *command, int timeout_milliseconds);

/// Starts a program, looked for on the path, whose output goes to a new file and that ends when the
/// calling thread does: its number, or minus an error number. It has to be waited for.
int64_t linux_start(char *const arguments[], const char *output);
/// Whether a program that was started has ended: its exit status, 128 and the signal that ended it,
/// or -EAGAIN while it runs.
int64_t linux_poll_end(int64_t process);
/// Ends a program that was started, with all that it had started, and waits for that.
void linux_end(int64_t process);

/// Lets the C library have so many heaps for all threads together.
void linux_limit_heaps(int count);

/// Makes a range of a file or block device read as zeros, keeping its size.
int64_t linux_punch_hole(int fd, uint64_t offset, uint64_t count);
/// The size of a block device in bytes.
int64_t linux_device_size(int fd, uint64_t *size);
int64_t linux_rename(const char *from, const char *to);
/// Renames, and fails with EEXIST where `to` is there already.
int64_t linux_rename_new(const char *from, const char *to);

/// Asks the kernel to read a range ahead; advice, so its failure means nothing.
void linux_will_need(int fd, uint64_t offset, uint64_t count);
/// Starts writing a range back to the disk without waiting; advice as well.
void linux_start_writeback(int fd, uint64_t offset, uint64_t count);

/// Maps a whole file for reading; NULL and the cause in `error` where that fails.
const void *linux_map(int fd, size_t count, int *error);
void linux_unmap(const void *base, size_t count);

/// Writes out what C's standard output has kept back. Fails as well where writing failed before.
int64_t linux_flush_printed(void);

/// How many files this process may have open at once.
uint64_t linux_open_file_limit(void);

/// Cores this process may use, at least 1.
int linux_available_cores(void);

/// Columns of the terminal on `fd`, 0 where it is none.
int linux_terminal_columns(int fd);

/// Whether the terminal on `fd` shows what is typed.
void linux_set_echo(int fd, int shown);
/// Waits for something to read on `fd`, no longer than so many milliseconds; whether there is.
_Bool linux_wait_for_input(int fd, int milliseconds);

/// Keeps this process's memory out of core files, and from other processes of its user.
void linux_hide_memory(void);

/// Blocks SIGINT, SIGTERM and, unless it was to be ignored as by nohup, SIGHUP in this thread and
/// all that it will start.
void linux_block_interrupts(void);
/// Waits for one of those signals and returns its number.
int linux_wait_for_interrupt(void);

/// Ends the process, saying what the system gives no more of: as good as a kill, at any moment.
_Noreturn void linux_end_for_want_of(const char *what);

/// Opens standard input, output and error where they are closed, so that no other file gets their
/// numbers and what is printed; using them fails as before.
void linux_keep_standard_descriptors(void);

#endif
