/* oomfreeze: does the freezer wait for an OOM victim that is still inside do_exit(), past exit_mm()?
 *
 * As root in a throw-away VM (overwrites the disk):  oomfreeze [oom|sigkill] [/dev/vda] [freezer|mem]
 * or as /init (virtio_blk.ko beside it if modular), kernel command line: kill=oom|sigkill suspend=freezer|mem
 *
 * The victim has 64 MB of dirty page cache on a disk (4 MB/s) that only it has open.  Killed by the memcg OOM
 * killer (control: SIGKILL), its last fput() writes them back for 16 s from do_exit().  Meanwhile "freeze" is
 * requested with pm_test=freezer (freeze all, 5 s pause, thaw); stock tracepoints tell who submitted I/O in
 * between.  "mem" suspends to RAM in earnest, and has the clock wake the machine after 15 s, if it comes back.  sync_on_suspend=0 since the sync would first wait for this very writeback.
 * Exit status: 0 no I/O in a frozen system, 1 I/O seen, 2 set-up failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CG	"/sys/fs/cgroup"
#define TR	"/sys/kernel/tracing"
#define MB	(1024UL * 1024)
#define need(path, s) check(!put(path, s), path)

static int put(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = fd < 0 || write(fd, s, strlen(s)) < 0 ? errno : 0;

	close(fd);
	return errno = r;
}

static char *get(const char *path)
{
	static char buf[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = read(fd, buf, sizeof(buf) - 1);

	buf[n < 0 ? 0 : n] = 0;
	close(fd);
	return buf;
}

static void done(int rc)
{
	printf("END rc=%d\n", rc);
	if (getpid() == 1) {
		/* QEMU's exit device, where there is one: its status tells an end from a panic. */
		printf("{\"end\": true}\n");
		fflush(stdout);
		usleep(50000);
		if (!iopl(3))
			outb(16, 0xf4);
		reboot(RB_POWER_OFF);
	}
	exit(rc);
}

static void check(int ok, const char *what)
{
	if (!ok) {
		printf("set-up failed: %s: %s\n", what, strerror(errno));
		done(2);
	}
}

static void mnt(const char *type, const char *dir, const char *probe)
{
	mkdir(dir, 0755);
	check(!access(probe, F_OK) || !mount(type, dir, type, 0, NULL), dir);
}

/* state letter; PF_EXITING and "has an mm" through the pointers; 0 if it is gone */
static char look(pid_t pid, int *exiting, int *mm)
{
	char path[64], state = 0, *p;
	unsigned int flags = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	p = strrchr(get(path), ')');
	if (p)
		sscanf(p + 2, "%c %*d %*d %*d %*d %*d %u", &state, &flags);
	*exiting = !!(flags & 4);				/* PF_EXITING */
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	*mm = !!strstr(get(path), "VmSize:");
	return state;
}

