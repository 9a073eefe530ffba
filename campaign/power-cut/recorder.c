// Records what a process changes on the disk, for simulated power cuts. Preloaded into the process,
// it stands between that process and the system calls that change files. disk.ts reads the records
// and decides what a disk has after a power cut. They are files in memory, so kill -9 keeps them.
//
// RECORD_FOLDER     Files below this folder are recorded, except those whose names end in -shm:
//                   SQLite writes that shared memory without system calls, and a cut removes it.
// RECORDS           The folder for the records, a file for each process.
// FAIL_SYNC_NAME    An fsync of the file with this name fails once with EIO, while the file
// FAIL_SYNC_WHILE   with this path exists. The library removes that file then.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS_MAX = 65536, PATH_BYTES_MAX = 4096 };
// disk.ts has the same numbers.
enum kind { WRITE, RESIZE, SYNC_BEGINS, SYNCED, SYNC_FAILED, CREATED, REMOVED, RENAMED };

struct record {
  uint64_t ns;    // Of the monotonic clock, which all processes of the machine share.
  uint64_t file;  // The number of the inode.
  uint64_t at;    // The offset, the size, or the time at which an fsync began.
  uint32_t kind;
  uint32_t bytes; // What follows: the content of a write, or a path.
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int records = -1;
static uint64_t inodes[FDS_MAX]; // 0 for what is not recorded.

#define REAL(name)                                              \
  ({                                                            \
    static __typeof__(&name) real;                              \
    if (real == NULL) real = (__typeof__(real))dlsym(RTLD_NEXT, #name); \
    real;                                                       \
  })

__attribute__((constructor)) static void start(void) {
  char path[PATH_BYTES_MAX];
  folder = getenv("RECORD_FOLDER");
  snprintf(path, sizeof path, "%s/%d", getenv("RECORDS"), getpid());
  records = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (folder == NULL || records < 0) abort();
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), wanted = strlen(end);
  return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int is_recorded(const char *path) {
  if (records < 0) return 0;
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0) &&
         !ends_with(path, "-shm");
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_BYTES_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0;
}

static uint64_t inode_of(int fd) { return fd >= 0 && fd < FDS_MAX ? inodes[fd] : 0; }

// Appends a record. The caller has the lock, so that records have the order of the changes.
static uint64_t append(struct record record, const void *content) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  record.ns = (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
  struct iovec parts[] = {{&record, sizeof record}, {(void *)content, record.bytes}};
  if (REAL(writev)(records, parts, 2) != (ssize_t)(sizeof record + record.bytes)) abort();
  return record.ns;
}

static uint64_t append_path(enum kind kind, uint64_t file, uint64_t at, const char *path) {
  pthread_mutex_lock(&lock);
  uint64_t ns = append((struct record){0, file, at, kind, strlen(path)}, path);
  pthread_mutex_unlock(&lock);
  return ns;
}

static int opened(int fd, int flags, int is_new) {
  char path[PATH_BYTES_MAX];
  struct stat found;
  if (fd < 0 || fd >= FDS_MAX) return fd;
  inodes[fd] = 0;
  if (!path_of(fd, path) || !is_recorded(path) || fstat(fd, &found) != 0) return fd;
  inodes[fd] = found.st_ino;
  if (is_new) append_path(CREATED, found.st_ino, 0, path);
  else if (flags & O_TRUNC) append_path(RESIZE, found.st_ino, 0, "");
  return fd;
}

static int opens_new(int at, const char *path, int flags) {
  return (flags & O_CREAT) && faccessat(at, path, F_OK, 0) != 0;
}

#define MODE(flags, mode)                             \
  if ((flags & O_CREAT) || (flags & O_TMPFILE)) {     \
    va_list rest;                                     \
    va_start(rest, flags);                            \
    mode = va_arg(rest, mode_t);                      \
    va_end(rest);                                     \
  }

static int open_any(int at, const char *path, int flags, mode_t mode) {
  int is_new = opens_new(at, path, flags);
  return opened(REAL(openat)(at, path, flags, mode), flags, is_new);
}

int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE(flags, mode)
  return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE(flags, mode)
  return open_any(at, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));

int close(int fd) {
  if (fd >= 0 && fd < FDS_MAX) inodes[fd] = 0;
  return REAL(close)(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  uint64_t file = inode_of(fd);
  if (file == 0) return REAL(pwrite64)(fd, bytes, count, offset);
  pthread_mutex_lock(&lock);
  ssize_t done = REAL(pwrite64)(fd, bytes, count, offset);
  if (done > 0) append((struct record){0, file, offset, WRITE, done}, bytes);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));

