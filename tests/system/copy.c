/* SPDX-License-Identifier: MIT */
/*
 * copy STATUS [FILE]: copies FILE, or standard input, to standard output and, every bit
 * flipped, to standard error; exits with STATUS. Shows that the board's streams are clean.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char data[4096];
	int from = argc > 2 ? open(argv[2], O_RDONLY) : STDIN_FILENO;
	ssize_t got;

	while ((got = read(from, data, sizeof(data))) > 0) {
		if (write(STDOUT_FILENO, data, (size_t)got) != got)
			return 125;
		for (ssize_t i = 0; i < got; i++)
			data[i] = (char)~data[i];
		if (write(STDERR_FILENO, data, (size_t)got) != got)
			return 125;
	}
	return argc > 1 ? atoi(argv[1]) : 0;
}
