# SPDX-License-Identifier: MIT
"""What disturbs an emulated board that runs in wall time; each yields what goes before its command."""
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

from boards.machine import die_with
from runs.command_line import Failure
from runs.jobs import RUNNING

LEAST_S, MOST_S = 0.02, 0.2  # of a stop, and between two


@contextlib.contextmanager
def nothing():
    """The machine as it is."""
    yield []


@contextlib.contextmanager
def load():
    """A busy process for each CPU."""
    with contextlib.ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            busy = stack.enter_context(subprocess.Popen(["sh", "-c", "while :; do :; done"],
                                                        preexec_fn=die_with(os.getpid())))
            stack.callback(busy.kill)
        yield []


@contextlib.contextmanager
def one_cpu():
    """Of those that we may use."""
    yield ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]


def emulators():
    """QEMU, which scripts/board starts in a session of its own."""
    for board in list(RUNNING):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
             open(f"/proc/{board}/task/{board}/children", encoding="ascii") as file:
            yield from map(int, file.read().split())


def stop_and_go(over, count):
    """To the board the clock jumps, in the middle of whatever its CPUs do."""
    while not over.wait(random.uniform(LEAST_S, MOST_S)):
        for qemu in emulators():
            with contextlib.suppress(ProcessLookupError):
                os.kill(qemu, signal.SIGSTOP)
                count["stops"] += 1
                time.sleep(random.uniform(LEAST_S, MOST_S))
                os.kill(qemu, signal.SIGCONT)


@contextlib.contextmanager
def stops():
    """Bursts of them, as long as it takes."""
    over, count = threading.Event(), {"stops": 0}
    thread = threading.Thread(target=stop_and_go, args=(over, count), daemon=True)
    try:
        thread.start()
        yield []
    finally:
        over.set()
        thread.join()
    print(f"{os.path.basename(sys.argv[0])}: stops: {count['stops']} in all", file=sys.stderr, flush=True)
    if not count["stops"]:
        raise Failure("no board was stopped: /proc/PID/task/PID/children did not name one (CONFIG_PROC_CHILDREN)")


DISTURBANCES = {"none": nothing, "load": load, "onecpu": one_cpu, "stops": stops}
