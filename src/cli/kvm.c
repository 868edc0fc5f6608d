/* SPDX-License-Identifier: MIT */
/* Does hardware virtualisation work here? See kvm.h. */
#include "cli/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the probing process ends with. */
enum outcome {
	WORKS,
	NO_DEVICE,
	NO_PERMISSION,
	NOT_OPENED,
	NO_MACHINE,
	NO_RUN,
};

static const char *const sentences[] = {
	[NO_DEVICE] = "there is no /dev/kvm",
	[NO_PERMISSION] = "this user may not open /dev/kvm (group kvm?)",
	[NOT_OPENED] = "/dev/kvm does not open",
	[NO_MACHINE] = "/dev/kvm opens but makes no virtual machine",
	[NO_RUN] = "/dev/kvm makes a virtual machine that does not execute all instructions",
};

#if defined(__x86_64__)
/* The memory of the machine: a page of code and three of page tables. */
#define MEMORY_SIZE 0x4000
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000

/*
 * "paddd %xmm0,%xmm0; hlt": the instruction emulator of KVM, by which some
 * nested and some broken machines execute kernels, does not know the first.
 */
static const uint8_t code[] = {0x66, 0x0f, 0xfe, 0xc0, 0xf4};

static void fill_memory(uint8_t *memory)
{
	const uint64_t present_writable = 3, large = 1 << 7;
	uint64_t entry;

	memcpy(memory, code, sizeof(code));
	entry = PDPT | present_writable;
	memcpy(memory + PML4, &entry, sizeof(entry));
	entry = PD | present_writable;
	memcpy(memory + PDPT, &entry, sizeof(entry));
	entry = 0 | present_writable | large;
	memcpy(memory + PD, &entry, sizeof(entry));
}

/* The processor that KVM can give, else it may refuse long mode. */
static int set_cpuid(int kvm, int cpu)
{
	const uint32_t entries = 256;
	struct kvm_cpuid2 *cpuid;
	int result = -1;

	cpuid = calloc(1, sizeof(*cpuid) + entries * sizeof(struct kvm_cpuid_entry2));
	if (!cpuid)
		return -1;
	cpuid->nent = entries;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) >= 0)
		result = ioctl(cpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return result;
}

/* 64-bit mode with paging, as a kernel runs. */
static int set_registers(int cpu)
{
	struct kvm_segment segment = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 3,
		.present = 1,
		.s = 1,
		.g = 1,
	};
	struct kvm_regs registers = {.rflags = 2};
	struct kvm_sregs special;

	if (ioctl(cpu, KVM_GET_SREGS, &special) < 0)
		return -1;
	special.ds = special.es = special.fs = special.gs = special.ss = segment;
	segment.type = 11;
	segment.l = 1;
	special.cs = segment;
	special.cr0 = 0x80000033; /* PG, NE, ET, MP, PE */
	special.cr3 = PML4;
	special.cr4 = 1 << 5 | 1 << 9;   /* PAE, OSFXSR */
	special.efer = 1 << 8 | 1 << 10; /* LME, LMA */
	if (ioctl(cpu, KVM_SET_SREGS, &special) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &registers);
}

static enum outcome run_code(int kvm, int machine, int cpu)
{
	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_userspace_memory_region region = {.memory_size = MEMORY_SIZE};
	struct kvm_run *run;
	uint8_t *memory;

	if (run_size < (int)sizeof(*run))
		return NO_RUN;
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (memory == MAP_FAILED || run == MAP_FAILED)
		return NO_RUN;
	fill_memory(memory);
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0 || set_cpuid(kvm, cpu) < 0 ||
	    set_registers(cpu) < 0 || ioctl(cpu, KVM_RUN, 0) < 0)
		return NO_RUN;
	return run->exit_reason == KVM_EXIT_HLT ? WORKS : NO_RUN;
}
#else
static enum outcome run_code(int kvm, int machine, int cpu)
{
	(void)kvm;
	(void)machine;
	(void)cpu;
	return WORKS;
}
#endif

static enum outcome probe(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int machine, cpu;

	if (kvm < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return NO_DEVICE;
	if (kvm < 0)
		return errno == EACCES || errno == EPERM ? NO_PERMISSION : NOT_OPENED;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return NO_MACHINE;
	machine = ioctl(kvm, KVM_CREATE_VM, 0);
	cpu = machine < 0 ? -1 : ioctl(machine, KVM_CREATE_VCPU, 0);
	return cpu < 0 ? NO_MACHINE : run_code(kvm, machine, cpu);
}

const char *pg_kvm_problem(void)
{
	int status;
	pid_t pid = fork();

	/* In a process of its own, which gives everything back, and with an end to its patience. */
	if (!pid) {
		alarm(3);
		_exit((int)probe());
	}
	if (pid < 0)
		return sentences[NO_RUN];
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return sentences[NO_RUN];
	if (!WIFEXITED(status) || WEXITSTATUS(status) > NO_RUN)
		return sentences[NO_RUN];
	return sentences[WEXITSTATUS(status)];
}
