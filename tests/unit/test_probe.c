/* SPDX-License-Identifier: MIT */
/* --probe=json: what programs read, whatever the host's names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "fail_capture.h"
#include "fake_host.h"
#include "pmu/probe.h"

/* The whole output; probe_print() writes to stdout, which glibc lets one put elsewhere. */
static char *probed(const struct host *host, const struct choice *choice)
{
	static const struct options options = { .probe_json = true };
	static const struct kvm_offers offers = { .pmu = true };
	FILE *console = stdout;
	char *text;
	size_t size;

	stdout = open_memstream(&text, &size);
	probe_print(&options, host, &offers, choice);
	fclose(stdout);
	stdout = console;
	return text;
}

static void names_are_escaped(void **state)
{
	struct choice choice = { .mode = PMU_OFF, .reasons = "a \"b\" \\\nno\tPMU\n" };
	struct host host;
	char *text;

	(void)state;
	fake_host(&host, "0-1");
	fake_host_pmu(&host, "a\"\\\n\xff", "0-1");
	text = probed(&host, &choice);
	assert_non_null(strstr(text, "{\"name\":\"a\\\"\\\\\\u000a\\u00ff\",\"cpus\":\"0-1\","));
	assert_non_null(strstr(text, "\"reasons\":[\"a \\\"b\\\" \\\\\",\"no\\u0009PMU\"],"));
	assert_string_equal(strchr(text, '\n'), "\n");
	free(text);
}

/* Each other CPU of 128, 256 and 1152: every one is listed, for the host and for other VMMs. */
static void lists_are_whole(void **state)
{
	static const int counts[] = { 128, 256, 1152 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct choice choice = { .mode = PMU_OFF };
		char list[CPULIST_WHOLE], part[CPULIST_WHOLE + 80];
		struct cpuset half = cpus("");
		struct host host;
		char *text;

		for (int cpu = 1; cpu < counts[i]; cpu += 2)
			cpuset_add(&half, cpu);
		cpulist_format(&half, list, sizeof(list));
		fake_host(&host, "0-1151");
		fake_host_pmu(&host, "half", list);
		text = probed(&host, &choice);
		snprintf(part, sizeof(part), "{\"name\":\"half\",\"cpus\":\"%s\",", list);
		assert_non_null(strstr(text, part));
		snprintf(part, sizeof(part), "\"taskset\":\"taskset -c %s\"", list);
		assert_non_null(strstr(text, part));
		snprintf(part, sizeof(part), "<vcpu placement='static' cpuset='%s'>%d</vcpu>", list,
			 counts[i] / 2);
		assert_non_null(strstr(text, part));
		assert_null(strstr(text, "..."));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(lists_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
