/* SPDX-License-Identifier: MIT */
#include <linux/seccomp.h>
#include <stddef.h>

#include "jail_filter.h"

#define TO_ALLOW 255 /* in place of how many instructions a jump skips, until the end is known */
#define FAR      200 /* a jump can skip 255 */

static void emit(struct jail_filter *filter, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (filter->length < JAIL_FILTER_ROOM)
		filter->code[filter->length] = (struct sock_filter){ code, yes, no, k };
	filter->length++;
}

static void load(struct jail_filter *filter, size_t offset)
{
	emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void jump_if_equal(struct jail_filter *filter, uint32_t value, uint8_t yes)
{
	emit(filter, BPF_JMP | BPF_JEQ | BPF_K, yes, 0, value);
}

/* An argument's low half: arm64 is little endian. */
static void load_argument(struct jail_filter *filter, unsigned arg)
{
	load(filter, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t));
}

void jail_filter_begin(struct jail_filter *filter, uint32_t architecture, uint32_t refuse)
{
	/* Not the code: its pages would be the thread's from then on. */
	filter->refuse = refuse;
	filter->group = filter->waiting = filter->length = 0;
	/*
	 * Of no use to the program. The kernel runs a new one for each call number there is,
	 * up to its first look at an argument, to remember what it always allows: that costs
	 * more than all else here, and threads that live in KVM_RUN have little from it.
	 */
	load_argument(filter, 0);
	load(filter, offsetof(struct seccomp_data, arch));
	jump_if_equal(filter, architecture, 1);
	emit(filter, BPF_RET | BPF_K, 0, 0, refuse);
	load(filter, offsetof(struct seccomp_data, nr));
}

/* Rules on the same argument of a call that follow one another share its loading. */
static void end_group(struct jail_filter *filter)
{
	if (!filter->group)
		return;
	load(filter, offsetof(struct seccomp_data, nr));
	if (filter->length <= JAIL_FILTER_ROOM)
		filter->code[filter->group].jf = (uint8_t)(filter->length - filter->group - 1);
	filter->group = 0;
}

static void begin_group(struct jail_filter *filter, const struct jail_rule *rule)
{
	if (filter->group && filter->group_call == rule->call && filter->group_arg == rule->arg)
		return;
	end_group(filter);
	filter->group = filter->length;
	filter->group_call = rule->call;
	filter->group_arg = rule->arg;
	jump_if_equal(filter, (uint32_t)rule->call, 0);
	load_argument(filter, rule->arg);
}

/* For the jumps until here, as the program's end is too far for them. */
static void allow_here(struct jail_filter *filter)
{
	end_group(filter);
	emit(filter, BPF_JMP | BPF_JA, 0, 0, 1);
	emit(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	filter->waiting = 0;
}

void jail_filter_allow(struct jail_filter *filter, const struct jail_rule *rule, uint32_t value)
{
	if (!filter->waiting)
		filter->waiting = filter->length;
	else if (filter->length - filter->waiting > FAR)
		allow_here(filter);
	if (rule->check == JAIL_ANY) {
		end_group(filter);
		jump_if_equal(filter, (uint32_t)rule->call, TO_ALLOW);
		return;
	}
	begin_group(filter, rule);
	if (rule->check == JAIL_LACKS)
		emit(filter, BPF_JMP | BPF_JSET | BPF_K, 0, TO_ALLOW, value);
	else
		jump_if_equal(filter, value, TO_ALLOW);
}

bool jail_filter_end(struct jail_filter *filter)
{
	size_t allow;

	end_group(filter);
	emit(filter, BPF_RET | BPF_K, 0, 0, filter->refuse);
	allow = filter->length;
	emit(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	if (filter->length > JAIL_FILTER_ROOM)
		return false;
	for (size_t i = allow; i-- > 0;) {
		struct sock_filter *jump = &filter->code[i];

		if (jump->code == (BPF_RET | BPF_K) && jump->k == SECCOMP_RET_ALLOW)
			allow = i;
		if (BPF_CLASS(jump->code) != BPF_JMP)
			continue;
		if (jump->jt == TO_ALLOW)
			jump->jt = (uint8_t)(allow - i - 1);
		if (jump->jf == TO_ALLOW)
			jump->jf = (uint8_t)(allow - i - 1);
	}
	return true;
}
