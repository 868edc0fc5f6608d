/* SPDX-License-Identifier: MIT */
/* Does hardware virtualisation work here? */
#ifndef PG_CLI_KVM_H
#define PG_CLI_KVM_H

/*
 * Makes a virtual machine and, on x86, lets it execute two instructions: there
 * are machines whose /dev/kvm opens and cannot run a kernel. Returns NULL if KVM
 * works, else a constant sentence that says why not.
 */
const char *pg_kvm_problem(void);

#endif
