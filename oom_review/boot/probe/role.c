/* Roles: threads that wait for an operation of the model's alphabet and do it.
 *
 * They share one TLS where they share memory, so they use no libc function that keeps something there. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define KB 1024L
#define MB (1024 * KB)
#define STACK (64 * KB)
#define FROZEN_S 3		/* longer than the OOM reaper waits */
#define PAST (32 * MB)		/* so much more is past any limit */

struct role *roles;
int shared_fd;
int can_suspend, can_freeze;

/* Pipes for all that there will ever be: whoever is forked has them, also after an execve(). */
int make_roles(void)
{
	shared_fd = memfd_create("roles", 0);
	if (ftruncate(shared_fd, sizeof(*roles) * MOST_ROLES))
		return 0;
	roles = mmap(NULL, sizeof(*roles) * MOST_ROLES, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	for (int i = 0; i < MOST_ROLES; i++) {
		int ends[2];

		if (!pipe2(ends, 0)) {
			roles[i].ears = ends[0];
			roles[i].mouth = ends[1];
		}
	}
	return 1;
}

void forget_roles(void)
{
	for (int i = 0; i < MOST_ROLES; i++) {
		struct role fresh = { .ears = roles[i].ears, .mouth = roles[i].mouth };
		char byte;

		/* What nobody read. */
		fcntl(fresh.ears, F_SETFL, O_NONBLOCK);
		while (read(fresh.ears, &byte, 1) == 1)
			;
		fcntl(fresh.ears, F_SETFL, 0);
		roles[i] = fresh;
	}
}

struct role *role_of(const char *name)
{
	for (int i = 0; i < MOST_ROLES; i++)
		if (!strcmp(roles[i].name, name))
			return &roles[i];
	return NULL;
}

struct role *new_role(const char *name)
{
	struct role *r = role_of("");

	if (r)
		snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

static int number(const char *text)
{
	return text[0] == '-' ? -atoi(text + 1) : atoi(text);
}

static void write_number(const char *path, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	put(path, text);
}

static char *pages(long size)
{
	return (char *)sys(SYS_mmap, 0L, size, (long)(PROT_READ | PROT_WRITE), (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
}

/* Births */

static int born(void *arg)
{
	role_loop(arg);
}

static long clone_role(struct role *me, unsigned long flags)
{
	struct role *child = role_of(me->words[1]);
	char *stack = NULL;

	/* Also one that never runs has a number, but a namespace's own number says nothing outside. */
	if (!me->in_namespace)
		flags |= CLONE_PARENT_SETTID;
	child->in_namespace = me->in_namespace || flags & CLONE_NEWPID;
	if (flags & CLONE_VM) {
		stack = pages(STACK);
		return clone(born, stack + STACK, flags, child, &child->tid);
	}
	long pid = sys(SYS_clone, flags, 0L, &child->tid, 0L, 0L);

	if (!pid)
		role_loop(child);
	return pid;
}

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static long do_clone(struct role *me) { return clone_role(me, THREAD); }
static long do_fork(struct role *me) { return clone_role(me, SIGCHLD); }
static long do_vfork(struct role *me) { return clone_role(me, CLONE_VM | CLONE_VFORK | SIGCHLD); }
static long do_clone_vm(struct role *me) { return clone_role(me, CLONE_VM | SIGCHLD); }

static long do_clone_newpid(struct role *me)
{
	long r = clone_role(me, CLONE_NEWPID | SIGCHLD);

	return r == -EINVAL ? -ENOSYS : r;
}

/* The new program says whose it is in its command line, which can be read also if it never runs. */
static long do_execve(struct role *me)
{
	char slot[8], fd[8], *args[] = { "role", slot, fd, NULL }, *none[] = { NULL };

	snprintf(slot, sizeof(slot), "%d", (int)(me - roles));
	snprintf(fd, sizeof(fd), "%d", shared_fd);
	return sys(SYS_execve, "/init", args, none);
}

/* Deaths */

static long do_exit(struct role *me) { (void)me; return sys(SYS_exit, 0L); }
static long do_exit_group(struct role *me) { (void)me; return sys(SYS_exit_group, 0L); }
static long do_wait(struct role *me) { (void)me; return sys(SYS_wait4, -1L, 0L, 0L, 0L); }
static long do_wait_all(struct role *me) { (void)me; return sys(SYS_wait4, -1L, 0L, (long)__WALL, 0L); }
static long do_wait_nohang(struct role *me) { (void)me; return sys(SYS_wait4, -1L, 0L, (long)WNOHANG, 0L); }

static long do_waitpid(struct role *me)
{
	return sys(SYS_wait4, (long)role_of(me->words[1])->tid, 0L, 0L, 0L);
}

static long do_subreaper(struct role *me) { (void)me; return sys(SYS_prctl, (long)PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L); }

/* Signals */

static int signal_of(const char *name)
{
	static const struct { const char *name; int number; } known[] = {
		{ "KILL", SIGKILL }, { "TERM", SIGTERM }, { "ABRT", SIGABRT }, { "STOP", SIGSTOP }, { "CONT", SIGCONT },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, name))
			return known[i].number;
	return 0;
}

static long do_kill(struct role *me)
{
	struct role *to = role_of(me->words[1]);

	/* In a namespace only itself is known by a number that it knows. */
	return sys(SYS_kill, to == me && me->in_namespace ? sys(SYS_getpid) : (long)to->tid, (long)signal_of(me->words[2]));
}

static long do_tgkill(struct role *me)
{
	return sys(SYS_tkill, (long)role_of(me->words[1])->tid, (long)signal_of(me->words[2]));
}

static long sigchld(void (*what)(int), unsigned long flags)
{
	struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); unsigned long mask; } act = { what, flags, NULL, 0 };

	return sys(SYS_rt_sigaction, (long)SIGCHLD, &act, 0L, 8L);
}

static long do_ignore_sigchld(struct role *me) { (void)me; return sigchld(SIG_IGN, 0); }
static long do_nocldwait(struct role *me) { (void)me; return sigchld(SIG_DFL, SA_NOCLDWAIT); }

static long trace(struct role *me, long request, long data)
{
	return sys(SYS_ptrace, request, (long)role_of(me->words[1])->tid, 0L, data);
}

static long do_ptrace_attach(struct role *me) { return trace(me, PTRACE_ATTACH, 0); }
static long do_ptrace_seize(struct role *me) { return trace(me, PTRACE_SEIZE, 0); }
static long do_ptrace_seize_exit(struct role *me) { return trace(me, PTRACE_SEIZE, PTRACE_O_TRACEEXIT); }
static long do_ptrace_exitkill(struct role *me) { return trace(me, PTRACE_SETOPTIONS, PTRACE_O_EXITKILL); }
static long do_ptrace_cont(struct role *me) { return trace(me, PTRACE_CONT, 0); }
static long do_ptrace_detach(struct role *me) { return trace(me, PTRACE_DETACH, 0); }
static long do_ptrace_traceme(struct role *me) { (void)me; return sys(SYS_ptrace, (long)PTRACE_TRACEME, 0L, 0L, 0L); }

/* Memory */

/* Not for children: who shares pages copy on write frees nothing when it is killed, and in the model each has its own. */
static long touch(long size)
{
	char *m = pages(size);

	sys(SYS_madvise, m, size, (long)MADV_DONTFORK);
	for (long i = 0; i < size; i += 4 * KB)
		((volatile char *)m)[i] = 1;
	return 0;
}

static long do_touch(struct role *me) { return touch(number(me->words[1]) * MB); }

/* Whether the OOM killer came since; each charge stops with the first one that it lived through. */
static long kills(void)
{
	char text[512], *at;

	get("/memory/case/M/memory.events", text, sizeof(text));
	at = strstr(text, "oom_kill ");
	return at ? atol(at + 9) : -1;
}

/* A system call that charges: pages of a memfd. */
static long do_charge(struct role *me)
{
	static char chunk[64 * KB];
	long before = kills(), fd = sys(SYS_memfd_create, "charge", 1L), left = PAST / (64 * KB), r = fd;

	(void)me;
	while (left-- && r >= 0 && kills() == before)
		r = sys(SYS_write, fd, chunk, sizeof(chunk));
	sys(SYS_close, fd);
	return r < 0 ? r : 0;
}

/* The same with pages of pipes, which nobody has to write back: those of a memfd make the kernel write back the disk's, too. */
static long do_charge_pipes(struct role *me)
{
	static char chunk[64 * KB];
	long before = kills(), left = PAST / MB, r = 0;

	(void)me;
	while (left-- && r >= 0 && kills() == before) {
		int ends[2], parts = 16;

		r = sys(SYS_pipe2, ends, (long)O_CLOEXEC);
		sys(SYS_fcntl, (long)ends[1], (long)F_SETPIPE_SZ, MB);
		while (r >= 0 && parts-- && kills() == before)
			r = sys(SYS_write, (long)ends[1], chunk, sizeof(chunk));
	}
	return r < 0 ? r : 0;
}

static long do_charge_fault(struct role *me)
{
	long before = kills();
	volatile char *m = pages(PAST);

	(void)me;
	for (long i = 0; i < PAST && kills() == before; i += 64 * KB)
		for (long j = 0; j < 64 * KB; j += 4 * KB)
			m[i + j] = 1;
	return sys(SYS_munmap, (char *)m, PAST);
}

static long do_oom_score_adj(struct role *me)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", role_of(me->words[1])->tid);
	write_number(path, number(me->words[2]));
	return 0;
}

