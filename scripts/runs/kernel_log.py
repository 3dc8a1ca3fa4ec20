# SPDX-License-Identifier: MIT
"""What a kernel warned of."""
import re

# What tests/regress/kernel_log.c takes for a warning.
WARNING = re.compile(r"(WARNING: |BUG: |UBSAN: |kernel BUG at |Internal error|Unable to handle|(rcu: )?INFO: ).*")
# What differs each time, or where a patch has only moved lines.
VARIES = re.compile(r"CPU: \d+ |PID: \d+ |CPU#\d+|[\w-]+/\d+\b(?!:)|(?<=\.[ch]):\d+|\+0x[0-9a-f]+/0x[0-9a-f]+"
                    r"|\b(0x)?[0-9a-f]{8,}\b|\d+ jiffies")


def warnings(log):
    """{what makes two of them the same: what the kernel said}"""
    found = {}
    for line in log.splitlines():
        if match := WARNING.search(line):
            found.setdefault(" ".join(VARIES.sub("", match[0]).split()), match[0].strip())
    return found
