# SPDX-License-Identifier: MIT
"""The files of this project, by their paths from its top."""
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def known_to_git():
    """None where there is no git, or no repository."""
    try:
        listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return None
    return listed.stdout.split("\0")[:-1]


def files():
    """Those that git knows and that are there; in a copy of an archive, all but what was built."""
    known = known_to_git()
    if known:
        return [name for name in known if os.path.isfile(os.path.join(TOP, name))]
    return [os.path.relpath(os.path.join(folder, name), TOP) for folder, _, names in os.walk(TOP)
            if not os.path.relpath(folder, TOP).startswith(("build", ".git")) for name in names]
