/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "output/files.h"
#include "report/event_names.h"
#include "report/record.h"
#include "report/trace.h"

#define PROCESS 1 /* viewers group tracks by process; vCPU N is thread N + 1 of it */

/* Its windows have a track of their own: a stay may begin in the middle of a window, and the slices
 * of one track may not cross. */
#define WINDOWS(vcpu) (MAX_VCPUS + (vcpu))

enum status trace_open(struct trace *trace, const char *path, unsigned timeout_s)
{
	trace->lines.file = NULL;
	trace->path = path;
	trace->begun = false;
	if (!path)
		return STATUS_OK;
	for (int i = 0; i < MAX_VCPUS; i++) {
		trace->stay[i].cpu = -1;
		trace->window_ns[i] = 0;
	}
	if (!lines_open(&trace->lines, path, timeout_s))
		return files_fail_create("--trace", path, timeout_s);
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", trace->lines.file);
	return STATUS_OK;
}

/* What all events have; @track is a vCPU or WINDOWS(vCPU). @time_ns goes in as microseconds, the
 * format's unit. */
__attribute__((format(printf, 5, 6))) static void event(struct trace *trace, char phase, int track,
							uint64_t time_ns, const char *format, ...)
{
	FILE *file = trace->lines.file;
	va_list args;

	fprintf(file, "%s{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d,\"ts\":%" PRIu64 ".%03" PRIu64 ",",
		trace->begun ? ",\n" : "", phase, PROCESS, track + 1, time_ns / 1000,
		time_ns % 1000);
	trace->begun = true;
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	putc('}', file);
}

void trace_run(struct trace *trace, const struct choice *choice, int vcpus, uint64_t cntfrq)
{
	if (!trace->lines.file)
		return;
	trace->cntfrq = cntfrq;
	lines_begin(&trace->lines);
	event(trace, 'M', -1, 0,
	      "\"name\":\"process_name\",\"args\":{\"name\":\"minivmm, %s PMU\"}",
	      pmu_mode_name(choice->mode));
	for (int i = 0; i < vcpus; i++) {
		event(trace, 'M', i, 0, "\"name\":\"thread_name\",\"args\":{\"name\":\"vCPU %d\"}",
		      i);
		event(trace, 'M', WINDOWS(i), 0,
		      "\"name\":\"thread_name\",\"args\":{\"name\":\"vCPU %d, windows\"}", i);
	}
	lines_end(&trace->lines);
}

/* A PMU's name without characters that are special in JSON; the name comes from sysfs. */
static void plain_name(const struct host *host, int pmu, char *text, size_t size)
{
	const char *name = pmu < 0 ? "no PMU" : host->pmus[pmu].name;
	size_t i;

	for (i = 0; i < size - 1 && name[i]; i++)
		text[i] = name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\'
				  ? '?'
				  : name[i];
	text[i] = '\0';
}

/* Viewers colour slices by name, so that is the CPU and its host PMU; cname is for
 * chrome://tracing. */
static void end_stay(struct trace *trace, const struct host *host, int vcpu, uint64_t time_ns)
{
	static const char *const colours[] = { "thread_state_running", "thread_state_iowait",
					       "thread_state_runnable", "thread_state_unknown" };
	int cpu = trace->stay[vcpu].cpu, pmu = host_pmu_of_cpu(host, cpu);
	uint64_t since = trace->stay[vcpu].since_ns;
	/* Another thread may have reported a later event meanwhile. */
	uint64_t length = time_ns > since ? time_ns - since : 0;
	char name[sizeof(host->pmus[0].name)];

	plain_name(host, pmu, name, sizeof(name));
	event(trace, 'X', vcpu, since,
	      "\"dur\":%" PRIu64 ".%03" PRIu64 ",\"name\":\"CPU %d, %s\",\"cat\":\"cpu\","
	      "\"cname\":\"%s\",\"args\":{\"host PMU\":\"%s\"}",
	      length / 1000, length % 1000, cpu, name, colours[(unsigned)(pmu + 1) % 4], name);
	trace->stay[vcpu].cpu = -1;
}

/* The caller has called lines_begin(), as for the functions above. */
static void stay_on(struct trace *trace, const struct host *host, int vcpu, int cpu,
		    uint64_t time_ns)
{
	if (trace->stay[vcpu].cpu == cpu)
		return;
	if (trace->stay[vcpu].cpu >= 0)
		end_stay(trace, host, vcpu, time_ns);
	trace->stay[vcpu].cpu = cpu;
	trace->stay[vcpu].since_ns = time_ns;
}