/* Control groups */

static long move(struct role *me, const char *root)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", root, me->words[2]);
	write_number(path, role_of(me->words[1])->tid);
	return 0;
}

static long do_attach(struct role *me) { return can_freeze ? move(me, "/freezer/case") : -ENOSYS; }
static long do_memcg_attach(struct role *me) { return move(me, "/memory/case"); }

static long freezer(struct role *me, const char *state)
{
	char path[96];

	snprintf(path, sizeof(path), "/freezer/case/%s/freezer.state", me->words[1]);
	return can_freeze ? put(path, state) : -ENOSYS;
}

static long do_freeze(struct role *me) { return freezer(me, "FROZEN"); }
static long do_thaw(struct role *me) { return freezer(me, "THAWED"); }

/* 'F'ROZEN, 'f' for FREEZING, 'T'HAWED */
static long do_read_state(struct role *me)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/freezer/case/%s/freezer.state", me->words[1]);
	if (!can_freeze)
		return -ENOSYS;
	get(path, text, sizeof(text));
	return text[0] == 'F' && text[3] == 'E' ? 'f' : text[0];
}

static long v2_freeze(struct role *me, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "/memory/case/%s/cgroup.freeze", me->words[1]);
	return put(path, text);
}

static long do_v2_freeze(struct role *me) { return v2_freeze(me, "1"); }
static long do_v2_thaw(struct role *me) { return v2_freeze(me, "0"); }

