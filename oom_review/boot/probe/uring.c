/* io_uring's workers: threads of the group that the kernel makes for requests that are not done at once, and that never come to user mode.
 *
 * A request is one that does nothing, and that the kernel is told not to try itself: its worker does it and stays, as the last one idles for ever.
 * Each has a ring of its own, since it is the task that has the workers, and not the ring. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

/* Nothing of libc's that keeps something of a thread (role.c). */
static char *mapped(long fd, long size, long offset)
{
	return (char *)sys(SYS_mmap, 0L, size, (long)(PROT_READ | PROT_WRITE), (long)MAP_SHARED, fd, offset);
}

/* 0 when it is done, or a negative error number */
long uring_request(void)
{
	struct io_uring_params p = { .sq_entries = 0 };
	struct io_uring_sqe *request;
	unsigned *tail;
	char *ring;
	long fd = sys(SYS_io_uring_setup, 1L, &p), done;

	if (fd < 0)
		return fd;
	ring = mapped(fd, p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	request = (struct io_uring_sqe *)mapped(fd, sizeof(*request), IORING_OFF_SQES);
	request->opcode = IORING_OP_NOP;
	request->flags = IOSQE_ASYNC;
	/* The ring of indices is zero: the first request. */
	tail = (unsigned *)(ring + p.sq_off.tail);
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	done = sys(SYS_io_uring_enter, fd, 1L, 1L, (long)IORING_ENTER_GETEVENTS, 0L, 0L);
	return done < 0 ? done : 0;
}

static int is_role(int tid)
{
	for (int i = 0; i < MOST_ROLES; i++)
		if (roles[i].tid == tid)
			return 1;
	return 0;
}

/* The thread of that process that is nobody's role, or 0. */
int uring_worker(void)
{
	static char names[4096] __attribute__((aligned(8)));
	long fd = sys(SYS_open, "/proc/thread-self/../", (long)(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0L);
	long size = sys(SYS_getdents64, fd, names, (long)sizeof(names));
	int found = 0;

	for (long at = 0; at < size && !found; at += ((struct dirent64 *)(names + at))->d_reclen) {
		int tid = atoi(((struct dirent64 *)(names + at))->d_name);

		found = tid && !is_role(tid) ? tid : 0;
	}
	sys(SYS_close, fd);
	return found;
}
