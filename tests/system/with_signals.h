/* SPDX-License-Identifier: MIT */
/* What comes while with's command runs. */
#ifndef WITH_SIGNALS_H
#define WITH_SIGNALS_H

#include <sys/types.h>

/* Waits until the command is ready for the signal; for 10 s at most. */
void await(pid_t pid, int signal);

/* Sends it after 300 ms. */
void send_late(pid_t pid, int signal);

/* Sends the signal once the command catches SIGUSR1. */
void kill_ready(pid_t pid, int signal);

/* SIGUSR1 to each of its threads every @period us, from when it catches that until it has ended. */
void storm(pid_t pid, int period);

/* Takes @cpu and the next offline and back, from when it catches SIGUSR1 until it has ended. */
void unplug(pid_t pid, int cpu);

#endif