void trace_cpu(struct trace *trace, const struct host *host, int vcpu, int cpu, uint64_t time_ns)
{
	if (!trace->lines.file)
		return;
	lines_begin(&trace->lines);
	stay_on(trace, host, vcpu, cpu, time_ns);
	lines_end(&trace->lines);
}

/* How long the guest was in it, by its own clock, and not back before the last one ended: the VMM
 * learns of a window a little after its end. */
static uint64_t window_length(const struct trace *trace, const struct window *window)
{
	uint64_t ticks = window->record->cntvct_end - window->record->cntvct_start;
	uint64_t last = trace->window_ns[window->vcpu];
	uint64_t most = window->time_ns > last ? window->time_ns - last : 0;
	uint64_t second = 1000000000, seconds;

	if (!trace->cntfrq)
		return most;
	seconds = ticks / trace->cntfrq;
	if (seconds > most / second)
		return most;
	ticks = seconds * second + ticks % trace->cntfrq * second / trace->cntfrq;
	return ticks < most ? ticks : most;
}

static void window_slice(struct trace *trace, const struct host *host, const struct window *window)
{
	const struct lab_record *guest = window->record;
	uint64_t length = window_length(trace, window);
	char name[sizeof(host->pmus[0].name)];

	plain_name(host, window->pmu, name, sizeof(name));
	event(trace, 'X', WINDOWS(window->vcpu), window->time_ns - length,
	      "\"dur\":%" PRIu64 ".%03" PRIu64 ",\"name\":\"window %" PRIu32
	      "\",\"cat\":\"window\",\"args\":{\"cycles\":%" PRIu64
	      ",\"hops\":%u,\"host PMU at its "
	      "end\":\"%s\"}",
	      length / 1000, length % 1000, guest->window, guest->cycles_end - guest->cycles_start,
	      window->hops, name);
	trace->window_ns[window->vcpu] = window->time_ns;
}

static void event_counters(struct trace *trace, const struct window *window)
{
	const struct lab_record *guest = window->record;
	char number[RECORD_EVENT];

	for (uint32_t i = 0; i < guest->nevents; i++) {
		const char *name = event_name(guest->events[i].event);

		record_event_name(guest, i, number);
		event(trace, 'C', window->vcpu, window->time_ns,
		      "\"name\":\"vCPU %d event %s%s%s\",\"args\":{\"count\":%" PRIu64 "}",
		      window->vcpu, number, name ? " " : "", name ? name : "",
		      guest->events[i].end);
	}
}

void trace_window(struct trace *trace, const struct host *host, const struct window *window)
{
	const struct lab_record *guest = window->record;
	int vcpu = window->vcpu;

	if (!trace->lines.file)
		return;
	lines_begin(&trace->lines);
	window_slice(trace, host, window);
	stay_on(trace, host, vcpu, window->cpu, window->time_ns);
	event(trace, 'C', vcpu, window->time_ns,
	      "\"name\":\"vCPU %d PMCCNTR_EL0\",\"args\":{\"cycles\":%" PRIu64 "}", vcpu,
	      guest->cycles_end);
	event_counters(trace, window);
	if (guest->interrupts)
		event(trace, 'i', vcpu, window->time_ns,
		      "\"s\":\"t\",\"name\":\"overflow interrupt\",\"args\":{\"in this "
		      "window\":%" PRIu32 "}",
		      guest->interrupts);
	lines_end(&trace->lines);
}

void trace_refusal(struct trace *trace, int vcpu, int cpu, uint64_t time_ns)
{
	if (!trace->lines.file)
		return;
	lines_begin(&trace->lines);
	event(trace, 'i', vcpu, time_ns, "\"s\":\"t\",\"name\":\"refused on CPU %d\"", cpu);
	lines_end(&trace->lines);
}

void trace_end(struct trace *trace, const struct host *host, uint64_t time_ns)
{
	if (!trace->lines.file)
		return;
	lines_begin(&trace->lines);
	for (int i = 0; i < MAX_VCPUS; i++)
		if (trace->stay[i].cpu >= 0)
			end_stay(trace, host, i, time_ns);
	fputs("\n]}\n", trace->lines.file);
	lines_end(&trace->lines);
}

enum status trace_close(struct trace *trace)
{
	if (!trace->lines.file)
		return STATUS_OK;
	return lines_close(&trace->lines, "--trace", trace->path, "events");
}
