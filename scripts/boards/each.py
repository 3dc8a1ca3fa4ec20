# SPDX-License-Identifier: MIT
"""Several commands in one boot: the command line of tests/system/each.c, and what it prints."""


def command_line(commands):
    """One command that runs all of them, one after the other."""
    line = ["each"]
    for index, command in enumerate(commands):
        line += [":::", *command] if index else command
    return line


def results(output):
    """Yields (status, stdout, stderr, record, trace) of each command that came to its end.

    A record's bytes that are no text become surrogates, and can be had back.
    """
    while output:
        head, _, output = output.partition(b"\n")
        status, *sizes = (int(number) for number in head.split())
        if len(sizes) != 4 or sum(sizes) > len(output):
            return  # the board ended in the middle of it
        texts = []
        for size, errors in zip(sizes, ("replace", "replace", "surrogateescape", "replace")):
            texts.append(output[:size].decode(errors=errors))
            output = output[size:]
        yield status, *texts
