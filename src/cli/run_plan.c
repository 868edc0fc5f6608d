/* SPDX-License-Identifier: MIT */
/*
 * Decides how QEMU and paragpud are to be started; see run.h. The facts about
 * front ends are in docs/using-with-qemu.md.
 */
#include "cli/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/kvm.h"
#include "cli/runtime.h"
#include "display/vnc.h"

#define DEFAULT_MEMORY (2ull << 30)

struct planner {
	struct pg_run_plan *plan;
	const struct pg_run_options *options;
	struct pg_qemu qemu;
	struct pg_qemu_arguments user;
	const char *architecture; /* of the guest */
	enum pg_run_frontend frontend;
	char folder[160];
	char name[40];
	char qemu_path[64];
	char *problem;
	size_t problem_size;
};

__attribute__((format(printf, 2, 3))) static void note(struct pg_run_plan *plan, const char *format,
						       ...)
{
	va_list arguments;

	if (plan->note_count == PG_RUN_MAX_NOTES)
		return;
	va_start(arguments, format);
	vsnprintf(plan->notes[plan->note_count], sizeof(plan->notes[0]), format, arguments);
	va_end(arguments);
	plan->note_count++;
}

__attribute__((format(printf, 3, 4))) static int refuse(struct planner *planner, int error,
							const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(planner->problem, planner->problem_size, format, arguments);
	va_end(arguments);
	return error;
}

static bool is_x86(const struct planner *planner)
{
	return !strcmp(planner->architecture, "x86_64") || !strcmp(planner->architecture, "i386");
}

/* --- which QEMU, which front end -------------------------------------------------------------- */

static int find_qemu(struct planner *planner)
{
	struct utsname host;
	const char *path = planner->options->qemu;

	if (!path) {
		uname(&host);
		snprintf(planner->qemu_path, sizeof(planner->qemu_path), "qemu-system-%.40s",
			 !strcmp(host.machine, "i686") ? "i386" : host.machine);
		path = planner->qemu_path;
	}
	planner->architecture = pg_qemu_architecture(path);
	return pg_qemu_probe(&planner->qemu, path, planner->problem, planner->problem_size);
}

static int check_frontend(struct planner *planner, bool there, const char *device)
{
	const struct pg_qemu *qemu = &planner->qemu;

	if (there)
		return 0;
	return refuse(
		planner, -ENOTSUP, "%s %u.%u.%u has no %s%s", qemu->path, qemu->major, qemu->minor,
		qemu->micro, device,
		pg_qemu_at_least(qemu, 11, 1)
			? "; it was built without it"
			: "; install QEMU 11.1 or newer (Debian 13: from trixie-backports), or try "
			  "--frontend=auto");
}

/* The best that this QEMU has. */
static int choose_frontend(struct planner *planner)
{
	const struct pg_qemu *qemu = &planner->qemu;
	const struct pg_daemon_options *daemon = &planner->options->daemon;
	/* memory of renderers can be mapped only through the window that generic has */
	bool needs_window = daemon->renderer_count || daemon->virgl;

	if (pg_qemu_at_least(qemu, 11, 2) && qemu->has_gpu &&
	    !(needs_window && qemu->has_generic)) {
		planner->frontend = is_x86(planner) && qemu->has_vga ? PG_FRONTEND_VGA
								     : PG_FRONTEND_GPU;
		return 0;
	}
	if (pg_qemu_at_least(qemu, 11, 1) && qemu->has_generic) {
		planner->frontend = PG_FRONTEND_GENERIC;
		return 0;
	}
	if (!qemu->has_gpu)
		return refuse(
			planner, -ENOTSUP,
			"%s %u.%u.%u has neither vhost-user-gpu-pci nor "
			"vhost-user-test-device-pci, so no GPU can be attached to it; install QEMU "
			"11.1 or newer with its modules (Debian: qemu-system-x86, "
			"qemu-system-modules-opengl)",
			qemu->path, qemu->major, qemu->minor, qemu->micro);
	planner->frontend = is_x86(planner) && qemu->has_vga ? PG_FRONTEND_VGA : PG_FRONTEND_GPU;
	note(planner->plan,
	     "QEMU %u.%u.%u is older than 11.1: the guest gets 2D, EDID and UUIDs in QEMU's own "
	     "display, "
	     "and no blobs",
	     qemu->major, qemu->minor, qemu->micro);
	return 0;
}

static int decide_frontend(struct planner *planner)
{
	const struct pg_qemu *qemu = &planner->qemu;

	planner->frontend = planner->options->frontend;
	switch (planner->frontend) {
	case PG_FRONTEND_GENERIC:
		return check_frontend(planner, qemu->has_generic, "vhost-user-test-device-pci");
	case PG_FRONTEND_GPU:
		return check_frontend(planner, qemu->has_gpu, "vhost-user-gpu-pci");
	case PG_FRONTEND_VGA:
		return check_frontend(planner, qemu->has_vga, "vhost-user-vga");
	case PG_FRONTEND_AUTO:
		break;
	}
	return choose_frontend(planner);
}

