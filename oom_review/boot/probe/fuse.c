/* A file system in user space with one file, /fuse/slow.  Its server answers everything at once but the flush of a close, which waits until the
 * server is told: whoever closes the file last sleeps, and neither a signal nor a freezer ends that.
 *
 * The protocol is spoken over /dev/fuse as it is (linux/fuse.h).  The server is frozen by a suspend like everybody: it is told when nobody is. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define SLOW_ID (FUSE_ROOT_ID + 1)
#define FOR_EVER 1000000
#define MOST_FLUSHES MOST_ROLES

static int device, server, mouth, answered;	/* the last two: how it is told, and how it says that it did */
static uint64_t flushes[MOST_FLUSHES];
static int waiting;

static void answer(uint64_t unique, int error, const void *what, size_t size)
{
	struct fuse_out_header head = { .len = sizeof(head) + size, .error = error, .unique = unique };
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)what, size } };

	/* Who asked may have been killed meanwhile. */
	if (writev(device, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		_exit(1);
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = { .ino = node, .nlink = 1, .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666 };

	return attr;
}

static void look_up(uint64_t unique, const char *name)
{
	struct fuse_entry_out entry = { .nodeid = SLOW_ID, .entry_valid = FOR_EVER, .attr_valid = FOR_EVER, .attr = attributes(SLOW_ID) };

	strcmp(name, "slow") ? answer(unique, -ENOENT, NULL, 0) : answer(unique, 0, &entry, sizeof(entry));
}

static void serve_one(const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096 };
	struct fuse_attr_out attr = { .attr_valid = FOR_EVER, .attr = attributes(in->nodeid) };
	struct fuse_open_out opened = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT: answer(in->unique, 0, &init, sizeof(init)); break;
	case FUSE_LOOKUP: look_up(in->unique, (const char *)(in + 1)); break;
	case FUSE_GETATTR: answer(in->unique, 0, &attr, sizeof(attr)); break;
	case FUSE_OPEN: answer(in->unique, 0, &opened, sizeof(opened)); break;
	case FUSE_RELEASE: answer(in->unique, 0, NULL, 0); break;
	case FUSE_FLUSH:
		if (waiting < MOST_FLUSHES)
			flushes[waiting++] = in->unique;
		break;
	case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT:
		/* Nobody waits for an answer. */
		break;
	default: answer(in->unique, -ENOSYS, NULL, 0);
	}
}

static void serve(int ears, int said) __attribute__((noreturn));
static void serve(int ears, int said)
{
	static char request[FUSE_MIN_READ_BUFFER + 4096] __attribute__((aligned(8)));
	struct pollfd ends[] = { { device, POLLIN, 0 }, { ears, POLLIN, 0 } };
	char byte;

	for (;;) {
		if (poll(ends, 2, -1) < 0)
			continue;
		if (ends[0].revents & POLLERR)
			_exit(0);
		/* First what was asked before it was told. */
		if (ends[0].revents & POLLIN) {
			if (read(device, request, sizeof(request)) > 0)
				serve_one((const struct fuse_in_header *)request);
		} else if (ends[1].revents && read(ears, &byte, 1) == 1) {
			while (waiting)
				answer(flushes[--waiting], 0, NULL, 0);
			if (write(said, "", 1) != 1)
				_exit(1);
		}
	}
}

/* Mount it; 0, or a negative error number */
int fuse_begin(void)
{
	int orders[2], words[2];
	char options[64];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0 || pipe2(orders, O_CLOEXEC) || pipe2(words, O_CLOEXEC))
		return -errno;
	mkdir("/fuse", 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (mount("probe", "/fuse", "fuse", MS_NOSUID | MS_NODEV, options))
		return -errno;
	server = fork();
	if (!server)
		serve(orders[0], words[1]);
	close(device);
	close(orders[0]);
	close(words[1]);
	mouth = orders[1];
	answered = words[0];
	return 0;
}

/* All flushes that wait are answered when it comes back. */
int fuse_answer(void)
{
	char byte;

	return server && write(mouth, "", 1) == 1 && read(answered, &byte, 1) == 1 ? 0 : -ENOTCONN;
}

/* Without a server the kernel ends all that waits for it. */
void fuse_end(void)
{
	if (!server)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	umount2("/fuse", MNT_DETACH);
	close(mouth);
	close(answered);
	server = 0;
}