static long do_cgroup_kill(struct role *me)
{
	char path[96];

	snprintf(path, sizeof(path), "/memory/case/%s/cgroup.kill", me->words[1]);
	return put(path, "1");
}

/* From now on all of that group die with whom the OOM killer chooses. */
static long do_oom_group(struct role *me)
{
	char path[96];

	snprintf(path, sizeof(path), "/memory/case/%s/memory.oom.group", me->words[1]);
	return put(path, "1");
}

static long do_process_mrelease(struct role *me)
{
	long fd = sys(SYS_pidfd_open, (long)role_of(me->words[1])->tid, 0L), r;

	if (fd < 0)
		return fd;
	r = sys(SYS_process_mrelease, fd, 0L);
	sys(SYS_close, fd);
	return r;
}

/* Power management */

/* It does not know the word of what it lacks. */
static long suspend_to(const char *state)
{
	long r = can_suspend ? put("/sys/power/state", state) : -ENOSYS;

	return r == -EINVAL ? -ENOSYS : r;
}

static long do_suspend(struct role *me) { (void)me; return suspend_to("freeze"); }
static long do_hibernate(struct role *me) { (void)me; return suspend_to("disk"); }

/* The probe is frozen with all others, so that whoever froze them thaws them by itself; its death closes the file, which does the same. */
static long do_snapshot_freeze(struct role *me)
{
	long fd = sys(SYS_open, "/dev/snapshot", (long)(O_WRONLY | O_CLOEXEC), 0L), r;
	struct timespec frozen = { FROZEN_S, 0 };

	(void)me;
	if (fd < 0)
		return fd == -ENOENT ? -ENOSYS : fd;
	r = sys(SYS_ioctl, fd, (long)SNAPSHOT_FREEZE, 0L);
	if (!r) {
		sys(SYS_nanosleep, &frozen, 0L);
		sys(SYS_ioctl, fd, (long)SNAPSHOT_UNFREEZE, 0L);
	}
	sys(SYS_close, fd);
	return r;
}

/* The machine's */

static long do_pin(struct role *me)
{
	unsigned long mask = 1UL << number(me->words[2]);

	return sys(SYS_sched_setaffinity, (long)role_of(me->words[1])->tid, (long)sizeof(mask), &mask);
}

/* As much as fills the page cache with dirty pages of a slow disk: the last close writes them back. */
static long do_open_disk(struct role *me)
{
	static char chunk[64 * KB];
	long fd = sys(SYS_open, me->words[1], (long)O_RDWR, 0L), left = number(me->words[2]) * MB / (64 * KB), r = fd == -ENOENT ? -ENOSYS : fd;

	while (left-- > 0 && r >= 0)
		r = sys(SYS_write, fd, chunk, sizeof(chunk));
	return r < 0 ? r : 0;
}