/* --- QEMU's command line ---------------------------------------------------------------------- */

/* The guest's memory must be a file that paragpud can map: only then does it see any command. */
static int plan_memory(struct planner *planner)
{
	const struct pg_qemu_arguments *user = &planner->user;
	struct pg_words *words = &planner->plan->qemu;
	uint64_t bytes = user->memory ? user->memory_bytes : DEFAULT_MEMORY;

	if (*user->backend && user->backend_defined && !user->backend_shared)
		return refuse(planner, -EINVAL,
			      "-machine memory-backend=%s: that -object is not shared, so paragpud "
			      "could not "
			      "see the guest's memory; add share=on to it, or leave both out",
			      user->backend);
	if (*user->backend)
		return 0;
	if (user->numa_memory) {
		note(planner->plan,
		     "-numa names the memory: each of its memdev objects must say share=on");
		return 0;
	}
	pg_words_add(words, "-object");
	pg_words_add(words, "memory-backend-memfd,id=paragpu-memory,size=%llu,share=on",
		     (unsigned long long)bytes);
	pg_words_add(words, "-machine");
	pg_words_add(words, "memory-backend=paragpu-memory");
	if (!user->memory) {
		pg_words_add(words, "-m");
		pg_words_add(words, "%llu", (unsigned long long)(bytes >> 20));
	}
	return 0;
}

static void plan_machine(struct planner *planner)
{
	const struct pg_qemu_arguments *user = &planner->user;
	struct pg_words *words = &planner->plan->qemu;
	struct utsname host;
	const char *problem = NULL;

	if (!user->machine && *planner->architecture) {
		pg_words_add(words, "-machine");
		pg_words_add(words, "%s", is_x86(planner) ? "q35" : "virt");
	}
	if (user->accelerator)
		return;
	uname(&host);
	if (*planner->architecture && strcmp(planner->architecture, host.machine) &&
	    !(is_x86(planner) && !strcmp(host.machine, "x86_64")))
		problem = "it is for guests of the host's own architecture";
	else
		problem = pg_kvm_problem();
	if (problem)
		note(planner->plan,
		     "KVM is not used: %s. QEMU emulates the processor instead (tcg); everything "
		     "works, "
		     "slower",
		     problem);
	pg_words_add(words, "-accel");
	pg_words_add(words, "%s", problem ? "tcg" : "kvm");
	if (!user->cpu) {
		pg_words_add(words, "-cpu");
		pg_words_add(words, "%s", problem ? "max" : "host");
	}
}

/* "," in a value of QEMU's is written twice. */
static void add_chardev(struct planner *planner)
{
	char path[sizeof(planner->folder) * 2], *out = path;

	for (const char *in = planner->folder; *in; in++) {
		if (*in == ',')
			*out++ = ',';
		*out++ = *in;
	}
	*out = '\0';
	pg_words_add(&planner->plan->qemu, "-chardev");
	pg_words_add(&planner->plan->qemu, "socket,id=paragpu,path=%s/%s.gpu", path, planner->name);
}

static void plan_device(struct planner *planner)
{
	struct pg_words *words = &planner->plan->qemu;
	const struct paragpu_settings *settings = &planner->options->daemon.settings;

	add_chardev(planner);
	pg_words_add(words, "-device");
	if (planner->frontend == PG_FRONTEND_GENERIC)
		pg_words_add(words, "vhost-user-test-device-pci,virtio-id=16,num_vqs=2,vq_size=256,"
				    "config_size=20,chardev=paragpu");
	else
		pg_words_add(words, "%s,chardev=paragpu,max_outputs=%u,xres=%u,yres=%u",
			     planner->frontend == PG_FRONTEND_VGA ? "vhost-user-vga"
								  : "vhost-user-gpu-pci",
			     settings->head_count, settings->heads[0].width,
			     settings->heads[0].height);
	/* Another graphics card would take the guest's console. */
	if (is_x86(planner) && !planner->user.vga) {
		pg_words_add(words, "-vga");
		pg_words_add(words, "none");
	}
}

/* The display of QEMU: ours has no window there, or one that can take dma-bufs is demanded. */
static void plan_qemu_display(struct planner *planner)
{
	const struct pg_qemu *qemu = &planner->qemu;
	const char *kind = "none";
	bool desktop = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");

	if (planner->user.display) {
		if (planner->frontend == PG_FRONTEND_GENERIC)
			note(planner->plan, "with this front end the guest's screen is not in "
					    "QEMU's display but in "
					    "paragpud's (--display)");
		return;
	}
	if (planner->frontend != PG_FRONTEND_GENERIC && desktop && qemu->has_gtk)
		kind = "gtk,gl=on";
	else if (planner->frontend != PG_FRONTEND_GENERIC && desktop && qemu->has_sdl)
		kind = "sdl,gl=on";
	else if (planner->frontend != PG_FRONTEND_GENERIC)
		note(planner->plan,
		     "no desktop is here for QEMU to show the guest on; take a look with \"paragpu "
		     "screenshot FILE.png\", or name a -display");
	pg_words_add(&planner->plan->qemu, "-display");
	pg_words_add(&planner->plan->qemu, "%s", kind);
}

