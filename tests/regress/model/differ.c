/* SPDX-License-Identifier: MIT */
/* Whether a program came to what is expected of it, and what to say if not. */
#include <stdio.h>

#include "expect.h"

static bool is_expected(const struct step *step, const struct expected *expected,
			const struct seen *seen)
{
	uint64_t over = (seen->value - expected->value) & expected->mask;

	if (seen->access != expected->access)
		return false;
	if (step->op != OP_HOP && (!step_reads(step) || expected->access != ACCESS_OK))
		return true;
	if (expected->more)
		return over <= expected->more;
	return !((seen->value ^ expected->value) & ~expected->unknown);
}

int program_differs(const struct program *program, const struct expected *expected,
		    const struct seen *seen)
{
	for (int i = 0; i < program->nsteps; i++)
		if (!is_expected(&program->steps[i], &expected[i], &seen[i]))
			return i;
	return -1;
}

static void came_to(const struct step *step, int access, uint64_t value, char *text, size_t size)
{
	if (access == ACCESS_UNDEFINED)
		snprintf(text, size, "UNDEFINED");
	else if (access != ACCESS_OK)
		snprintf(text, size, "an exception of class 0x%x", (unsigned)access);
	else if (step->op == OP_HOP)
		snprintf(text, size, value ? "a refusal" : "a run");
	else if (!step_reads(step))
		snprintf(text, size, "no exception");
	else
		snprintf(text, size, "%llu (0x%llx)", (unsigned long long)value,
			 (unsigned long long)value);
}

void difference_print(const struct program *program, int step, const struct expected *expected,
		      const struct seen *seen, char *text, size_t size)
{
	char line[80], got[48], wanted[48], more[48] = "";

	step_print(&program->steps[step], line, sizeof(line));
	came_to(&program->steps[step], seen->access, seen->value, got, sizeof(got));
	came_to(&program->steps[step], expected->access, expected->value, wanted, sizeof(wanted));
	if (expected->more)
		snprintf(more, sizeof(more), " and up to 0x%llx more",
			 (unsigned long long)expected->more);
	snprintf(text, size, "step %d, %s: got %s, expected %s%s", step + 1, line, got, wanted,
		 more);
}
