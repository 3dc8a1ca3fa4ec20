/* SPDX-License-Identifier: MIT */
/* Hosts that are not there: struct host by hand, and sysfs trees in a temporary folder. */
#ifndef MINIVMM_FAKE_HOST_H
#define MINIVMM_FAKE_HOST_H

#include "host/host.h"

/* The sysfs of fake hosts: nothing is there unless a test makes a tree. */
extern const char *fake_sysfs;

/* The set that @list writes; the test fails if it is malformed. */
struct cpuset cpus(const char *list);

/* @set holds exactly @list. */
void assert_cpus(const struct cpuset *set, const char *list);

/* A host whose CPUs @list are present, online and allowed, without a PMU. */
void fake_host(struct host *host, const char *list);
void fake_host_pmu(struct host *host, const char *name, const char *list);

/* A new folder below $TMPDIR or /tmp; its path goes to @root. */
#define FAKE_ROOT 256
void fake_tree(char root[FAKE_ROOT]);

/* Writes @text to @root/@path, folders included. */
void fake_file(const char *root, const char *path, const char *text);

/* Removes all of the tree. */
void fake_tree_remove(const char *root);

#endif
