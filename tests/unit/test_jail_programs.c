/* SPDX-License-Identifier: MIT */
/* The programs that the build makes: the kernel's verdict on a call is that of the rules. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "fail_capture.h"
#include "jail/jail_code.h"
#include "jail/jail_rules.h"
#include "jail_programs.h"
#include "options/options.h"

#define NUMBERS 512
#define UPPER   (1ull << 32)
#define SOON    7 /* instructions, of which the last allows KVM_RUN */

static const struct jail_program *program;
static int resets, moves;
static unsigned steps;

/* What the kernel makes of the program, as it documents it. */
static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	steps = 0;
	for (size_t pc = 0; pc < program->length; pc++) {
		const struct sock_filter *code = &program->code[pc];

		steps++;
		switch (code->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(code->k <= sizeof(*data) - sizeof(a));
			memcpy(&a, (const uint8_t *)data + code->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= code->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == code->k ? code->jt : code->jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += code->k;
			break;
		case BPF_RET | BPF_K:
			return code->k;
		default:
			print_error("unknown instruction 0x%x\n", code->code);
			assert_true(false);
		}
	}
	print_error("the program runs past its end\n");
	assert_true(false);
	return 0;
}

/* Calls of another architecture are refused, but for KVM_RUN's, which comes before all else. */
static bool passes(const struct seccomp_data *call)
{
	const struct jail_rule *first = &jail_rules[JAIL_RUN].rules[0];
	const struct jail_argument *argument = &first->arguments[0];
	bool runs = call->nr == first->call && call->args[argument->index] == argument->value;
	struct seccomp_data foreign = *call;
	uint32_t verdict = run(call);

	assert_true(verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_TRAP);
	foreign.arch = AUDIT_ARCH_ARM;
	assert_int_equal(run(&foreign), runs ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
	return verdict == SECCOMP_RET_ALLOW;
}

static bool has(enum jail_list list)
{
	return list == JAIL_RUN || (list == JAIL_RESET && resets) || (list == JAIL_MOVE && moves);
}

/* What the rules say, read another way than by the generator. */
static bool fits(const struct jail_argument *argument, uint64_t value)
{
	switch (argument->check) {
	case JAIL_IS:
		return value == argument->value;
	case JAIL_WITHIN:
		return (value | argument->value) == argument->value;
	case JAIL_OWN_PROCESS:
		return value == JAIL_PROCESS_MARK;
	case JAIL_MOVED_THREAD:
		return value >= JAIL_THREAD_MARK && value < JAIL_THREAD_MARK + MAX_VCPUS;
	default:
		return true;
	}
}

static bool allowed(const struct seccomp_data *call)
{
	for (int list = 0; list < JAIL_LISTS; list++)
		for (size_t i = 0; has(list) && i < jail_rules[list].count; i++) {
			const struct jail_rule *rule = &jail_rules[list].rules[i];
			bool all = rule->call == call->nr;

			for (int j = 0; j < JAIL_ARGUMENTS; j++)
				all &= fits(&rule->arguments[j],
					    call->args[rule->arguments[j].index]);
			if (all)
				return true;
		}
	return false;
}

static void judge(const struct seccomp_data *call)
{
	if (passes(call) == allowed(call))
		return;
	print_error("call %d(0x%llx, 0x%llx, 0x%llx, 0x%llx), resets %d, moves %d: %s\n", call->nr,
		    (unsigned long long)call->args[0], (unsigned long long)call->args[1],
		    (unsigned long long)call->args[2], (unsigned long long)call->args[3], resets,
		    moves, allowed(call) ? "refused" : "allowed");
	assert_true(false);
}

static uint64_t good_value(const struct jail_argument *argument)
{
	if (argument->check == JAIL_OWN_PROCESS)
		return JAIL_PROCESS_MARK;
	return argument->check == JAIL_MOVED_THREAD ? JAIL_THREAD_MARK : argument->value;
}

/* The rule's own call passes where its list is in force; what differs in a bit is judged alike. */
static void judge_rule(const struct jail_rule *rule, bool in_force)
{
	struct seccomp_data call = { .nr = rule->call, .arch = AUDIT_ARCH_AARCH64 };

	for (int i = 0; i < JAIL_ARGUMENTS; i++)
		if (rule->arguments[i].check != JAIL_ANY)
			call.args[rule->arguments[i].index] = good_value(&rule->arguments[i]);
	assert_true(passes(&call) || !in_force);
	judge(&call);
	for (int argument = 0; argument < 6; argument++)
		for (int bit = 0; bit < 64; bit++) {
			struct seccomp_data neighbour = call;

			neighbour.args[argument] ^= 1ull << bit;
			judge(&neighbour);
		}
	for (int i = 0; i < JAIL_ARGUMENTS; i++) {
		struct seccomp_data upper = call;

		if (rule->arguments[i].check == JAIL_ANY)
			continue;
		upper.args[rule->arguments[i].index] |= UPPER;
		assert_false(passes(&upper));
	}
}

static void for_each_program(void (*check)(void))
{
	for (resets = 0; resets < 2; resets++)
		for (moves = 0; moves < 2; moves++) {
			program = &jail_programs[resets][moves];
			check();
		}
}

static void judge_all_rules(void)
{
	for (int list = 0; list < JAIL_LISTS; list++)
		for (size_t i = 0; i < jail_rules[list].count; i++)
			judge_rule(&jail_rules[list].rules[i], has(list));
}

static void rules_are_what_they_say(void **state)
{
	(void)state;
	for_each_program(judge_all_rules);
}

static void judge_all_numbers(void)
{
	static const uint64_t values[] = { 0, 1, 7, UINT32_MAX, UINT64_MAX };

	for (int number = -1; number < NUMBERS; number++)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct seccomp_data call = { .nr = number, .arch = AUDIT_ARCH_AARCH64 };

			for (int argument = 0; argument < 6; argument++)
				call.args[argument] = values[i];
			judge(&call);
		}
}

