/* SPDX-License-Identifier: MIT */
/*
 * Init of a Linux guest. Boot arguments that the kernel does not know are its
 * environment: do=talk (the default), perf, tree, run or nothing, then end=poweroff (the
 * default), reboot, panic or sysrq. do=run runs the command that run="..." says. Lines that begin
 * with "guest: " are for the test.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux_guest.h"

#define LOG_READ_ALL      3
#define LOG_CONSOLE_LEVEL 8
#define LOG_WARNING       '4'

static int host_pmus(void)
{
	DIR *devices = opendir("/sys/bus/event_source/devices");
	struct dirent *entry;
	int found = 0;

	while (devices && (entry = readdir(devices)))
		found += !strncmp(entry->d_name, "armv8", 5);
	if (devices)
		closedir(devices);
	return found;
}

/* The line about the PMU, and every warning or worse. */
static void print_kernel_log(void)
{
	static char text[1 << 20];
	int size = klogctl(LOG_READ_ALL, text, sizeof(text) - 1);

	if (size < 0)
		perror("guest: klogctl");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strstr(line, "hw perfevents") ||
		    (line[0] == '<' && line[1] <= LOG_WARNING && line[2] == '>'))
			printf("guest: kernel: %s\n", line);
}

/* All interrupts of the UART so far. */
static unsigned long uart_interrupts(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	unsigned long sum = 0;
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = strchr(line, ':');

		if (!at || !strstr(line, "uart-pl011"))
			continue;
		at++;
		for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--)
			sum += strtoul(at, &at, 10);
	}
	if (file)
		fclose(file);
	return sum;
}

/*
 * From here the console is the guest's: what the kernel warns of comes in the middle of a
 * line, as both write to the UART. print_kernel_log() shows it, a panic and the end still come.
 */
static void quiet_kernel(void)
{
	if (klogctl(LOG_CONSOLE_LEVEL, NULL, 1))
		perror("guest: klogctl");
}

/* Reads and writes much more than the UART's FIFO holds. */
static void talk(void)
{
	unsigned long before = uart_interrupts();
	char line[1024];

	puts("guest: listens");
	if (fgets(line, sizeof(line), stdin))
		printf("guest: read %s", line);
	for (int i = 0; i < 40; i++)
		printf("guest: line %02d abcdefghijklmnopqrstuvwxyz0123456789\n", i);
	printf("guest: uart interrupts %lu\n", uart_interrupts() - before);
}

/* The device tree that the kernel got. */
static void print_tree(void)
{
	FILE *file = fopen("/sys/firmware/fdt", "r");
	int byte;

	printf("guest: tree ");
	while (file && (byte = getc(file)) != EOF)
		printf("%02x", (unsigned)byte);
	putchar('\n');
	if (file)
		fclose(file);
}

/* A command of the root file system, such as minivmm, which finds KVM and what sysfs says. */
static void run(char *command)
{
	char *arguments[16] = { NULL };
	int count = 0, status = 0;
	pid_t child;

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	for (char *word = strtok(command, " "); word && count < 15; word = strtok(NULL, " "))
		arguments[count++] = word;
	child = fork();
	if (child == 0) {
		execv(arguments[0], arguments);
		perror("guest: execv");
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		perror("guest: run");
	printf("guest: ran, status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static void press_sysrq(char key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0 || write(fd, &key, 1) != 1)
		perror("guest: sysrq");
}

static int end(const char *how)
{
	printf("guest: ends by %s\n", how);
	fflush(stdout);
	sync();
	if (!strcmp(how, "poweroff"))
		reboot(RB_POWER_OFF);
	else if (!strcmp(how, "reboot"))
		reboot(RB_AUTOBOOT);
	else if (!strcmp(how, "sysrq"))
		press_sysrq('b');
	return 1; /* an init that ends is a panic */
}

int main(void)
{
	const char *what = getenv("do"), *how = getenv("end");

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	quiet_kernel();
	printf("guest: %ld cpus, %d pmus\n", sysconf(_SC_NPROCESSORS_ONLN), host_pmus());
	if (!what || !strcmp(what, "talk"))
		talk();
	else if (!strcmp(what, "perf"))
		perf_rounds();
	else if (!strcmp(what, "tree"))
		print_tree();
	else if (!strcmp(what, "run") && getenv("run"))
		run(getenv("run"));
	print_kernel_log();
	return end(how ? how : "poweroff");
}
