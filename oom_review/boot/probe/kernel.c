/* What the probe asks of the kernel, and where oom_victims is. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe.h"

long sys(long number, ...)
{
	long a[6], ret;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall" : "=a"(ret) : "0"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* 0, or a negative error number */
int put(const char *path, const char *text)
{
	int fd = sys(SYS_open, path, O_WRONLY | O_CLOEXEC, 0), r;

	if (fd < 0)
		return fd;
	r = sys(SYS_write, fd, text, strlen(text));
	sys(SYS_close, fd);
	return r < 0 ? r : 0;
}

int get(const char *path, char *into, int size)
{
	int fd = sys(SYS_open, path, O_RDONLY | O_CLOEXEC, 0), n = fd < 0 ? fd : sys(SYS_read, fd, into, size - 1);

	into[n < 0 ? 0 : n] = 0;
	if (fd >= 0)
		sys(SYS_close, fd);
	return n;
}

static int mounted(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	return !mount(type, where, type, 0, options) || errno == EBUSY;
}

/* Without devtmpfs there is a console all the same, to say what else is missing. */
void open_console(void)
{
	if (!mounted("devtmpfs", "/dev", NULL))
		mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	for (int i = 0; i < 3; i++)
		dup2(open("/dev/console", O_RDWR), i);
}

void mount_all(void)
{
	mounted("proc", "/proc", NULL);
	mounted("sysfs", "/sys", NULL);
	mounted("devpts", "/dev/pts", NULL);
	mounted("cgroup2", "/memory", NULL);
	can_freeze = mounted("cgroup", "/freezer", "freezer");
	put("/memory/cgroup.subtree_control", "+memory");
}

/* /modules has one path a line, in the order in which they need each other. */
void load_modules(void)
{
	char path[LONG_LINE];
	FILE *list = fopen("/modules", "r");

	while (list && fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = 0;
		int fd = open(path, O_RDONLY | O_CLOEXEC), r = sys(SYS_finit_module, fd, "", 0);

		if (r < 0 && r != -EEXIST)
			printf("{\"missing\": \"%s\", \"why\": \"%s\"}\n", path, strerror(-r));
		close(fd);
	}
	if (list)
		fclose(list);
}

static unsigned long victims_at;

/* Two hundred thousand lines under emulation: no stdio. */
static void each_symbol(void (*found)(unsigned long, const char *))
{
	static char chunk[65536];
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC), kept = 0, n;
	char *line, *end, *name;

	while (fd >= 0 && (n = read(fd, chunk + kept, sizeof(chunk) - 1 - kept)) > 0) {
		chunk[kept + n] = 0;
		for (line = chunk; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			name = line + 19;	/* "ffffffff81000000 T _text", and the module's name behind a tab */
			if (!strchr(name, '\t'))
				found(strtoul(line, NULL, 16), name);
		}
		kept = strlen(line);
		memmove(chunk, line, kept);
	}
	close(fd);
}

static void is_count(unsigned long at, const char *name)
{
	if (!strcmp(name, "oom_victims"))
		victims_at = at;
}

void find_symbols(void)
{
	each_symbol(is_count);
}

/* /symbols has the names to print, one a line. */
static char wanted[4096];

static void print_wanted(unsigned long at, const char *name)
{
	char line[404];

	snprintf(line, sizeof(line), "\n%s\n", name);
	if (strstr(wanted, line))
		printf("{\"symbol\": \"%s\", \"at\": \"%lx\"}\n", name, at);
}

void print_symbols(void)
{
	wanted[0] = '\n';
	if (get("/symbols", wanted + 1, sizeof(wanted) - 1) > 0)
		each_symbol(print_wanted);
}

/* Four bytes of the kernel's memory, by way of the program headers of /proc/kcore; UNKNOWN if they can't be had. */
int count_of_victims(void)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC), value = UNKNOWN;
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (fd < 0 || !victims_at || read(fd, &head, sizeof(head)) != sizeof(head))
		goto out;
	for (int i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &part, sizeof(part), head.e_phoff + i * sizeof(part)) != sizeof(part))
			break;
		if (part.p_type != PT_LOAD || victims_at < part.p_vaddr || victims_at >= part.p_vaddr + part.p_memsz)
			continue;
		if (pread(fd, &value, sizeof(value), part.p_offset + victims_at - part.p_vaddr) != sizeof(value))
			value = UNKNOWN;
		break;
	}
out:
	if (fd >= 0)
		close(fd);
	return value;
}
