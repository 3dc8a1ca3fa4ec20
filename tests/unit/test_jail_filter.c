/* SPDX-License-Identifier: MIT */
/* The filter: the kernel's verdict on a call is that of the rules. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#include "fail_capture.h"
#include "jail_filter.h"

#define REFUSE SECCOMP_RET_KILL_PROCESS

static struct jail_filter filter;

/* What the kernel makes of the program, as it documents it. */
static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < filter.length; pc++) {
		const struct sock_filter *code = &filter.code[pc];

		switch (code->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_in_range(code->k, 0, sizeof(*data) - sizeof(a));
			memcpy(&a, (const uint8_t *)data + code->k, sizeof(a));
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == code->k ? code->jt : code->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & code->k ? code->jt : code->jf;
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

static bool allowed(int call, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	struct seccomp_data data = { .nr = call,
				     .arch = AUDIT_ARCH_AARCH64,
				     .args = { arg0, arg1, arg2 } };
	uint32_t verdict = run(&data);

	data.arch = AUDIT_ARCH_ARM;
	assert_int_equal(run(&data), REFUSE);
	assert_true(verdict == SECCOMP_RET_ALLOW || verdict == REFUSE);
	return verdict == SECCOMP_RET_ALLOW;
}

static void build(const struct jail_rule *rules, size_t count)
{
	jail_filter_begin(&filter, AUDIT_ARCH_AARCH64, REFUSE);
	for (size_t i = 0; i < count; i++)
		jail_filter_allow(&filter, &rules[i], rules[i].value);
	assert_true(jail_filter_end(&filter));
}

static void no_rules_allow_nothing(void **state)
{
	(void)state;
	build(NULL, 0);
	for (int call = -1; call < 500; call++)
		assert_false(allowed(call, 0, 0, 0));
}

/* Two lists in a row, as of the main thread: rules of one call lie apart. */
static void rules_are_what_they_say(void **state)
{
	static const struct jail_rule rules[] = {
		{ "", 29, JAIL_IS, 1, 0xae80, "" },      { "", 29, JAIL_IS, 1, 0xae81, "" },
		{ "", 64, JAIL_ANY, 0, 0, "" },          { "", 122, JAIL_IS, 0, 0, "" },
		{ "", 222, JAIL_LACKS, 2, 4, "" },       { "", 29, JAIL_IS, 1, 0x5401, "" },
		{ "", 122, JAIL_OWN_PROCESS, 0, 7, "" }, { "", 29, JAIL_IS, 2, 5, "" },
		{ "", 63, JAIL_ANY, 0, 0, "" },
	};

	(void)state;
	build(rules, sizeof(rules) / sizeof(rules[0]));
	for (int call = -1; call < 500; call++)
		assert_int_equal(allowed(call, 9, 9, 4), call == 64 || call == 63);
	assert_true(allowed(29, 9, 0xae80, 9));
	assert_true(allowed(29, 9, 0xae81, 9));
	assert_true(allowed(29, 9, 0x5401, 9));
	assert_true(allowed(29, 9, 0, 5));
	assert_false(allowed(29, 0xae80, 0xae82, 9));
	/* The kernel looks at 32 bits, and so do we. */
	assert_true(allowed(29, 9, 0xffffffff0000ae80, 9));
	assert_true(allowed(122, 0, 9, 9));
	assert_true(allowed(122, 7, 9, 9));
	assert_false(allowed(122, 8, 0, 0));
	assert_true(allowed(222, 0, 0, 3));
	assert_false(allowed(222, 0, 0, 7));
	assert_false(allowed(222, 0, 0, 4));
}

#define MOST 512 /* vCPUs */

/* As many threads as a plan can move; a jump alone would not reach over them. */
static void every_vcpu_can_be_moved(void **state)
{
	const struct jail_rule moved = { "", 122, JAIL_MOVED_THREAD, 0, 0, "" };
	const struct jail_rule other = { "", 64, JAIL_ANY, 0, 0, "" };

	(void)state;
	for (uint32_t count = 1; count <= MOST; count++) {
		jail_filter_begin(&filter, AUDIT_ARCH_AARCH64, REFUSE);
		for (int i = 0; i < 60; i++) /* the main thread's others */
			jail_filter_allow(&filter, &other, 0);
		for (uint32_t i = 0; i < count; i++)
			jail_filter_allow(&filter, &moved, 1000 + i);
		assert_true(jail_filter_end(&filter));
		for (uint32_t i = 0; i < count; i++)
			assert_true(allowed(122, 1000 + i, 0, 0));
		assert_false(allowed(122, 999, 0, 0));
		assert_false(allowed(122, 1000 + count, 0, 0));
		assert_true(allowed(64, 0, 0, 0));
		assert_false(allowed(65, 1000, 0, 0));
	}
}

static void no_room_is_a_clear_no(void **state)
{
	const struct jail_rule moved = { "", 122, JAIL_MOVED_THREAD, 0, 0, "" };

	(void)state;
	jail_filter_begin(&filter, AUDIT_ARCH_AARCH64, REFUSE);
	for (uint32_t i = 0; i < JAIL_FILTER_ROOM; i++)
		jail_filter_allow(&filter, &moved, i);
	assert_false(jail_filter_end(&filter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_allow_nothing),
		cmocka_unit_test(rules_are_what_they_say),
		cmocka_unit_test(every_vcpu_can_be_moved),
		cmocka_unit_test(no_room_is_a_clear_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
