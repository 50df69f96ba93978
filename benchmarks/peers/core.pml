/*
 * The core situation of an OOM kill that races with freezing, for exhaustive search with Spin.
 *
 * A victim process of N threads is killed by a memcg OOM which another, unkillable task triggers.  Its parent
 * waits for it or ignores SIGCHLD.  On demand the victim sits in a frozen cgroup from the start, and a system
 * suspend runs at the same time.  Every statement outside d_step/atomic is one interleavable step.
 *
 * Switches, all given with -D on the command line of spin:
 *   N=1..5              threads of the victim; thread 0 is the leader
 *   LEGACY | RFC        who is exempt from freezing, who is thawed, and when the victim counter moves (exactly one)
 *   PARENT_IGNORES      the parent ignores SIGCHLD; otherwise it sits in wait4()
 *   FROZEN              the whole victim is in a cgroup fridge beforehand
 *   SUSPEND             a suspend races with the kill
 *   KTHREADS            the suspend also runs the second freezer round, the one for kernel threads
 *   TRIGGER_KTHREAD     the OOM is hit by a kernel thread that the freezer leaves alone, not by a user task
 */

#ifndef N
#define N 2
#endif
#if N < 1 || N > 5
#error "N must be 1..5"
#endif
#if defined(LEGACY) == defined(RFC)
#error "define exactly one of LEGACY and RFC"
#endif
#if defined(KTHREADS) && !defined(SUSPEND)
#error "KTHREADS needs SUSPEND"
#endif

/* Tasks are numbered; sets of tasks are bit masks. The victim's threads are also Spin's processes 0..N-1. */
#define LEADER  0
#define PARENT  N
#define TRIGGER (N + 1)
#define NOBODY  255
#define BIT(task)            (1 << (task))
#define VICTIM               (BIT(N) - 1)
#define IN(set, task)        (((set) & BIT(task)) != 0)
#define ADD(set, task)       set = set | BIT(task)
#define REMOVE(set, task)    set = set & ~BIT(task)

/* ---- the victim ---- */
bool killed;              /* the group's SIGKILL was sent: group exit is set, every thread has it pending */
byte live = N;            /* threads that have not entered the exit path */
byte has_mm = VICTIM;     /* threads whose mm pointer is still set */
byte hashed = VICTIM;     /* threads that are still on the thread list */
byte dead;                /* threads in their final state, which no freezer waits for */

#define ALIVE  0
#define ZOMBIE 1
#define REAPED 2          /* somebody has claimed the right to release the leader */
byte leader_state = ALIVE;

/* No other thread of the group is hashed. */
#define ALONE(task) ((hashed & ~BIT(task)) == 0)

/* ---- the OOM killer ---- */
short oom_victims;
bool oom_lock;
bool oom_disabled;
byte task_locked = NOBODY; /* the thread whose task lock the OOM killer holds across steps */

#ifdef LEGACY
byte marked;              /* threads that carry the per-thread victim flag */
#define EXEMPT(task) IN(marked, task)
#else
bool marked;              /* the group is bound to a victim mm; never reset while the group exists */
#define EXEMPT(task) (marked && (task) < N)
#endif

/* ---- freezing ---- */
#ifdef FROZEN
#define CGROUP_FREEZING(task) ((task) < N)
byte frozen = VICTIM;     /* tasks that are in the fridge */
#else
#define CGROUP_FREEZING(task) false
byte frozen;
#endif
byte woken;               /* tasks in the fridge that must look again whether they may leave */

#ifdef SUSPEND
bool pm_freezing;
bool tasklist_read;       /* a freezer pass holds the task list: no thread can be unhashed, none can notify */
bool deadline;            /* the suspender is in a wait that has a time-out */
#define NO_PHASE 0
#define DISABLED 1        /* the OOM killer was disabled successfully */
#define ASLEEP   2        /* devices are suspended */
byte phase = NO_PHASE;
byte io_in_phase;         /* bit 0: I/O by the victim in DISABLED, bit 1: in ASLEEP */
#define PM_FREEZING       pm_freezing
#define TASKLIST_WRITABLE (!tasklist_read)
#define DEADLINE          deadline
#define IO_NOW            now.io_in_phase
#else
#define PM_FREEZING       false
#define TASKLIST_WRITABLE true
#define DEADLINE          false
#define IO_NOW            0
#endif

/*
 * The number of freezing conditions in effect is not kept: it is zero exactly when both conditions are false.
 * A trigger that is a kernel thread does not ask.
 */
#define FREEZING(task) ((PM_FREEZING || CGROUP_FREEZING(task)) && !IN(dead, task) && !EXEMPT(task))

#define NONE      0
#define OK        1
#define EBUSY     2
#define SUSPENDED 3
byte result = NONE;

