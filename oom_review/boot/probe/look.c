/* What became of whom, in the model's words. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define PF_EXITING 4
#define QUIET_LOOKS 5

/* Freezable sleeps: since 6.1 who sleeps so is frozen where it is, and /proc says D of it. */
static const char *const freezable[] = {
	"__refrigerator", "do_wait", "nanosleep", "ptrace_stop", "do_signal_stop",
	"do_freezer_trap", "get_signal",
};

static int frozen_there(int tid)
{
	char path[64], where[64];

	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	get(path, where, sizeof(where));
	for (unsigned i = 0; i < sizeof(freezable) / sizeof(freezable[0]); i++)
		if (strstr(where, freezable[i]))
			return 1;
	return 0;
}

/* Whose program that process runs since an execve(): a slot's number, or -1. */
static int owner_of(int tid)
{
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", tid);
	return get(path, line, sizeof(line)) > 6 && !strcmp(line, "role") ? atoi(line + 5) : -1;
}

static char letter_of(int tid, unsigned *flags, char where[64])
{
	char path[64], text[512], *at, letter = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	*flags = 0;
	where[0] = 0;
	if (!tid || get(path, text, sizeof(text)) <= 0 || !(at = strrchr(text, ')')))
		return 0;
	sscanf(at + 2, "%c %*d %*d %*d %*d %*d %u", &letter, flags);
	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	get(path, where, 64);
	return letter;
}

/* After an execve() by another thread the leader's number is that thread's. */
static int tid_of(const struct role *r)
{
	char path[64];
	int i;

	for (i = 0; i < MOST_ROLES; i++)
		if (roles[i].tid && &roles[i] != r && owner_of(roles[i].tid) == r - roles)
			return roles[i].tid;
	snprintf(path, sizeof(path), "/proc/%d", r->tid);
	if (!r->tid || access(path, F_OK))
		return 0;
	i = owner_of(r->tid);
	return i < 0 || i == r - roles ? r->tid : 0;
}

const char *state_of(const struct role *r)
{
	unsigned flags;
	char where[64], letter = letter_of(tid_of(r), &flags, where);

	if (!letter || letter == 'X')
		return r->tid ? "reaped" : "unborn";
	if (letter == 'Z')
		return "zombie";
	if (letter == 'D' && frozen_there(tid_of(r)))
		return "in the fridge";
	if (letter == 'T')
		return "stopped";
	if (letter == 't')
		return "traced";
	if (flags & PF_EXITING)
		return "exiting";
	/* Whoever waits for orders does so in a pipe; anywhere else he is one of those that never get any, in the freezer of cgroup v2, or on his way out. */
	return r->told == r->done && (letter == 'R' || strstr(where, "pipe")) ? "user mode" : "in the kernel";
}

int somebody_is_stuck(void)
{
	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++) {
		const char *state = state_of(&roles[i]);

		if (strcmp(state, "user mode") && strcmp(state, "zombie") && strcmp(state, "reaped"))
			return 1;
	}
	return 0;
}

/* Nobody can go on by himself: everybody sleeps, is frozen, or is dead, and nobody has yet to begin. */
static int snapshot(char *into, int size)
{
	int resting = 1, n = 0;

	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++) {
		unsigned flags;
		char where[64], letter = letter_of(roles[i].tid, &flags, where);

		if (letter == 'R' || (letter == 'S' && strstr(where, "pipe") && roles[i].told != roles[i].begun))
			resting = 0;
		n += snprintf(into + n, size - n, "%d%c%x%s%d;", roles[i].tid, letter ? letter : '-', flags, where, roles[i].done);
	}
	return resting;
}

static void pause_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static long now_ms(void)
{
	struct timespec t;

	/* Does not go on while the machine is suspended. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until nothing has changed for so long; a machine that never rests is given up. */
void settle(int quiet_ms, int most_ms)
{
	char last[4096] = "", now[4096];
	long began = now_ms(), since = began;

	while (now_ms() - began < most_ms) {
		int resting = snapshot(now, sizeof(now));

		if (!resting || strcmp(now, last))
			since = now_ms();
		else if (now_ms() - since >= quiet_ms)
			return;
		memcpy(last, now, sizeof(last));
		pause_ms(quiet_ms / QUIET_LOOKS + 1);
	}
	printf("{\"restless\": \"%s\"}\n", last);
}

void print_rest(const char *name, const char *when)
{
	const char *comma = "";

	printf("{\"case\": \"%s\", \"at\": \"%s\", \"oom_victims\": %d, \"tasks\": {", name, when, count_of_victims());
	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++, comma = ", ")
		printf("%s\"%s\": \"%s\"", comma, roles[i].name, state_of(&roles[i]));
	printf("}, \"where\": {");
	comma = "";
	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++) {
		unsigned flags;
		char where[64];

		if (letter_of(tid_of(&roles[i]), &flags, where) && where[0] && where[0] != '0') {
			printf("%s\"%s\": \"%s\"", comma, roles[i].name, where);
			comma = ", ";
		}
	}
	printf("}}\n");
}
