/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

static const struct {
	const char *name;
	uint16_t sysreg;
} registers[] = {
	{ "PMCR_EL0", PMCR_EL0 },
	{ "PMCNTENSET_EL0", PMCNTENSET_EL0 },
	{ "PMCNTENCLR_EL0", PMCNTENCLR_EL0 },
	{ "PMINTENSET_EL1", PMINTENSET_EL1 },
	{ "PMINTENCLR_EL1", PMINTENCLR_EL1 },
	{ "PMOVSSET_EL0", PMOVSSET_EL0 },
	{ "PMOVSCLR_EL0", PMOVSCLR_EL0 },
	{ "PMSWINC_EL0", PMSWINC_EL0 },
	{ "PMSELR_EL0", PMSELR_EL0 },
	{ "PMXEVTYPER_EL0", PMXEVTYPER_EL0 },
	{ "PMXEVCNTR_EL0", PMXEVCNTR_EL0 },
	{ "PMUSERENR_EL0", PMUSERENR_EL0 },
	{ "PMCCNTR_EL0", PMCCNTR_EL0 },
	{ "PMCCFILTR_EL0", PMCCFILTR_EL0 },
};

#define WORDS      6 /* of a line, at most */
#define NREGISTERS (sizeof(registers) / sizeof(registers[0]))