/* Waking a task in the fridge does not let it out. It looks again, and leaves only if nothing freezes it now. */
inline wake_frozen(task)
{
	d_step { woken = woken | (frozen & BIT(task)) }
}

inline sleep_in_fridge(me)
{
	do
	:: d_step { IN(woken, me) && FREEZING(me) -> REMOVE(woken, me) }
	:: d_step { IN(woken, me) && !FREEZING(me) -> REMOVE(woken, me); REMOVE(frozen, me) }; break
	od
}

/* A step that may start I/O. */
inline io()
{
#ifdef SUSPEND
	d_step {
		if
		:: phase == DISABLED -> io_in_phase = io_in_phase | 1
		:: phase == ASLEEP -> io_in_phase = io_in_phase | 2
		:: else
		fi
	}
#else
	skip
#endif
}

/* Must stay the first process type: its process ids are the thread numbers. */
active [N] proctype victim()
{
	bool group_dead, autoreap, zap_leader;
#ifdef RFC
	bool last;
#endif

#ifdef FROZEN
	goto in_fridge;
#endif
user:	/* A freeze point comes before the signal is looked at, so a killed thread can still freeze. */
	if
	:: d_step { FREEZING(_pid) -> ADD(frozen, _pid) };
in_fridge:
		sleep_in_fridge(_pid);
		if
		:: killed
		:: !killed -> goto user
		fi
	:: killed && !FREEZING(_pid)
	fi;

dequeue:	/* From here on the thread runs down the exit path and meets no freeze point any more. */
	skip;
exiting:
	skip;
leave_live:
	d_step { live--; group_dead = (live == 0) };
drop_mm:	/* needs its own task lock */
	d_step { task_locked != _pid -> REMOVE(has_mm, _pid) };
mmput:
	io();
#ifdef LEGACY
legacy_drop:
	d_step {
		if
		:: IN(marked, _pid) -> REMOVE(marked, _pid); oom_victims--
		:: else
		fi
	};
#endif
accounting:
	if
	:: group_dead -> group_dead = false; io()
	:: else
	fi;
close_files:
	io();
task_work:
	io();
leave_cgroup:	/* off the cgroup's list; whether the cgroup freezes it is still asked of the same cgroup */
	skip;

notify:	/* one section under the task list's write lock */
	d_step {
		TASKLIST_WRITABLE;
		if
		:: _pid == LEADER ->
#ifdef PARENT_IGNORES
			autoreap = ALONE(LEADER);
#endif
#ifdef RFC
			last = ALONE(LEADER);
#endif
			leader_state = (autoreap -> REAPED : ZOMBIE)
		:: else -> autoreap = true
		fi
	};
	if
	:: autoreap ->
release_self:	/* takes the same lock again: anything can happen between the two sections */
		d_step {
			TASKLIST_WRITABLE;
			autoreap = false;
			REMOVE(hashed, _pid);
#ifdef PARENT_IGNORES
			if
			:: _pid != LEADER && hashed == BIT(LEADER) && leader_state == ZOMBIE ->
				leader_state = REAPED;
				zap_leader = true;
#ifdef RFC
				last = true
#endif
			:: else
			fi
#endif
		};
		if
		:: zap_leader ->
release_leader:
			d_step { TASKLIST_WRITABLE; zap_leader = false; REMOVE(hashed, LEADER) }
		:: else
		fi
	:: else
	fi;

#ifdef RFC
rfc_drop:
	d_step {
		if
		:: last && marked -> oom_victims--
		:: else
		fi;
		last = false
	};
#endif
tail:
	skip;
final:
	ADD(dead, _pid);
	false
}

/* Matters for the victim only when it waits, and for the suspender as one more task to freeze. */
active proctype parent()
{
#if defined(SUSPEND) || !defined(PARENT_IGNORES)
	do
#ifdef SUSPEND
	:: d_step { FREEZING(PARENT) -> ADD(frozen, PARENT) };
		sleep_in_fridge(PARENT)
#endif
#ifndef PARENT_IGNORES
	:: d_step { leader_state == ZOMBIE && ALONE(LEADER) -> leader_state = REAPED };
		d_step { TASKLIST_WRITABLE -> REMOVE(hashed, LEADER) }
#endif
	od
#endif
	false
}