static void victim(const char *disk, int oom, int fd)
{
	char *m = mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ok = 1;
	int d = open(disk, O_RDWR), i;

	memset(m, 0x5a, MB);
	for (i = 0; i < 64; i++)
		ok &= write(d, m, MB) == (long)MB;
	/* only now into the memcg with the limit: the dirty page cache stays charged to the root */
	ok &= !put(CG "/oomfreeze/cgroup.procs", "0");
	if (write(fd, &ok, 1) == 1 && oom)
		memset(m, 1, 64 * MB);		/* over memory.max: OOM kill */
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	char arg[3][64] = { "oom", "/dev/vda", "freezer" }, line[1024], ok = 0, st, *p;
	int fd[2], oom, real, exiting, mm, i, r, pid, frozen = 0, n[2][3] = { 0 };
	struct utsname u;
	time_t t0, t1;
	FILE *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mnt("proc", "/proc", "/proc/self");
	mnt("sysfs", "/sys", "/sys/power");
	mnt("devtmpfs", "/dev", "/dev/kmsg");
	if (getpid() == 1) {
		for (i = 0; i < 3; i++)
			dup2(open("/dev/console", O_RDWR), i);
		if ((p = strstr(get("/proc/cmdline"), "kill=")))
			sscanf(p, "kill=%63s", arg[0]);
		if ((p = strstr(get("/proc/cmdline"), "suspend=")))
			sscanf(p, "suspend=%63s", arg[2]);
		syscall(SYS_finit_module, open("/virtio_blk.ko", O_RDONLY), "", 0);
	}
	for (i = 1; i < argc && i < 4 && getpid() != 1; i++)
		snprintf(arg[i - 1], 64, "%s", argv[i]);
	for (i = 0; i < 100 && access(arg[1], F_OK); i++)
		usleep(20000);
	oom = strcmp(arg[0], "sigkill");
	real = !strcmp(arg[2], "mem");
	mnt("cgroup2", CG, CG "/cgroup.controllers");
	mnt("tracefs", TR, TR "/trace");
	put("/proc/sys/kernel/printk", "1");
	need("/proc/sys/vm/dirty_writeback_centisecs", "0");
	need("/proc/sys/vm/dirty_bytes", "600000000");
	need("/proc/sys/vm/dirty_background_bytes", "500000000");
	need("/sys/power/sync_on_suspend", "0");
	need("/sys/power/pm_freeze_timeout", "3000");
	need("/sys/power/pm_test", real ? "none" : "freezer");
	/* few, small requests: the victim has to submit all the way, not only to wait */
	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "/sys/block/%s/queue/%s", arg[1] + 5, i ? "max_sectors_kb" : "nr_requests");
		need(line, i ? "128" : "4");
	}
	need(CG "/cgroup.subtree_control", "+memory");
	mkdir(CG "/oomfreeze", 0755);
	need(CG "/oomfreeze/memory.max", "16M");
	need(TR "/buffer_size_kb", "8192");
	need(TR "/events/power/suspend_resume/enable", "1");
	need(TR "/events/block/block_bio_queue/enable", "1");

	uname(&u);
	printf(" 1 Linux %s: victim with 64 MB of dirty page cache on %s, killed by %s\n", u.release, arg[1], oom ? "the OOM killer" : "SIGKILL");
	check(!pipe(fd), "pipe");
	if (!(pid = fork()))
		victim(arg[1], oom, fd[1]);
	check(read(fd[0], &ok, 1) == 1 && ok, "victim");
	if (!oom)
		kill(pid, SIGKILL);
	for (st = i = 0; i < 500 && !(st == 'D' && exiting && !mm); i++, st = look(pid, &exiting, &mm))
		usleep(10000);
	p = strstr(get(CG "/oomfreeze/memory.events"), "oom_kill ");
	printf(" 2 victim %d before: state %c, PF_EXITING %d, mm %s, memcg oom_kill %d\n", pid, st, exiting, mm ? "present" : "gone", p ? atoi(p + 9) : -1);
	snprintf(line, sizeof(line), "/proc/%d/stack", pid);
	printf(" 3 victim's stack:");
	for (i = 0; i < 500 && *get(line) != '['; i++)
		usleep(1000);
	for (p = strtok(get(line), "\n"); p; p = strtok(NULL, "\n"))
		printf(" %.*s", (int)strcspn(p + 6, "+"), p + 6);	/* "[<0>] name+0x.../0x..." */
	printf("\n");
	check(st == 'D' && exiting && !mm, "victim asleep in exit");
	t0 = time(NULL);
	if (real)
		need("/sys/class/rtc/rtc0/wakealarm", "+15");
	r = put("/sys/power/state", real ? "mem" : "freeze");
	t1 = time(NULL);
	st = look(pid, &exiting, &mm);
	printf(" 4 echo %s > /sys/power/state (pm_test=%s): %s after %ld s\n", real ? "mem" : "freeze", real ? "none" : "freezer", r ? strerror(r) : "success", (long)(t1 - t0));
	printf(" 5 victim %d after: state %c, PF_EXITING %d, mm %s\n", pid, st ? st : '-', exiting, mm ? "present" : "gone");

	f = fopen(TR "/trace", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!r && strstr(line, "suspend_resume: freeze_processes[0] end"))
			frozen = 1;
		if (strstr(line, "suspend_resume: thaw_processes[0] begin"))
			frozen = 2;
		if (!strstr(line, "block_bio_queue:"))
			continue;
		p = strchr(line, '[');			/* "comm-PID   [cpu] ..." */
		while (p > line && (p[-1] == ' ' || (p[-1] >= '0' && p[-1] <= '9')))
			p--;
		n[atoi(p) == pid][frozen]++;
	}
	printf(" 6 bios submitted by the victim before everything was frozen: %d\n", n[1][0]);
	printf(" 7 bios submitted by the victim between freeze_processes() == 0 and thaw_processes(): %d\n", n[1][1]);
	printf(" 8 bios submitted by anybody else in that time: %d\n", n[0][1]);
	waitpid(pid, &i, 0);
	printf(" 9 victim reaped %ld s later, signal %d\n", (long)(time(NULL) - t1), WTERMSIG(i));
	printf("10 %s\n", n[1][1] ? "I/O IN A FROZEN SYSTEM: the freezer reported success with a victim still in do_exit()" :
	       r ? "the freezer waited for the victim and refused" : "no I/O seen");
	done(n[1][1] ? 1 : 0);
}
