/* The probe: /init of a throw-away machine.  It plays cases, in the words of the model's scenarios, and says what came out. */
#ifndef PROBE_H
#define PROBE_H

#include <sys/types.h>

#define MOST_ROLES 16
#define MOST_WORDS 8
#define LONG_LINE 256
#define UNKNOWN (-1000)

/* A task of a case: a thread that does what it is told.  The slots are shared by all, through fork and exec. */
struct role {
	char name[24];
	char words[MOST_WORDS][24];	/* what it is told: operation, arguments */
	int told, begun, done;		/* how often */
	int ears, mouth;		/* a pipe, by which it is woken */
	int tid;			/* as the first pid namespace sees it; 0: not born, or another one's since its exec */
	int delay;			/* busy loops before it begins */
	long result;
	int in_namespace;
};

extern struct role *roles;
extern int shared_fd;
/* What the kernel lacks makes an operation end with ENOSYS, so that its run does not count. */
extern int can_suspend, can_freeze;

int make_roles(void);
void forget_roles(void);
struct role *role_of(const char *name);
struct role *new_role(const char *name);

/* kernel.c: what the probe asks of the kernel directly, as threads of a bare clone() share errno. */
long sys(long number, ...);
int put(const char *path, const char *text);
int get(const char *path, char *into, int size);
void open_console(void);
void mount_all(void);
void load_modules(void);
int count_of_victims(void);
void find_symbols(void);
void print_symbols(void);

/* role.c */
void role_loop(struct role *me) __attribute__((noreturn));
int role_main(int argc, char **argv);
int known_operation(const char *name);

/* look.c */
const char *state_of(const struct role *r);
int somebody_is_stuck(void);
void settle(int quiet_ms, int most_ms);
void print_rest(const char *name, const char *when);

/* fuse.c */
int fuse_begin(void);
int fuse_answer(void);
void fuse_end(void);

/* uring.c */
long uring_request(void);
int uring_worker(void);

/* trace.c */
void trace_on(const char *name);
void print_trace(const char *name);

/* case.c */
void play(const char *path);
int check(const char *path);

#endif