/* Its server will have to answer when it is closed. */
static long do_open_fuse(struct role *me)
{
	long fd = sys(SYS_open, "/fuse/slow", (long)O_RDONLY, 0L);

	(void)me;
	return fd < 0 ? fd : 0;
}

static long do_open_ttys(struct role *me)
{
	long fd = 0;

	(void)me;
	for (int i = 0; i < 2 && fd >= 0; i++)
		fd = sys(SYS_open, "/dev/ptmx", (long)(O_RDWR | O_NOCTTY), 0L);
	return fd == -ENOENT ? -ENOSYS : fd < 0 ? fd : 0;
}

static long do_io_uring_request(struct role *me) { (void)me; return uring_request(); }

static long do_io_uring_worker(struct role *me)
{
	struct role *worker = role_of(me->words[1]);
	long r = uring_request();

	worker->tid = uring_worker();
	return r;
}

static const struct { const char *name; long (*does)(struct role *); } operations[] = {
	{ "clone", do_clone }, { "fork", do_fork }, { "vfork", do_vfork }, { "clone_vm", do_clone_vm },
	{ "clone_newpid", do_clone_newpid }, { "execve", do_execve }, { "exit", do_exit }, { "exit_group", do_exit_group },
	{ "wait", do_wait }, { "wait_all", do_wait_all }, { "wait_nohang", do_wait_nohang }, { "waitpid", do_waitpid },
	{ "subreaper", do_subreaper }, { "kill", do_kill }, { "tgkill", do_tgkill }, { "ignore_sigchld", do_ignore_sigchld },
	{ "nocldwait", do_nocldwait }, { "ptrace_attach", do_ptrace_attach }, { "ptrace_seize", do_ptrace_seize },
	{ "ptrace_seize_exit", do_ptrace_seize_exit }, { "ptrace_exitkill", do_ptrace_exitkill }, { "ptrace_cont", do_ptrace_cont },
	{ "ptrace_detach", do_ptrace_detach }, { "ptrace_traceme", do_ptrace_traceme }, { "touch", do_touch },
	{ "charge", do_charge }, { "charge_fault", do_charge_fault }, { "charge_pipes", do_charge_pipes },
	{ "oom_score_adj", do_oom_score_adj }, { "attach", do_attach }, { "memcg_attach", do_memcg_attach },
	{ "freeze", do_freeze }, { "thaw", do_thaw }, { "read_state", do_read_state }, { "v2_freeze", do_v2_freeze },
	{ "v2_thaw", do_v2_thaw }, { "cgroup_kill", do_cgroup_kill }, { "oom_group", do_oom_group },
	{ "process_mrelease", do_process_mrelease }, { "suspend", do_suspend }, { "s2idle", do_suspend },
	{ "hibernate", do_hibernate }, { "snapshot_freeze", do_snapshot_freeze },
	{ "pin", do_pin }, { "open_disk", do_open_disk }, { "open_fuse", do_open_fuse },
	{ "open_ttys", do_open_ttys }, { "io_uring_worker", do_io_uring_worker }, { "io_uring_request", do_io_uring_request },
};

int known_operation(const char *name)
{
	for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (!strcmp(operations[i].name, name))
			return i;
	return -1;
}

/* Its number in the first pid namespace, whose /proc this is. */
static int own_tid(void)
{
	char text[64];
	long n = sys(SYS_readlink, "/proc/thread-self", text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	return n < 0 ? 0 : atoi(strrchr(text, '/') + 1);
}

void role_loop(struct role *me)
{
	volatile int busy;
	char byte;

	me->tid = own_tid();
	for (;;) {
		/* Not a futex: since 6.1 that is a sleep in which a task is frozen where it is, and the model's are in user mode. */
		while (me->begun == __atomic_load_n(&me->told, __ATOMIC_ACQUIRE))
			sys(SYS_read, (long)me->ears, &byte, 1L);
		me->begun = me->told;
		for (busy = 0; busy < me->delay; busy++)
			;
		me->result = operations[known_operation(me->words[0])].does(me);
		__atomic_store_n(&me->done, me->told, __ATOMIC_RELEASE);
	}
}

/* After an execve(): "role SLOT FD". */
int role_main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	shared_fd = atoi(argv[2]);
	roles = mmap(NULL, sizeof(*roles) * MOST_ROLES, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	struct role *me = &roles[atoi(argv[1])];

	me->result = 0;
	me->done = me->begun = me->told;
	role_loop(me);
}