static const char *const modes[] = { "default", "explicit", "composite", "strict" };
static const char *const wheres[] = { "home", "near", "far" };
static const char *const ops[] = { "write", "read", "work", "line",  "exit",
				   "hop",   "get",  "set",  "reset", "migrate" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool has_register(enum op op)
{
	return op == OP_WRITE || op == OP_READ || op == OP_GET || op == OP_SET;
}

static void register_print(uint16_t sysreg, char *text, size_t size)
{
	unsigned value = sysreg - PMEVCNTR_EL0(0), type = sysreg - PMEVTYPER_EL0(0);

	for (size_t i = 0; i < NREGISTERS; i++)
		if (registers[i].sysreg == sysreg) {
			snprintf(text, size, "%s", registers[i].name);
			return;
		}
	if (value < CYCLE)
		snprintf(text, size, "PMEVCNTR%u_EL0", value);
	else
		snprintf(text, size, "PMEVTYPER%u_EL0", type);
}

static bool register_parse(const char *text, uint16_t *sysreg)
{
	unsigned n = 0;
	int end = 0;

	for (size_t i = 0; i < NREGISTERS; i++)
		if (!strcmp(registers[i].name, text)) {
			*sysreg = registers[i].sysreg;
			return true;
		}
	if (sscanf(text, "PMEVCNTR%2u_EL0%n", &n, &end) == 1 && end && !text[end] && n < CYCLE) {
		*sysreg = PMEVCNTR_EL0(n);
		return true;
	}
	end = 0;
	if (sscanf(text, "PMEVTYPER%2u_EL0%n", &n, &end) == 1 && end && !text[end] && n < CYCLE) {
		*sysreg = PMEVTYPER_EL0(n);
		return true;
	}
	return false;
}

void step_print(const struct step *step, char *text, size_t size)
{
	char on[12] = "", name[24] = "", value[24] = "";

	if (step->vcpu)
		snprintf(on, sizeof(on), "on %u ", step->vcpu);
	if (has_register(step->op))
		register_print(step->sysreg, name, sizeof(name));
	if (step->op == OP_WRITE || step->op == OP_SET)
		snprintf(value, sizeof(value), " 0x%llx", (unsigned long long)step->value);
	else if (step->op == OP_WORK)
		snprintf(value, sizeof(value), "%llu", (unsigned long long)step->value);
	else if (step->op == OP_HOP || step->op == OP_MIGRATE)
		snprintf(value, sizeof(value), "%s", wheres[step->value]);
	snprintf(text, size, "%s%s%s%s%s%s", on, ops[step->op], *name || *value ? " " : "", name,
		 value, step->el0 ? " el0" : "");
}

void program_print(const struct program *program, char *text)
{
	char line[80];
	size_t used;

	snprintf(text, PROGRAM_TEXT, "mode %s\n", modes[program->mode]);
	used = strlen(text);
	if (program->counters != PROGRAM_ALL_COUNTERS)
		used += (size_t)snprintf(text + used, PROGRAM_TEXT - used, "counters %u\n",
					 program->counters);
	if (program->denied)
		used += (size_t)snprintf(text + used, PROGRAM_TEXT - used, "deny 0x%x\n",
					 program->denied);
	if (program->nvcpus > 1)
		used += (size_t)snprintf(text + used, PROGRAM_TEXT - used, "vcpus %d\n",
					 program->nvcpus);
	if (program->by_userspace)
		used += (size_t)snprintf(text + used, PROGRAM_TEXT - used,
					 "prepared-by-userspace\n");
	for (int i = 0; i < program->nsteps; i++) {
		step_print(&program->steps[i], line, sizeof(line));
		used += (size_t)snprintf(text + used, PROGRAM_TEXT - used, "%s\n", line);
	}
}

/* Index of @word in a list; the list's length if it is not there. */
static size_t find(const char *const *list, size_t length, const char *word)
{
	size_t i = 0;

	while (i < length && strcmp(list[i], word))
		i++;
	return i;
}

static bool number(const char *word, uint64_t *value)
{
	char *end;

	*value = strtoull(word, &end, 0);
	return *word >= '0' && *word <= '9' && !*end;
}

/* @words of a line about the VM; @n of them. */
static bool parse_setup(struct program *program, char *const *words, int n)
{
	uint64_t value = 0;

	if (n == 1 && !strcmp(words[0], "prepared-by-userspace"))
		return program->by_userspace = true;
	if (n != 2)
		return false;
	if (!strcmp(words[0], "mode")) {
		size_t mode = find(modes, COUNT(modes), words[1]);

		program->mode = (enum program_mode)mode;
		return mode < COUNT(modes);
	}
	if (!number(words[1], &value))
		return false;
	if (!strcmp(words[0], "counters") && value < CYCLE) {
		program->counters = (unsigned)value;
		return true;
	}
	if (!strcmp(words[0], "vcpus") && value && value <= PROGRAM_VCPUS) {
		program->nvcpus = (int)value;
		return true;
	}
	if (strcmp(words[0], "deny") || !value || value > 0x3ff)
		return false;
	program->denied = (unsigned)value;
	return true;
}

/* What stands after "on N". */
static bool parse_operation(struct step *step, char *const *words, int n)
{
	size_t op = n ? find(ops, COUNT(ops), words[0]) : COUNT(ops);
	int used = 1;

	step->op = (enum op)op;
	if (op == COUNT(ops))
		return false;
	if (has_register(step->op)) {
		if (used == n || !register_parse(words[used++], &step->sysreg))
			return false;
	}
	if (step->op == OP_WRITE || step->op == OP_SET || step->op == OP_WORK) {
		if (used == n || !number(words[used++], &step->value))
			return false;
		if (step->op == OP_WORK && step->value > 1ull << 30)
			return false;
	} else if (step->op == OP_HOP || step->op == OP_MIGRATE) {
		if (used == n)
			return false;
		step->value = find(wheres, COUNT(wheres), words[used++]);
		if (step->value == COUNT(wheres))
			return false;
	}
	if (used < n && step->op <= OP_WORK && !strcmp(words[used], "el0")) {
		step->el0 = true;
		used++;
	}
	return used == n;
}

static bool parse_step(const struct program *program, struct step *step, char *const *words, int n)
{
	uint64_t vcpu = 0;
	int used = 0;

	if (!strcmp(words[0], "on")) {
		if (n < 2 || !number(words[1], &vcpu) || vcpu >= (unsigned)program->nvcpus)
			return false;
		used = 2;
	}
	*step = (struct step){ .vcpu = (uint8_t)vcpu };
	return parse_operation(step, words + used, n - used);
}

static bool parse_line(struct program *program, char *line, bool *has_mode)
{
	char *words[WORDS], *rest = NULL, *word;
	int n = 0;

	line[strcspn(line, "#\r")] = '\0';
	for (word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (n == WORDS)
			return false;
		words[n++] = word;
	}
	if (!n)
		return true;
	if (!program->nsteps && parse_setup(program, words, n)) {
		*has_mode |= !strcmp(words[0], "mode");
		return true;
	}
	return *has_mode && program->nsteps < PROGRAM_STEPS &&
	       parse_step(program, &program->steps[program->nsteps++], words, n);
}

bool program_parse(struct program *program, const char *text, int *line)
{
	bool has_mode = false;
	char copy[256];

	*program = (struct program){ .counters = PROGRAM_ALL_COUNTERS, .nvcpus = 1 };
	for (*line = 1; *text; ++*line) {
		size_t length = strcspn(text, "\n");

		if (length >= sizeof(copy))
			return false;
		memcpy(copy, text, length);
		copy[length] = '\0';
		if (!parse_line(program, copy, &has_mode))
			return false;
		text += length + (text[length] == '\n');
	}
	return has_mode && program->nsteps > 0;
}
