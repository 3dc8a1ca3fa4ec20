/* SPDX-License-Identifier: MIT */
/*
 * A process beside the test, for what a test does to its host: it outlives the
 * test, whatever becomes of that, and puts the host back as it was. It also acts
 * while the test's own process cannot.
 */
#ifndef REGRESS_WARDEN_H
#define REGRESS_WARDEN_H

#include <sys/types.h>

#define WARDEN_PATH 160
#define WARDEN_TEXT 64

struct warden {
	int to, from;
	pid_t pid;
};

/* Call it before the first VM: what is open or mapped then stays open in the warden. */
void warden_start(struct warden *warden);

/* Writes @text to the file, makes the directory: 0 or the errno. */
int warden_write(struct warden *warden, const char *path, const char *text);
int warden_mkdir(struct warden *warden, const char *path);

/* To be done when the test ends, the last one first: @text NULL removes a directory. */
void warden_at_end(struct warden *warden, const char *path, const char *text);

/* Stops this process (SIGSTOP) for @ns; returns when it continues. */
void warden_stop_me(struct warden *warden, long ns);

/* Writes @text to the file; at the end it gets back what it holds now. 0 or the errno. */
int warden_change(struct warden *warden, const char *path, const char *text);

/* The host is as it was. Not calling it only means that this happens after the test. */
void warden_end(struct warden *warden);

#endif