static int plan_qemu(struct planner *planner)
{
	struct pg_words *words = &planner->plan->qemu;
	int error;

	pg_words_add(words, "%s", planner->qemu.path);
	plan_machine(planner);
	error = plan_memory(planner);
	if (error)
		return error;
	/* The user's devices come before ours, which so leaves them their slots. */
	pg_words_append(words, planner->options->qemu_words, (size_t)planner->options->qemu_count);
	plan_device(planner);
	plan_qemu_display(planner);
	return 0;
}

/* --- paragpud's command line ------------------------------------------------------------------- */

/* The one beside us: installed in one folder, or built in neighbouring ones. */
static void find_paragpud(char *path, size_t size)
{
	char self[200];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length < 0 ? 0 : length] = '\0';
	if (strrchr(self, '/')) {
		*strrchr(self, '/') = '\0';
		snprintf(path, size, "%s/paragpud", self);
		if (!access(path, X_OK))
			return;
		snprintf(path, size, "%s/../daemon/paragpud", self);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, size, "paragpud");
}

/* Nobody asked for a display, and QEMU has none for this front end. */
static void plan_screen(struct planner *planner, const char *paragpud)
{
	char program[PATH_MAX];

	if (!pg_vnc_find(paragpud, program)) {
		note(planner->plan,
		     "the guest's screen is not shown, for VNC is not installed (there is no %s); "
		     "take a look with \"paragpu screenshot FILE.png\"",
		     program);
		return;
	}
	pg_words_add(&planner->plan->daemon, "--display=vnc:unix:%s/%s.vnc", planner->folder,
		     planner->name);
	note(planner->plan,
	     "the guest's screen: vncviewer %s/%s.vnc (TigerVNC); --display=vnc:5900 for any "
	     "viewer on this machine",
	     planner->folder, planner->name);
}

static int plan_daemon(struct planner *planner)
{
	const struct pg_run_options *options = planner->options;
	struct pg_words *words = &planner->plan->daemon;
	char path[256];

	if (options->paragpud)
		snprintf(path, sizeof(path), "%s", options->paragpud);
	else
		find_paragpud(path, sizeof(path));
	if (options->name)
		snprintf(planner->name, sizeof(planner->name), "%s", options->name);
	else
		snprintf(planner->name, sizeof(planner->name), "vm-%d", (int)getpid());
	snprintf(planner->plan->control, sizeof(planner->plan->control), "%s/%s" PG_CONTROL_SUFFIX,
		 planner->folder, planner->name);
	pg_words_add(words, "%s", path);
	pg_words_add(words, "--socket-path=%s/%s.gpu", planner->folder, planner->name);
	pg_words_add(words, "--control=%s", planner->plan->control);
	pg_words_append(words, options->daemon_words.words, options->daemon_words.count);
	if (planner->frontend == PG_FRONTEND_GENERIC && !options->daemon.display_count)
		plan_screen(planner, path);
	return 0;
}

int pg_run_plan_make(struct pg_run_plan *plan, const struct pg_run_options *options, char *problem,
		     size_t problem_size)
{
	struct planner planner = {
		.plan = plan,
		.options = options,
		.problem = problem,
		.problem_size = problem_size,
	};
	int error;

	*plan = (struct pg_run_plan){0};
	error = find_qemu(&planner);
	if (!error)
		error = pg_qemu_read_arguments(&planner.user, options->qemu_count,
					       options->qemu_words, problem, problem_size);
	if (!error && planner.user.only_asks) {
		pg_words_add(&plan->qemu, "%s", planner.qemu.path);
		pg_words_append(&plan->qemu, options->qemu_words, (size_t)options->qemu_count);
		return 0;
	}
	if (!error && planner.user.daemonize)
		error = refuse(&planner, -EINVAL,
			       "-daemonize: QEMU would leave paragpu, which ends both together; "
			       "run paragpu "
			       "itself in the background");
	if (!error)
		error = decide_frontend(&planner);
	if (!error)
		error = pg_runtime_make(planner.folder, sizeof(planner.folder), problem,
					problem_size);
	if (!error)
		error = plan_daemon(&planner);
	if (!error)
		error = plan_qemu(&planner);
	if (!error && (plan->daemon.failed || plan->qemu.failed))
		error = refuse(&planner, -ENOMEM, "out of memory");
	return error;
}

void pg_run_plan_finish(struct pg_run_plan *plan)
{
	pg_words_finish(&plan->daemon);
	pg_words_finish(&plan->qemu);
}
