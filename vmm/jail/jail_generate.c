/* SPDX-License-Identifier: MIT */
/*
 * Runs while minivmm is built, on the machine that builds: prints the rules' programs as C
 * (jail_code.h), and the names of arm64's system calls.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jail/jail_code.h"
#include "jail/jail_rules.h"
#include "options/options.h"

#define NUMBERS 512 /* more than there are system calls */
#define FIRST   7   /* instructions of print_first() */

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "jail_generate: %s: %s\n", what, strerror(-result));
	exit(1);
}

static uint64_t value_of(const struct jail_argument *argument, uint32_t thread)
{
	switch (argument->check) {
	case JAIL_OWN_PROCESS:
		return JAIL_PROCESS_MARK;
	case JAIL_MOVED_THREAD:
		return JAIL_THREAD_MARK + thread;
	default:
		return argument->value;
	}
}

static struct scmp_arg_cmp comparison(const struct jail_argument *argument, uint32_t thread)
{
	uint64_t value = value_of(argument, thread);

	if (argument->check == JAIL_WITHIN)
		return SCMP_CMP64(argument->index, SCMP_CMP_MASKED_EQ, ~value, 0);
	return SCMP_CMP64(argument->index, SCMP_CMP_EQ, value);
}

/* libseccomp takes numbers as this machine's numbers, so the rules have names, which mean the same
 * everywhere. */
static int number_here(const struct jail_rule *rule)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(rule->name, " "), rule->name);
	if (seccomp_syscall_resolve_name_arch(SCMP_ARCH_AARCH64, name) != rule->call)
		must(-EINVAL, rule->name);
	return seccomp_syscall_resolve_name(name);
}

static void allow(scmp_filter_ctx filter, const struct jail_rule *rule, uint32_t thread)
{
	struct scmp_arg_cmp comparisons[JAIL_ARGUMENTS];
	unsigned count = 0;

	for (; count < JAIL_ARGUMENTS && rule->arguments[count].check != JAIL_ANY; count++)
		comparisons[count] = comparison(&rule->arguments[count], thread);
	must(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number_here(rule), count, comparisons),
	     rule->name);
}

static void allow_list(scmp_filter_ctx filter, enum jail_list list)
{
	uint32_t threads = list == JAIL_MOVE ? MAX_VCPUS : 1;

	for (size_t i = 0; i < jail_rules[list].count; i++) {
		const struct jail_rule *rule = &jail_rules[list].rules[i];
		uint8_t priority = (uint8_t)(UINT8_MAX - (unsigned)list * JAIL_MOST - i);

		must(seccomp_syscall_priority(filter, number_here(rule), priority), rule->name);
		for (uint32_t thread = 0; thread < threads; thread++)
			allow(filter, rule, thread);
	}
}

static scmp_filter_ctx make(bool resets, bool moves)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);

	must(filter ? 0 : -ENOMEM, "seccomp_init");
	must(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), "SCMP_ARCH_NATIVE");
	must(seccomp_arch_add(filter, SCMP_ARCH_AARCH64), "SCMP_ARCH_AARCH64");
	must(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "BADARCH");
	allow_list(filter, JAIL_RUN);
	if (resets)
		allow_list(filter, JAIL_RESET);
	if (moves)
		allow_list(filter, JAIL_MOVE);
	return filter;
}

static void print_code(const struct sock_filter *code)
{
	printf("\t{ 0x%02x, %3u, %3u, 0x%08x },\n", code->code, code->jt, code->jf, code->k);
}

/*
 * In front of the program: KVM_RUN, by far the most frequent call, is allowed at once. That the
 * first instruction loads an argument matters as well. The kernel runs a new program for each call
 * number there is, up to such a load, to remember what it always allows: that would cost more than
 * all else here, and threads that live in KVM_RUN have little from it. An arm64 process has no
 * other architecture's calls as long as it executes nothing.
 */
static void print_first(const struct jail_rule *rule)
{
	const struct jail_argument *argument = &rule->arguments[0];
	uint32_t low = (uint32_t)(offsetof(struct seccomp_data, args) +
				  argument->index * sizeof(uint64_t)); /* little endian */
	const struct sock_filter code[FIRST] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument->value, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low + sizeof(uint32_t)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	for (size_t i = 0; i < FIRST; i++)
		print_code(&code[i]);
}

static void print_program(bool resets, bool moves)
{
	scmp_filter_ctx filter = make(resets, moves);
	struct sock_filter code;
	FILE *file = tmpfile();

	must(file ? 0 : -errno, "tmpfile");
	must(seccomp_export_bpf(filter, fileno(file)), "seccomp_export_bpf");
	seccomp_release(filter);
	rewind(file);
	printf("static const struct sock_filter jail_code_%d%d[] = {\n", resets, moves);
	print_first(&jail_rules[JAIL_RUN].rules[0]);
	for (unsigned length = FIRST; fread(&code, sizeof(code), 1, file) == 1; length++) {
		must(length < JAIL_PROGRAM_ROOM ? 0 : -E2BIG, "JAIL_PROGRAM_ROOM");
		print_code(&code);
	}
	fclose(file);
	printf("};\n");
}

static void print_names(void)
{
	/* One text: an array of pointers would have to be relocated at each start. */
	printf("/* The names of all numbers from 0, each ended by a 0; a number may have none. */\n"
	       "static const char jail_call_names[] =\n");
	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_AARCH64, number);

		printf("\t\"%s\\0\"\n", name ? name : "");
		free(name);
	}
	printf("\t;\n");
}

int main(void)
{
	/* SCMP_ACT_KILL_PROCESS needs this API level; libseccomp would otherwise ask the kernel of
	 * the machine that builds. */
	must(seccomp_api_set(3), "seccomp_api_set");
	printf("/* jail_generate.c made this of jail_rules.c. */\n");
	for (int i = 0; i < 4; i++)
		print_program(i & 2, i & 1);
	printf("/* For guests that may reset themselves, and for timed plans. */\n"
	       "static const struct jail_program jail_programs[2][2] = {\n");
	for (int resets = 0; resets < 2; resets++)
		for (int moves = 0; moves < 2; moves++)
			printf("\t[%d][%d] = { jail_code_%d%d, "
			       "sizeof(jail_code_%d%d) / sizeof(struct sock_filter) },\n",
			       resets, moves, resets, moves, resets, moves);
	printf("};\n\n");
	print_names();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
