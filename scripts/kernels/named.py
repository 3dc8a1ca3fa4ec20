# SPDX-License-Identifier: MIT
"""The kernels that boards know by name."""

# The command of scripts/ that makes each, or gets it, and prints where it is.
NAMED_KERNELS = {
    "composite": ("kernel", "--flavor=composite"),
    "stock": ("kernel", "--flavor=stock"),
    "composite-7.3": ("kernel", "--version=7.3", "--flavor=composite"),
    "stock-7.3": ("kernel", "--version=7.3", "--flavor=stock"),
    "debian-5.10": ("debian/kernel", "5.10"),
    "debian-6.1": ("debian/kernel", "6.1"),
    "debian-6.12": ("debian/kernel", "6.12"),
    "debian-6.12-16k": ("debian/kernel", "6.12-16k"),
    "debian-7.3": ("debian/kernel", "7.3"),
    "debian-7.3-16k": ("debian/kernel", "7.3-16k"),
}
