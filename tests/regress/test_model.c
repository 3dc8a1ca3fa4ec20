/* SPDX-License-Identifier: MIT */
/*
 * Random programs, of which every value that is read must be what the model says. One that
 * differs is cut down as long as it differs in the same read, and printed.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "model/generate.h"
#include "model/shrink.h"
#include "play.h"
#include "quirks.h"
#include "result.h"
#include "test.h"

#define USUAL_PROGRAMS 40
#define CANDIDATES     300 /* that shrinking tries, or as many as ... */
#define LATE           15  /* ... seconds allow */
#define ASYNC_TRIES    3   /* of each, where another thread decides about its hops */
#define SECONDS        100

struct judging {
	const struct site *site;
	bool async;
	enum exactness exactness;
	struct model_setup host;
	unsigned quirks;          /* on, as this kernel was seen to have them */
	unsigned matters[QUIRKS]; /* programs in which one changed anything */
	int ran;
	const struct program *programs;
	/* The first that differs: */
	int index, step;
	struct expected expected[PROGRAM_STEPS];
	struct seen seen[PROGRAM_STEPS];
	/* Shrinking: */
	struct step same; /* what it must differ in */
	int candidates;
	time_t start;
};

static struct judging judging;
static struct program batch[PLAY_PROGRAMS];

static void expect_with(const struct judging *judge, const struct program *program, unsigned quirks,
			struct expected *expected)
{
	struct expectation expectation = { .exactness = judge->exactness, .quirks = quirks };

	/* Padding too, as expectations are compared. */
	memset(expected, 0, PROGRAM_STEPS * sizeof(*expected));
	program_setup(program, &judge->host, &expectation.setup);
	program_expect(program, &expectation, expected);
}

/* Whether it matters to the program that @quirk is on, besides @others. */
static bool quirk_matters(const struct judging *judge, const struct program *program,
			  unsigned others, enum quirk quirk)
{
	static struct expected with[PROGRAM_STEPS], without[PROGRAM_STEPS];

	expect_with(judge, program, others | 1u << quirk, with);
	expect_with(judge, program, others & ~(1u << quirk), without);
	return memcmp(with, without, sizeof(with)) != 0;
}

/*
 * A known fault that may be behind the difference, and that this kernel shows: from now on. Or all
 * of those, as one may matter only beside another, if they explain it.
 */
static bool find_quirk(struct judging *judge, const struct program *program,
		       const struct seen *seen)
{
	unsigned all = judge->quirks;

	for (enum quirk quirk = 0; quirk < QUIRKS; quirk++)
		if (!(judge->quirks >> quirk & 1) &&
		    quirk_matters(judge, program, judge->quirks, quirk) &&
		    quirk_is_shown(judge->site, quirk)) {
			judge->quirks |= 1u << quirk;
			return true;
		}
	for (enum quirk quirk = 0; quirk < QUIRKS; quirk++)
		if (quirk_is_shown(judge->site, quirk))
			all |= 1u << quirk;
	expect_with(judge, program, all, judge->expected);
	if (all == judge->quirks || program_differs(program, judge->expected, seen) >= 0)
		return false;
	judge->quirks = all;
	return true;
}

static int differs(struct judging *judge, const struct program *program, const struct seen *seen)
{
	int step;

	do {
		expect_with(judge, program, judge->quirks, judge->expected);
		step = program_differs(program, judge->expected, seen);
	} while (step >= 0 && find_quirk(judge, program, seen));
	if (step >= 0)
		expect_with(judge, program, judge->quirks, judge->expected);
	return step;
}

static bool ended(void *context, int index, const struct seen *seen)
{
	struct judging *judge = context;
	const struct program *program = &judge->programs[index];

	judge->ran++;
	judge->step = differs(judge, program, seen);
	for (enum quirk quirk = 0; quirk < QUIRKS; quirk++)
		if (judge->quirks >> quirk & 1)
			judge->matters[quirk] +=
				quirk_matters(judge, program, judge->quirks, quirk);
	judge->index = index;
	memcpy(judge->seen, seen, sizeof(judge->seen));
	return judge->step < 0;
}

