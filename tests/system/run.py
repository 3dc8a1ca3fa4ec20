#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests on boards: run.py [--all] [NAME-PATTERN]. Exit status 1 if one fails or none has such a name.

run.py --emulates: exit status 0 if boards can be emulated here."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402
import test_auto  # noqa: E402,F401  (each registers its tests)
import test_bare  # noqa: E402,F401
import test_bench  # noqa: E402,F401
import test_board  # noqa: E402,F401
import test_bundle  # noqa: E402,F401
import test_console  # noqa: E402,F401
import test_debian  # noqa: E402,F401
import test_exact  # noqa: E402,F401
import test_faults  # noqa: E402,F401
import test_harness  # noqa: E402,F401
import test_hostile  # noqa: E402,F401
import test_input  # noqa: E402,F401
import test_install  # noqa: E402,F401
import test_jail  # noqa: E402,F401
import test_ktap  # noqa: E402,F401
import test_kernel  # noqa: E402,F401
import test_labgrid  # noqa: E402,F401
import test_lava  # noqa: E402,F401
import test_linux  # noqa: E402,F401
import test_linux_perf  # noqa: E402,F401
import test_mails  # noqa: E402,F401
import test_outputs  # noqa: E402,F401
import test_regress  # noqa: E402,F401
import test_report  # noqa: E402,F401
import test_review  # noqa: E402,F401
import test_series  # noqa: E402,F401
import test_trace  # noqa: E402,F401
import test_tree  # noqa: E402,F401

# A shell's background job ignores SIGINT, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
arguments = sys.argv[1:]
slow = "--all" in arguments
if arguments == ["--emulates"]:
    sys.exit(1 if harness.no_emulation() else 0)
pattern = next((a for a in arguments if a != "--all"), "*")
passed, failed, skipped = harness.run(pattern, slow)
if not passed + failed + skipped:
    print(f"run.py: no board test is called {pattern}", file=sys.stderr)
sys.exit(1 if failed or not passed + skipped else 0)
