/* /init (started as anything else it only checks a script): mounts, says which kernel this is, plays /situation, prints the end record, and leaves through the exit device. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "probe.h"

#define EXIT_DEVICE 0xf4
#define DONE 16			/* QEMU ends with 2 * 16 + 1 */

static void machine(void)
{
	struct utsname u;

	uname(&u);
	/* Firmware leaves the cursor anywhere. */
	printf("\n{\"kernel\": \"%s\", \"version\": \"%s\"}\n", u.release, u.version);
}

static void prepare(void)
{
	put("/proc/sys/kernel/printk", "1");
	put("/proc/sys/kernel/kptr_restrict", "0");
	put("/proc/sys/kernel/sysrq", "1");
	put("/proc/sys/kernel/core_pattern", "/dev/null");
	/* Without it a suspend would be a real one, from which nobody wakes the machine. */
	can_suspend = !put("/sys/power/pm_test", "freezer");
	put("/sys/module/suspend/parameters/pm_test_delay", "1");
	put("/sys/power/pm_freeze_timeout", "4000");
	put("/sys/power/sync_on_suspend", "0");
	put("/proc/self/oom_score_adj", "-1000");
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[0], "role"))
		return role_main(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* What it does is for a machine that nobody else uses. */
	if (getpid() != 1) {
		int wrong = argc != 2 || check(argv[1]);

		printf("{\"end\": true}\n");
		return wrong;
	}
	open_console();
	mount_all();
	load_modules();
	prepare();
	find_symbols();
	machine();
	print_symbols();
	if (make_roles())
		play("/situation");
	else
		printf("{\"lacks\": \"MEMFD_CREATE\"}\n");
	int may_leave = !iopl(3);

	if (!may_leave)
		printf("{\"lacks\": \"X86_IOPL_IOPERM\"}\n");
	printf("{\"end\": true}\n");
	fflush(stdout);
	usleep(50000);
	if (may_leave)
		outb(DONE, EXIT_DEVICE);
	reboot(RB_POWER_OFF);
	return 1;
}
