// A disk that fails as told, for tests: preloaded into a process, it stands between that process and the system calls that write.
//
// DISK_FILE, DISK_COPY   DISK_COPY is kept as what the disk has of DISK_FILE: only what a successful fsync has reached is in it.
// DISK_FAIL_SYNC=K       The K-th fsync of DISK_FILE fails with EIO, and what it should have written is lost: the system takes these pages for
//                        written, as Linux does, so that no later fsync writes them unless they are changed again.
// DISK_SYNC_MS=N         Every fsync takes N milliseconds longer.
// DISK_FULL=PATH         While PATH exists, files cannot grow. PATH holds the number of the error.
// DISK_FULL_NAME         Only files with this in their names, and those that the service tries to write to see whether the disk is full.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGES_MAX = 1 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char dirty[PAGES_MAX];
static size_t dirty_end;
static int syncs;

static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off64_t);

__attribute__((constructor)) static void find_real(void) {
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_write = dlsym(RTLD_NEXT, "write");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
}

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0;
}

static int is_disk_file(int fd) {
  const char *file = getenv("DISK_FILE");
  char path[4096];
  return file != NULL && path_of(fd, path, sizeof path) && strcmp(path, file) == 0;
}

// The error of a disk that is full, or 0 when this write is none that makes a file grow, or the disk is not full.
static int error_of_growth(int fd, off64_t end) {
  const char *full = getenv("DISK_FULL");
  const char *name = getenv("DISK_FULL_NAME");
  char path[4096], text[16] = "";
  struct stat64 found;
  if (full == NULL || access(full, F_OK) != 0) return 0;
  if (!path_of(fd, path, sizeof path)) return 0;
  if (name != NULL && strstr(path, name) == NULL && strstr(path, "-probe-") == NULL) return 0;
  if (fstat64(fd, &found) != 0 || !S_ISREG(found.st_mode) || end <= found.st_size) return 0;
  int file = open(full, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
  close(file);
  return atoi(text);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  int error = error_of_growth(fd, offset + (off64_t)count);
  if (error != 0) return errno = error, -1;
  if (!is_disk_file(fd)) return real_pwrite(fd, bytes, count, offset);
  pthread_mutex_lock(&lock);
  ssize_t written = real_pwrite(fd, bytes, count, offset);
  for (off64_t at = offset; written > 0 && at < offset + written; at += PAGE_BYTES) {
    size_t page = at / PAGE_BYTES;
    if (page >= PAGES_MAX) abort();
    dirty[page] = 1;
    if (page >= dirty_end) dirty_end = page + 1;
  }
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  int saved = errno;
  off64_t at = getenv("DISK_FULL") == NULL ? -1 : lseek64(fd, 0, SEEK_CUR);
  int error = at < 0 ? 0 : error_of_growth(fd, at + (off64_t)count);
  errno = saved;
  if (error != 0) return errno = error, -1;
  return real_write(fd, bytes, count);
}

int ftruncate64(int fd, off64_t size) {
  int error = error_of_growth(fd, size);
  if (error != 0) return errno = error, -1;
  return real_ftruncate(fd, size);
}

static void copy_dirty(int fd) {
  char page[PAGE_BYTES];
  struct stat64 found;
  int copy = open(getenv("DISK_COPY"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (copy < 0 || fstat64(fd, &found) != 0) abort();
  for (size_t at = 0; at < dirty_end; at++) {
    if (!dirty[at]) continue;
    ssize_t length = pread64(fd, page, PAGE_BYTES, (off64_t)at * PAGE_BYTES);
    if (length > 0 && real_pwrite(copy, page, length, (off64_t)at * PAGE_BYTES) != length) abort();
  }
  if (real_ftruncate(copy, found.st_size) != 0) abort();
  close(copy);
}

static int sync_file(int fd, int (*real)(int)) {
  const char *delay = getenv("DISK_SYNC_MS");
  if (delay != NULL) {
    long ms = atol(delay);
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
  }
  if (!is_disk_file(fd)) return real(fd);
  const char *fail = getenv("DISK_FAIL_SYNC");
  pthread_mutex_lock(&lock);
  syncs++;
  int result = fail != NULL && syncs == atoi(fail) ? (errno = EIO, -1) : real(fd);
  int error = errno;
  if (result == 0) copy_dirty(fd);
  memset(dirty, 0, dirty_end);
  dirty_end = 0;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }
int fsync(int fd) { return sync_file(fd, real_fsync); }