ssize_t write(int fd, const void *bytes, size_t count) {
  if (inode_of(fd) == 0) return REAL(write)(fd, bytes, count);
  if (fcntl(fd, F_GETFL) & O_APPEND) lseek64(fd, 0, SEEK_END);
  ssize_t done = pwrite64(fd, bytes, count, lseek64(fd, 0, SEEK_CUR));
  if (done > 0) lseek64(fd, done, SEEK_CUR);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (inode_of(fd) == 0) return REAL(writev)(fd, parts, count);
  ssize_t done = 0;
  for (int part = 0; part < count; part++) {
    ssize_t more = write(fd, parts[part].iov_base, parts[part].iov_len);
    if (more < 0) return done > 0 ? done : more;
    done += more;
  }
  return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  if (inode_of(fd) == 0) return REAL(pwritev)(fd, parts, count, offset);
  ssize_t done = 0;
  for (int part = 0; part < count; part++) {
    ssize_t more = pwrite64(fd, parts[part].iov_base, parts[part].iov_len, offset + done);
    if (more < 0) return done > 0 ? done : more;
    done += more;
  }
  return done;
}

int ftruncate64(int fd, off64_t size) {
  uint64_t file = inode_of(fd);
  if (file == 0) return REAL(ftruncate64)(fd, size);
  pthread_mutex_lock(&lock);
  int result = REAL(ftruncate64)(fd, size);
  if (result == 0) append((struct record){0, file, size, RESIZE, 0}, "");
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate(int, off_t) __attribute__((alias("ftruncate64")));

static int fails(const char *path) {
  const char *name = getenv("FAIL_SYNC_NAME"), *marker = getenv("FAIL_SYNC_WHILE");
  return name != NULL && marker != NULL && ends_with(path, name) && unlink(marker) == 0;
}

static int sync_file(int fd, int (*real)(int)) {
  char path[PATH_BYTES_MAX];
  uint64_t file = inode_of(fd);
  if (file == 0 || !path_of(fd, path)) return real(fd);
  uint64_t begun = append_path(SYNC_BEGINS, file, 0, path);
  int result = fails(path) ? (errno = EIO, -1) : real(fd);
  int error = errno;
  append_path(result == 0 ? SYNCED : SYNC_FAILED, file, begun, path);
  errno = error;
  return result;
}

int fsync(int fd) { return sync_file(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_file(fd, REAL(fdatasync)); }

// The absolute form of a path, as disk.ts knows it.
static const char *absolute(const char *path, char *result) {
  char here[PATH_BYTES_MAX];
  if (path[0] == '/' || getcwd(here, sizeof here) == NULL) return path;
  while (strncmp(path, "./", 2) == 0) path += 2;
  snprintf(result, 2 * PATH_BYTES_MAX, "%s/%s", here, path);
  return result;
}

static int removed(int result, const char *path) {
  char space[2 * PATH_BYTES_MAX];
  path = absolute(path, space);
  if (result == 0 && is_recorded(path)) append_path(REMOVED, 0, 0, path);
  return result;
}

int unlink(const char *path) { return removed(REAL(unlink)(path), path); }
int remove(const char *path) { return removed(REAL(remove)(path), path); }
int rmdir(const char *path) { return removed(REAL(rmdir)(path), path); }
int unlinkat(int at, const char *path, int flags) {
  return removed(REAL(unlinkat)(at, path, flags), path);
}

int mkdir(const char *path, mode_t mode) {
  char space[2 * PATH_BYTES_MAX];
  struct stat found;
  int result = REAL(mkdir)(path, mode);
  path = absolute(path, space);
  if (result == 0 && is_recorded(path) && stat(path, &found) == 0)
    append_path(CREATED, found.st_ino, 1, path);
  return result;
}

int rename(const char *from, const char *to) {
  char space[2][2 * PATH_BYTES_MAX], both[4 * PATH_BYTES_MAX];
  int result = REAL(rename)(from, to);
  from = absolute(from, space[0]);
  to = absolute(to, space[1]);
  snprintf(both, sizeof both, "%s\n%s", from, to);
  if (result == 0 && (is_recorded(from) || is_recorded(to))) append_path(RENAMED, 0, 0, both);
  return result;
}
