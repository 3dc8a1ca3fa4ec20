/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/status.h"
#include "fault_judge.h"

#define PREFIX "minivmm: "

static char *text_of(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "re");

	if (!text || !file) {
		perror(path);
		exit(125);
	}
	text[fread(text, 1, (1 << 20) - 2, file)] = '\0';
	fclose(file);
	return text;
}

/*
 * Of a record's lines only the type stays: times differ from run to run, the CPUs where the
 * host's scheduler chooses, and an emulated guest's counts while another CPU works.
 */
static void keep_types(char *text)
{
	static const char begin[] = "{\"type\":";
	char *to = text;

	while (*text) {
		size_t line = strcspn(text, "\n"), kept = line;

		if (!strncmp(text, begin, sizeof(begin) - 1))
			kept = strcspn(text, ",\n");
		memmove(to, text, kept);
		to += kept;
		text += line;
		if (*text == '\n')
			*to++ = *text++;
	}
	*to = '\0';
}

static unsigned count_files(void)
{
	static const char *const folders[] = { ".", "/tmp", "/dev" };
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		DIR *dir = opendir(folders[i]);

		while (dir && readdir(dir))
			count++;
		if (dir)
			closedir(dir);
	}
	return count;
}

void clean_take(struct clean *clean, const struct outcome *outcome, const char *out)
{
	bool first = !clean->files;
	char *text = text_of(out);

	keep_types(text);
	clean->status = outcome->status;
	clean->threads = outcome->threads;
	clean->descriptors = outcome->descriptors;
	clean->mappings = outcome->mappings;
	clean->files = count_files();
	if (first) {
		clean->out = text;
	} else if (clean->out) {
		if (strcmp(clean->out, text)) {
			free(clean->out);
			clean->out = NULL;
		}
		free(text);
	}
}

static bool is_documented(int status)
{
	static const int fixed[] = { STATUS_USAGE,   STATUS_INPUT, STATUS_HOST,   STATUS_INTERNAL,
				     STATUS_REFUSED, STATUS_CRASH, STATUS_TIMEOUT };

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i] == status)
			return true;
	return false;
}

/* "a|b": @text has one of them; not if there is none. */
static bool has_word(const char *text, const char *words)
{
	while (words && *words) {
		size_t length = strcspn(words, "|");

		if (memmem(text, strlen(text), words, length))
			return true;
		words += length + (words[length] == '|');
	}
	return false;
}

/* A path as the line has it: a link of sysfs leads elsewhere, and names end alike. */
static bool has_path(const char *text, const char *path)
{
	const char *name = strrchr(path, '/'), *before;

	if (strstr(text, path))
		return *path;
	if (!name || !name[1])
		return false;
	for (before = name; before > path && before[-1] != '/'; before--)
		;
	return strstr(text, !strncmp(path, "/sys/", 5) ? before : name + 1);
}

/* Of the lines in @err, the one of minivmm's that says what failed; NULL unless it is one. */
static const char *only_line(char *err)
{
	const char *found = NULL;

	for (char *line = strtok(err, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, PREFIX, strlen(PREFIX)))
			continue;
		if (found)
			return NULL;
		found = line;
	}
	return found;
}

static const char *judge_line(const struct rule *rule, const struct call *call, int error,
			      const char *line)
{
	if (!line)
		return "not one line says so";
	if (!has_word(line, rule->words) && !has_path(line, call->object))
		return "the line does not name the call";
	if (!strstr(line, strerror(error)) && !has_word(line, rule->reason))
		return "the line does not give the reason";
	return NULL;
}

/* What must be so whatever the call. */
static const char *judge_end(const struct clean *clean, const struct call *call,
			     const struct outcome *outcome)
{
	if (outcome->hung)
		return "did not end";
	if (outcome->left)
		return "left a process behind";
	if (count_files() > clean->files)
		return "left a file behind";
	if (*outcome->leak)
		return outcome->leak;
	/* What the fault was to close or unmap is still there. */
	if (call->nr == SYS_close || call->nr == SYS_munmap)
		return NULL;
	if (outcome->threads > clean->threads || outcome->descriptors > clean->descriptors ||
	    outcome->mappings > clean->mappings)
		return "had more at its end than without the fault";
	return NULL;
}

static const char *judge_result(const struct clean *clean, const char *out)
{
	char *text = text_of(out);
	bool equal;

	keep_types(text);
	equal = !clean->out || !strcmp(clean->out, text);
	free(text);
	return equal ? NULL : "continued, with another result";
}

enum verdict judge(const struct clean *clean, const struct call *call, const struct fault *fault,
		   const struct outcome *outcome, const char *out, const char *err, char *problem,
		   size_t size)
{
	const struct rule *rule = rule_of(call);
	const char *wrong = judge_end(clean, call, outcome);
	enum verdict verdict = KILLED;
	char *text = text_of(err), *line = strdup(text);

	if (wrong) {
		/* nothing else matters */
	} else if (!fault->error) {
		if (outcome->status != 200 + SIGKILL && outcome->status != 128 + SIGKILL)
			wrong = "lived on";
	} else if (outcome->status == clean->status) {
		verdict = WENT_ON;
		if (!(rule->may & E(fault->error)))
			wrong = "continued as if nothing had happened";
		else if (rule->how == SAME)
			wrong = judge_result(clean, out);
		else if (rule->how == TELLS)
			wrong = judge_line(rule, call, fault->error, only_line(line));
	} else if (outcome->status == STATUS_TIMEOUT && rule->how == LESS &&
		   rule->may & E(fault->error)) {
		verdict = WENT_ON; /* a guest that waits for what it cannot have */
	} else {
		verdict = TOLD;
		wrong = is_documented(outcome->status)
				? judge_line(rule, call, fault->error, only_line(line))
				: "ended with another status than the documented ones";
	}
	if (wrong)
		snprintf(problem, size, "%s (status %d): %.300s", wrong, outcome->status, text);
	free(line);
	free(text);
	return wrong ? WRONG : verdict;
}
