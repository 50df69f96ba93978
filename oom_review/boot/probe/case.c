/* Cases: lines of "who: operation argument ...", as in a scenario, and a few words of the probe's own.
 *
 *   case NAME         begin: "init" is a child of the probe, to which orphans come
 *   meanwhile         what follows is told to all at once, in this order; until then each line is done when all is at rest
 *   race              the same, but all are told at "rest", in an order that the seed draws
 *   rest [MS]         wait until all is at rest, for so long, and print the state of everybody
 *   say TEXT          print it;  hear: wait for a line from the console
 *   sysrq_f           as on the keyboard;  set FILE VALUE;  seed N
 *   fuse              serve /fuse/slow;  fuse_answer: let the closes go on that wait for the server
 *   wait WHO STATE    until that task is in that state;  pause MS
 *   trace on          log the kernel's own events;  trace: print those since
 *   end               print once more, and tear everything down */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define RACE 2
#define PEACE_MS 40
#define QUIET_MS 300
#define REST_MS 3000
#define MOST_MS 12000

static char name[LONG_LINE], parts[MOST_WORDS][64];
static int count, at_once, before;
static unsigned seed = 1;
static struct role keyboard, *racers[MOST_ROLES];
static int racing;

static void ms(int n)
{
	struct timespec t = { n / 1000, n % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void words_of(const char *text)
{
	memset(parts, 0, sizeof(parts));
	count = sscanf(text, "%63s %63s %63s %63s %63s %63s", parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
}

static void make_groups(void)
{
	static const char *const all[] = { "/freezer/case", "/freezer/case/A", "/freezer/case/A/B", "/memory/case",
		"/memory/case/all", "/memory/case/M", "/memory/case/M/N" };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (mkdir(all[i], 0755) && errno != EEXIST)
			printf("{\"case\": \"%s\", \"failed\": \"%s: %s\"}\n", name, all[i], strerror(errno));
	put("/memory/case/cgroup.subtree_control", "+memory");
	if (put("/memory/case/M/memory.max", "16M"))
		printf("{\"case\": \"%s\", \"failed\": \"no memory cgroup of version 2: the kernel lacks MEMCG\"}\n", name);
	put("/memory/case/M/memory.swap.max", "0");
}

static void begin(void)
{
	forget_roles();
	at_once = 0;
	make_groups();
	before = count_of_victims();
	struct role *init = new_role("init");

	if (!fork()) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		setsid();
		/* What is not in the case's group would outlive it, and take what the next case's roles are told. */
		if (put("/memory/case/all/cgroup.procs", "0"))
			_exit(1);
		put("/proc/self/oom_score_adj", "0");
		role_loop(init);
	}
	settle(PEACE_MS, MOST_MS);
	printf("{\"case\": \"%s\", \"at\": \"begin\", \"oom_victims\": %d}\n", name, before);
}

/* Kill all that is left, also in the fridges, and reap it. */
static void tear_down(void)
{
	long tries = 400;
	char text[64];

	fuse_end();
	put("/freezer/case/A/B/freezer.state", "THAWED");
	put("/freezer/case/A/freezer.state", "THAWED");
	put("/memory/case/M/cgroup.freeze", "0");
	put("/memory/case/M/N/cgroup.freeze", "0");
	put("/memory/case/cgroup.kill", "1");
	do {
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		ms(5);
		get("/memory/case/cgroup.events", text, sizeof(text));
	} while (strstr(text, "populated 1") && --tries);
	rmdir("/memory/case/M/N");
	rmdir("/memory/case/M");
	rmdir("/memory/case/all");
	rmdir("/memory/case");
	rmdir("/freezer/case/A/B");
	rmdir("/freezer/case/A");
	rmdir("/freezer/case");
	printf("{\"case\": \"%s\", \"at\": \"end\", \"oom_victims\": %d, \"clean\": %s}\n", name, count_of_victims(), tries ? "true" : "false");
}

/* How each operation that came back ended. */
static void print_results(void)
{
	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++)
		if (roles[i].told && roles[i].told == roles[i].done)
			printf("{\"case\": \"%s\", \"who\": \"%s\", \"did\": \"%s\", \"result\": %ld}\n", name, roles[i].name, roles[i].words[0], roles[i].result);
}

static void wake(struct role *r)
{
	if (r == &keyboard) {
		if (put("/proc/sysrq-trigger", "f"))
			printf("{\"case\": \"%s\", \"failed\": \"no /proc/sysrq-trigger: the kernel lacks MAGIC_SYSRQ\"}\n", name);
	} else if (write(r->mouth, "", 1) != 1)
		printf("{\"case\": \"%s\", \"failed\": \"nobody hears %s\"}\n", name, r->name);
}

static unsigned drawn(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 8;
}

static void start_race(void)
{
	for (; racing; racing--) {
		int i = drawn() % racing;

		wake(racers[i]);
		racers[i] = racers[racing - 1];
	}
}

/* Where somebody is stuck, the reaper, which waits for two seconds, may have yet to come. */
static void rest(const char *when, int quiet)
{
	start_race();
	settle(QUIET_MS, MOST_MS);
	if (somebody_is_stuck())
		settle(quiet, MOST_MS);
	print_results();
	print_rest(name, when);
}

static void tell(struct role *r)
{
	unsigned n = drawn();

	r->delay = at_once ? n & (n & 1 << 22 ? 0x3ffff : 0xfff) : 0;
	__atomic_add_fetch(&r->told, 1, __ATOMIC_RELEASE);
}

static void wake_in_time(struct role *r)
{
	if (at_once == RACE)
		racers[racing++] = r;
	else
		wake(r);
}

static int order(struct role *r, const char *text)
{
	words_of(text);
	if (count < 1 || known_operation(parts[0]) < 0) {
		printf("{\"case\": \"%s\", \"failed\": \"no such operation: %s\"}\n", name, text);
		return 0;
	}
	for (int i = 0; i < MOST_WORDS; i++)
		snprintf(r->words[i], sizeof(r->words[i]), "%.23s", parts[i]);
	return 1;
}

static int births(const char *operation)
{
	return !strcmp(operation, "fork") || !strcmp(operation, "vfork") || !strncmp(operation, "clone", 5) || !strcmp(operation, "io_uring_worker");
}

static void perform(const char *who, const char *text)
{
	struct role *r = role_of(who);

	if (!r || !order(r, text)) {
		printf("{\"case\": \"%s\", \"failed\": \"nobody does: %s: %s\"}\n", name, who, text);
		return;
	}
	struct role *child = births(parts[0]) ? new_role(parts[1]) : NULL;

	tell(r);
	wake_in_time(r);
	if (at_once)
		return;
	for (int i = 0; i < PEACE_MS && r->told != r->done; i++)
		ms(1);
	for (int i = 0; child && !child->tid && !(r->told == r->done && r->result < 0) && i < MOST_MS; i++)
		ms(1);
	/* What came back at once leaves nobody on his way, but for births and deaths; what did not waits for something. */
	settle(r->told == r->done ? 2 : PEACE_MS, MOST_MS);
	if (r->told == r->done && r->result < 0)
		printf("{\"case\": \"%s\", \"who\": \"%s\", \"did\": \"%s\", \"result\": %ld}\n", name, who, text, r->result);
}

static void until(const char *who, const char *state)
{
	struct role *r = role_of(who);

	for (int i = 0; i < MOST_MS && r && strcmp(state_of(r), state); i++)
		ms(1);
	printf("{\"case\": \"%s\", \"who\": \"%s\", \"is\": \"%s\"}\n", name, who, r ? state_of(r) : "nobody");
}

static void hear(void)
{
	char line[LONG_LINE];

	if (fgets(line, sizeof(line), stdin))
		printf("{\"heard\": \"%.*s\"}\n", (int)strcspn(line, "\r\n"), line);
}

static void failed(const char *what, int error)
{
	if (error)
		printf("{\"case\": \"%s\", \"failed\": \"%s: %s\"}\n", name, what, strerror(-error));
}

static void directive(const char *line)
{
	words_of(line);
	if (!strcmp(parts[0], "case")) {
		snprintf(name, sizeof(name), "%.200s", line + 5);
		begin();
	} else if (!strcmp(parts[0], "meanwhile")) {
		at_once = 1;
	} else if (!strcmp(parts[0], "race")) {
		at_once = RACE;
	} else if (!strcmp(parts[0], "peace")) {
		at_once = 0;
	} else if (!strcmp(parts[0], "rest")) {
		rest("rest", count > 1 ? atoi(parts[1]) : REST_MS);
		at_once = 0;
	} else if (!strcmp(parts[0], "seed")) {
		seed = atoi(parts[1]);
	} else if (!strcmp(parts[0], "say")) {
		printf("{\"case\": \"%s\", \"says\": \"%s\"}\n", name, line + 4);
	} else if (!strcmp(parts[0], "hear")) {
		hear();
	} else if (!strcmp(parts[0], "wait")) {
		until(parts[1], strstr(line, parts[2]));
	} else if (!strcmp(parts[0], "pause")) {
		ms(atoi(parts[1]));
	} else if (!strcmp(parts[0], "set")) {
		printf("{\"set\": \"%s\", \"to\": \"%s\", \"result\": %d}\n", parts[1], parts[2], put(parts[1], parts[2]));
	} else if (!strcmp(parts[0], "sysrq_f")) {
		wake_in_time(&keyboard);
		if (!at_once)
			settle(PEACE_MS, MOST_MS);
	} else if (!strcmp(parts[0], "fuse")) {
		failed("no FUSE server: the kernel lacks FUSE_FS", fuse_begin());
	} else if (!strcmp(parts[0], "fuse_answer")) {
		failed("fuse_answer", fuse_answer());
		if (!at_once)
			settle(PEACE_MS, MOST_MS);
	} else if (!strcmp(parts[0], "trace")) {
		strcmp(parts[1], "on") ? print_trace(name) : trace_on(name);
	} else if (!strcmp(parts[0], "end")) {
		tear_down();
	} else if (parts[0][0]) {
		printf("{\"case\": \"%s\", \"failed\": \"no such line: %s\"}\n", name, line);
	}
}

void play(const char *path)
{
	char line[LONG_LINE], *colon;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if ((colon = strstr(line, ": "))) {
			*colon = 0;
			perform(line, colon + 2);
		} else {
			directive(line);
		}
	}
	if (f)
		fclose(f);
}

/* Is each line one that play() knows?  Does nothing of it, so that anybody may ask. */
int check(const char *path)
{
	static const char *const own[] = { "case", "meanwhile", "race", "peace", "rest", "seed", "say", "hear", "wait", "pause", "set", "sysrq_f", "fuse", "fuse_answer", "end" };
	char line[LONG_LINE], *colon;
	FILE *f = fopen(path, "r");
	int wrong = !f;

	for (int number = 1; f && fgets(line, sizeof(line), f); number++) {
		unsigned known = 0;

		line[strcspn(line, "\n")] = 0;
		colon = strstr(line, ": ");
		words_of(colon ? colon + 2 : line);
		while (!colon && known < sizeof(own) / sizeof(own[0]) && strcmp(own[known], parts[0]))
			known++;
		if (colon ? known_operation(parts[0]) < 0 : known == sizeof(own) / sizeof(own[0])) {
			printf("{\"line\": %d, \"failed\": \"%s\"}\n", number, parts[0]);
			wrong = 1;
		}
	}
	if (f)
		fclose(f);
	return wrong;
}