active proctype trigger()
{
	byte thread;

	/* A user task can be frozen before its allocation and after it, never inside. */
#if defined(SUSPEND) && !defined(TRIGGER_KTHREAD)
	do
	:: d_step { FREEZING(TRIGGER) -> ADD(frozen, TRIGGER) };
		sleep_in_fridge(TRIGGER)
	:: break
	od;
#endif

	atomic { !oom_lock -> oom_lock = true };
	if
	:: oom_disabled -> goto unlock
	:: else
	fi;

	/* Find the first thread that has an mm and keep its task lock, so that the mm stays until it is marked. */
	d_step {
		do
		:: thread < N && !IN(has_mm, thread) -> thread++
		:: else -> break
		od;
		if
		:: thread < N -> task_locked = thread
		:: else
		fi
	};
	if
	:: task_locked == NOBODY -> goto unlock
	:: else
	fi;
	killed = true;

#ifdef LEGACY
	ADD(marked, thread);
	wake_frozen(thread);
	d_step { oom_victims++; thread = 0 };
#else
	marked = true;
	d_step { oom_victims++; thread = 0 };
	do
	:: thread < N -> wake_frozen(thread); thread++
	:: else -> thread = 0; break
	od;
#endif

	task_locked = NOBODY;
	/* Sleeps for a moment with the OOM lock held. */
	skip;
unlock:
	atomic { oom_lock = false; thread = 0 };

#if defined(SUSPEND) && !defined(TRIGGER_KTHREAD)
	do
	:: d_step { FREEZING(TRIGGER) -> ADD(frozen, TRIGGER) };
		sleep_in_fridge(TRIGGER)
	od
#endif
	false
}

#ifdef SUSPEND
#ifdef TRIGGER_KTHREAD
#define FREEZABLE_TASKS (N + 1)
#else
#define FREEZABLE_TASKS (N + 2)
#endif
#define UNHASHED(task) ((task) < N && !IN(hashed, task))
/* What a freezer pass need not wait for. */
#define SETTLED(task)  (UNHASHED(task) || IN(frozen, task) || !FREEZING(task))

/*
 * One round of the freezer: passes over all tasks until one pass finds every task settled. A pass looks at the
 * tasks one by one, so a task may change between its turn and the end of the pass.
 *
 * A failed pass leaves no trace here, as a task that is to freeze can do so at once. So instead of repeating it
 * blindly, the suspender waits until the task that failed it has settled. A pass that would have succeeded in
 * the meantime is found anyway: it is the first pass of another interleaving.
 */
inline freeze_round(expired)
{
	do
	:: d_step { tasklist_read = true; task = 0 };
		do
		:: d_step { task < FREEZABLE_TASKS && SETTLED(task) -> task++ }
		:: d_step { task < FREEZABLE_TASKS && !SETTLED(task) -> tasklist_read = false; deadline = true };
			break
		:: d_step { task == FREEZABLE_TASKS -> tasklist_read = false }; break
		od;
		if
		:: task == FREEZABLE_TASKS -> task = 0; break
		:: atomic { task < FREEZABLE_TASKS && SETTLED(task) -> deadline = false; task = 0 }
		:: atomic { task < FREEZABLE_TASKS && timeout -> deadline = false; task = 0; expired = true }; break
		fi
	od
}

active proctype suspender()
{
	byte task;
	bool failed;

	pm_freezing = true;
	freeze_round(failed);
	if
	:: failed -> goto thaw
	:: else
	fi;

	/* Disable the OOM killer, then wait for the victims that were marked before. */
	d_step { !oom_lock -> oom_lock = true };
	d_step { oom_disabled = true; oom_lock = false; deadline = true };
	if
	:: atomic { oom_victims == 0 -> deadline = false; phase = DISABLED }
	:: atomic { timeout -> deadline = false; oom_disabled = false; failed = true }; goto thaw
	fi;

#ifdef KTHREADS
	freeze_round(failed);
	if
	:: failed -> goto thaw
	:: else
	fi;
#endif

	d_step { phase = ASLEEP; result = SUSPENDED };
	if
	:: true		/* a wake-up event comes, now or later */
	:: true -> false	/* none ever comes */
	fi;

thaw:
	atomic {
		pm_freezing = false;
		oom_disabled = false;
		phase = NO_PHASE;
		result = (failed -> EBUSY : OK);
		failed = false
	};
	d_step { woken = woken | frozen };
	false
}
#endif

/* Takes down the outcome wherever nothing can run any more; a time-out of the suspender counts as running. */
c_decl {
	static unsigned char outcome_seen[16][8][2][4][4];
}

active proctype observer()
{
	atomic {
		timeout && !DEADLINE ->
		c_code {
			static const char *const result_name[] = { "none", "ok", "EBUSY", "suspended" };
			int in_fridge = 0, task;
			int all_dead = now.dead == VICTIM;

			for (task = 0; task < N; task++)
				in_fridge += now.frozen >> task & 1;
			if (!outcome_seen[now.oom_victims & 15][in_fridge][all_dead][now.result][IO_NOW]) {
				outcome_seen[now.oom_victims & 15][in_fridge][all_dead][now.result][IO_NOW] = 1;
				printf("outcome %d %d %d %s %d %d\n", now.oom_victims, in_fridge, all_dead,
				       result_name[now.result], IO_NOW & 1, IO_NOW >> 1);
			}
		}
	};
	false
}