/* Runs @programs in one VM. False: one differs, of which @judge has all. */
static bool play_and_judge(struct judging *judge, const struct program *programs, int n)
{
	judge->programs = programs;
	judge->step = -1;
	play(judge->site, programs, n, judge->async, ended, judge);
	return judge->step < 0;
}

static bool candidate_differs(void *context, const struct program *program)
{
	struct judging *judge = context;
	const struct step *step;

	judge->candidates++;
	for (int i = 0; i < (judge->async ? ASYNC_TRIES : 1); i++) {
		if (play_and_judge(judge, program, 1))
			continue;
		step = &program->steps[judge->step];
		return step->op == judge->same.op && step->sysreg == judge->same.sysreg;
	}
	return false;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool is_late(void *context)
{
	const struct judging *judge = context;

	return judge->candidates >= CANDIDATES || seconds() - judge->start >= LATE;
}

static void note_program(const struct program *program)
{
	static char text[PROGRAM_TEXT];
	char *rest = NULL;

	program_print(program, text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		note("%s", line);
}

/* --keep=DIR */
static void keep(const struct site *site, const struct program *program, struct variant variant)
{
	static char text[PROGRAM_TEXT];
	char path[512];
	FILE *file;
	bool kept;

	if (!site->keep)
		return;
	snprintf(path, sizeof(path), "%s/%s-%s-%llu.txt", site->keep, mode_name(variant.mode),
		 hops_name(variant.hops), (unsigned long long)site->seed);
	program_print(program, text);
	file = fopen(path, "w");
	kept = file && fputs(text, file) >= 0;
	if (file && fclose(file) == EOF)
		kept = false;
	if (!kept)
		note("cannot keep the program in %s: %s", path, strerror(errno));
	else
		note("kept in %s", path);
}

static _Noreturn void report(struct judging *judge, struct variant variant)
{
	const struct shrinking shrinking = { candidate_differs, is_late, judge };
	struct program program = judge->programs[judge->index], cut;
	char text[256];

	judge->same = program.steps[judge->step];
	judge->start = seconds();
	difference_print(&program, judge->step, &judge->expected[judge->step],
			 &judge->seen[judge->step], text, sizeof(text));
	if (!candidate_differs(judge, &program)) {
		note_program(&program);
		fail_test("only after %d other programs in the same VM, %s", judge->index, text);
	}
	cut = program;
	cut.nsteps = judge->step + 1;
	if (candidate_differs(judge, &cut))
		program = cut;
	program_shrink(&program, &shrinking);
	/* As it is now. */
	if (!candidate_differs(judge, &program))
		note("the program that follows does not differ each time");
	else
		difference_print(&program, judge->step, &judge->expected[judge->step],
				 &judge->seen[judge->step], text, sizeof(text));
	note_program(&program);
	keep(judge->site, &program, variant);
	fail_test("%s", text);
}

static void begin(struct judging *judge, const struct site *site, enum mode mode, enum hops hops,
		  struct generator *generator)
{
	static const enum program_mode modes[MODES] = { [MODE_DEFAULT] = PROGRAM_DEFAULT,
							[MODE_EXPLICIT] = PROGRAM_EXPLICIT,
							[MODE_COMPOSITE] = PROGRAM_COMPOSITE,
							[MODE_STRICT] = PROGRAM_STRICT };

	*judge = (struct judging){ .site = site, .async = hops == HOPS_ASYNC };
	judge->exactness = !site->exact ? WALL : judge->async ? SHARED : EXACT;
	play_probe(site, modes[mode], &judge->host);
	*generator = (struct generator){
		.mode = modes[mode],
		.n = judge->host.n,
		.near = play_cpu(site, WHERE_NEAR) >= 0,
		.far = play_cpu(site, WHERE_FAR) >= 0 && (!judge->async || mode == MODE_COMPOSITE),
		.hops = hops == HOPS_SYNC,
		.careful = site->emulated,
		.limits = mode == MODE_DEFAULT || mode == MODE_EXPLICIT,
		.denies = mode != MODE_COMPOSITE,
	};
}

/* Programs that one VM can run; one that leaves it for another is the last. */
static int make_batch(const struct generator *generator, uint64_t *random)
{
	int n = 0;

	program_generate_setup(&batch[0], generator, random);
	while (n < PLAY_PROGRAMS) {
		bool leaves = batch[0].by_userspace;

		if (n)
			batch[n] = batch[0];
		program_generate(&batch[n], generator, random);
		for (int i = 0; i < batch[n].nsteps; i++)
			leaves |= batch[n].steps[i].op == OP_MIGRATE;
		n++;
		if (leaves)
			break;
	}
	return n;
}

static bool is_over(const struct site *site, time_t start, int ran)
{
	if (!site->minutes)
		return ran >= (site->programs ? (int)site->programs : USUAL_PROGRAMS);
	return seconds() - start >= (time_t)site->minutes * 60;
}

static void programs(const struct site *site, struct variant variant)
{
	struct generator generator;
	uint64_t random = site->seed * 100 + (uint64_t)variant.mode * 10 + variant.hops;
	time_t start = seconds();

	need_mode(site, variant.mode);
	if (site->older)
		skip_test("the model does not know what kernels before Linux 6.7 promise less of");
	begin(&judging, site, variant.mode, variant.hops, &generator);
	while (!is_over(site, start, judging.ran))
		if (!play_and_judge(&judging, batch, make_batch(&generator, &random)))
			report(&judging, variant);
	note("%d programs", judging.ran);
	for (enum quirk quirk = 0; quirk < QUIRKS; quirk++)
		if (judging.quirks >> quirk & 1)
			note("quirk %s mattered in %u", quirk_name(quirk), judging.matters[quirk]);
}

/* --replay=FILE */
static void read_program(const char *path, struct program *program)
{
	static char text[16 * PROGRAM_TEXT];
	FILE *file = fopen(path, "r");
	size_t size;
	int line;

	if (!file)
		fail_test_errno("%s", path);
	size = fread(text, 1, sizeof(text) - 1, file);
	if (ferror(file))
		fail_test_errno("%s", path);
	if (!feof(file))
		fail_test("%s: longer than any program", path);
	fclose(file);
	text[size] = '\0';
	if (!program_parse(program, text, &line))
		fail_test("%s: line %d is no step, or not where it is one", path, line);
}

static void need_places(const struct site *site, const struct program *program)
{
	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];

		if ((step->op == OP_HOP || step->op == OP_MIGRATE) &&
		    play_cpu(site, (enum where)step->value) < 0)
			skip_test("step %d: there is no such CPU here", i + 1);
	}
}

static void replay(const struct site *site, struct variant variant)
{
	struct program *program = &batch[0];
	struct generator generator;
	char text[256];
	bool same;

	(void)variant;
	read_program(site->replay, program);
	need_mode(site, play_mode(program->mode));
	need_places(site, program);
	begin(&judging, site, play_mode(program->mode), HOPS_NONE, &generator);
	same = play_and_judge(&judging, program, 1);
	for (int i = 0; i < program->nsteps; i++) {
		if (!step_reads(&program->steps[i]))
			continue;
		difference_print(program, i, &judging.expected[i], &judging.seen[i], text,
				 sizeof(text));
		note("%s", text);
	}
	if (same)
		return;
	difference_print(program, judging.step, &judging.expected[judging.step],
			 &judging.seen[judging.step], text, sizeof(text));
	fail_test("%s", text);
}

static const struct test replay_tests[] = {
	{ "model.replay", replay, 0, 0, 0, NULL, 0 },
};

FAMILY(replay_family, replay_tests);

static const struct test tests[] = {
	{ "model.programs", programs, EVERY_MODE | STRICT, EVERY_HOP, 0, NULL, SECONDS },
};

FAMILY(model_family, tests);
