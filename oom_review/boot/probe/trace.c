/* What the kernel itself says of a case: stock trace events, as records of who and how often, in order. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "probe.h"

#define TRACING "/sys/kernel/tracing"
#define EVENTS TRACING "/events/"

/* Deaths alone: EXIT_DEAD and EXIT_ZOMBIE, as the event shows them. */
static const char *const events[] = {
	"power/suspend_resume", "block/block_bio_queue", "oom/mark_victim", "sched/sched_process_exit", "sched/sched_switch",
};

static void forget(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
}

void trace_on(const char *name)
{
	char path[96];

	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		printf("{\"case\": \"%s\", \"failed\": \"no tracefs: the kernel lacks FTRACE\"}\n", name);
	put(TRACING "/buffer_size_kb", "4096");
	put(EVENTS "sched/sched_switch/filter", "prev_state == 16 || prev_state == 32");
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(path, sizeof(path), EVENTS "%s/enable", events[i]);
		if (put(path, "1"))
			printf("{\"case\": \"%s\", \"failed\": \"no event %s: the kernel lacks FTRACE or BLK_DEV_IO_TRACE\"}\n", name, events[i]);
	}
	forget();
}

static const char *role_by(int tid)
{
	static char number[24];

	for (int i = 0; i < MOST_ROLES && roles[i].name[0]; i++)
		if (roles[i].tid == tid)
			return roles[i].name;
	snprintf(number, sizeof(number), "%d", tid);
	return number;
}

/* "comm-PID   [cpu] flags time: event: text"; of the text only what a suspend says of itself, and whom the OOM killer marks. */
static int parse(char *line, char *into, int size)
{
	char *cpu = strstr(line, " ["), *at = cpu, *event = cpu ? strstr(cpu, ": ") : NULL, *text;

	if (line[0] == '#' || !event || !(text = strstr(event + 2, ": ")))
		return 0;
	while (at > line && at[-1] == ' ')
		at--;
	while (at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	*text = 0;
	text += 2;
	text[strcspn(text, "\n")] = 0;
	snprintf(into, size, "\"event\": \"%s\", \"who\": \"%s\"", event + 2, role_by(atoi(at)));
	if (!strcmp(event + 2, "suspend_resume"))
		snprintf(into + strlen(into), size - strlen(into), ", \"text\": \"%s\"", text);
	if (!strcmp(event + 2, "mark_victim") && (at = strstr(text, "pid=")))
		snprintf(into + strlen(into), size - strlen(into), ", \"text\": \"%s\"", role_by(atoi(at + 4)));
	return 1;
}

/* Events that are alike and follow each other are one record. */
void print_trace(const char *name)
{
	char line[1024], last[512] = "", now[512];
	int times = 0;
	FILE *f = fopen(TRACING "/trace", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!parse(line, now, sizeof(now)))
			continue;
		if (times && strcmp(now, last)) {
			printf("{\"case\": \"%s\", %s, \"times\": %d}\n", name, last, times);
			times = 0;
		}
		strcpy(last, now);
		times++;
	}
	if (times)
		printf("{\"case\": \"%s\", %s, \"times\": %d}\n", name, last, times);
	if (f)
		fclose(f);
	forget();
}