static void no_other_call_passes(void **state)
{
	(void)state;
	for_each_program(judge_all_numbers);
}

static void judge_threads(void)
{
	struct seccomp_data call = { .nr = jail_rules[JAIL_MOVE].rules[0].call,
				     .arch = AUDIT_ARCH_AARCH64 };

	for (call.args[0] = JAIL_THREAD_MARK - 1; call.args[0] <= JAIL_THREAD_MARK + MAX_VCPUS;
	     call.args[0]++)
		judge(&call);
}

static void as_many_threads_as_vcpus_can_be_moved(void **state)
{
	(void)state;
	for_each_program(judge_threads);
}

/* Whatever stands for the marks is compared with all of an argument, and nothing else is like it.
 */
static void judge_marks(void)
{
	unsigned processes = 0, threads = 0;

	for (size_t i = 0; i < program->length; i++) {
		const struct sock_filter *code = &program->code[i];
		bool compares = code->code == (BPF_JMP | BPF_JEQ | BPF_K);

		processes += compares && code->k == JAIL_PROCESS_MARK;
		threads += compares && code->k - JAIL_THREAD_MARK < MAX_VCPUS;
	}
	assert_int_equal(processes, 1);
	assert_int_equal(threads, moves ? MAX_VCPUS : 0);
	assert_true(program->length >= 1 && program->length <= JAIL_PROGRAM_ROOM);
}

static void marks_are_there_once(void **state)
{
	(void)state;
	for_each_program(judge_marks);
}

static void judge_speed(void)
{
	const struct jail_rule *rule = &jail_rules[JAIL_RUN].rules[0];
	struct seccomp_data call = { .nr = rule->call, .arch = AUDIT_ARCH_AARCH64 };

	call.args[rule->arguments[0].index] = rule->arguments[0].value;
	assert_string_equal(rule->name, "ioctl KVM_RUN");
	assert_int_equal(run(&call), SECCOMP_RET_ALLOW);
	assert_true(steps >= 1 && steps <= SOON);
	/* What the kernel finds out about each number before it installs the program ends here. */
	assert_int_equal(program->code[0].code, BPF_LD | BPF_W | BPF_ABS);
	assert_true(program->code[0].k >= offsetof(struct seccomp_data, args) &&
		    program->code[0].k < sizeof(call));
}

static void kvm_run_comes_first(void **state)
{
	(void)state;
	for_each_program(judge_speed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_what_they_say),
		cmocka_unit_test(no_other_call_passes),
		cmocka_unit_test(as_many_threads_as_vcpus_can_be_moved),
		cmocka_unit_test(marks_are_there_once),
		cmocka_unit_test(kvm_run_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
