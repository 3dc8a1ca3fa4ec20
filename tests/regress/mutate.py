# SPDX-License-Identifier: MIT
"""Makes mutants of C source that nobody thought of: one line, changed in one way, at random."""
import difflib
import re

# Lines that only say something, or check what cannot be.
TALK = re.compile(r"\s*(kvm_debug|pr_\w+|WARN\w*|lockdep_\w+|BUG_ON|kvm_err|trace_\w+)\(")
DECLARATION = re.compile(r"\s*(const |unsigned |static |struct \w+ |u8 |u16 |u32 |u64 |int |bool |long )")
CALL = re.compile(r"(\s*)[a-z_]\w*\([^;{}]*\);$")
ASSIGNMENT = re.compile(r"(\s*)[a-z_*][^=;(]*(\([^=;]*\))?[^=;(]* [|&+-]?= [^;]*;$")
CONDITION = re.compile(r"(\s*(?:\} else )?(?:if|while) )\((.*)\)( \{)?$")
JUMP = re.compile(r"(\s*)(break|continue);$")
RETURN = re.compile(r"(\s*)return ([^;]*);$")
FUNCTION = re.compile(r"(?:static |inline |unsigned |const |struct )*(\w+) \*?\w+\(")
# Steps of a loop, which would have no end.
LOOP = re.compile(r"\s*for \(.* [+-]= ")
# Each place where the pattern is becomes each of the texts.
REPLACED = (
    ("comparison", r"(?<= )==(?= )", ("!=",)),
    ("comparison", r"(?<= )!=(?= )", ("==",)),
    ("comparison", r"(?<= )<(?= )", ("<=", ">")),
    ("comparison", r"(?<= )<=(?= )", ("<", ">")),
    ("comparison", r"(?<= )>(?= )", (">=", "<")),
    ("comparison", r"(?<= )>=(?= )", (">", "<")),
    ("logic", r"&&(?=\s|$)", ("||",)),
    ("logic", r"(?<=\s)\|\|(?=\s|$)", ("&&",)),
    ("negation", r"(?<=[( \t])!(?=[\w(])", ("",)),
    ("mask", r"(?<=[&=(] )~(?=[\w(])", ("",)),
    ("mask", r"(?<=[&=(])~(?=[\w(])", ("",)),
    ("mask", r"(?<= )\|=(?= )", ("&=", "=")),
    ("mask", r"(?<= )&=(?= )", ("|=", "=")),
    ("mask", r"(?<= )&(?= )", ("|",)),
    ("mask", r"(?<= )\|(?= )", ("&",)),
    ("arithmetic", r"(?<= )\+(?= )", ("-",)),
    ("arithmetic", r"(?<= )-(?= )", ("+",)),
    ("arithmetic", r"(?<= )>>=?(?= )", ("<<",)),
    ("number", r"(?<![\w.])0(?![\w.])", ("1",)),
    ("number", r"(?<![\w.])[1-9]\d*(?![\w.])", ("0",)),
    ("number", r"(?<![\w.])[1-9]\d+(?![\w.])", ("1",)),
    ("bit", r"\bBIT\((\w+)\)", (r"BIT((\1) ^ 1)",)),
    ("truth", r"\btrue\b", ("false",)),
    ("truth", r"\bfalse\b", ("true",)),
    ("error", r"-E[A-Z]+\b", ("0", "-EDOM")),
)


def replacements(line):
    """(what was changed, the line after it) for each place of each pattern."""
    for what, pattern, texts in REPLACED:
        for found in re.finditer(pattern, line):
            for text in texts:
                yield what, line[:found.start()] + found.expand(text) + line[found.end():]


def whole(line):
    """The same of changes to a statement as a whole."""
    for pattern in (CALL, ASSIGNMENT):
        found = pattern.match(line)
        if found and not DECLARATION.match(line):
            yield "dropped", f"{found[1]};"
    if found := CONDITION.match(line):
        brace = found[3] or ""
        if balanced(found[2]):
            yield "condition", f"{found[1]}(!({found[2]})){brace}"
        if balanced(found[2]) and "while" not in found[1]:
            yield "condition", f"{found[1]}((({found[2]}) || 1)){brace}"
            yield "condition", f"{found[1]}((({found[2]}) && 0)){brace}"
    if found := JUMP.match(line):
        yield "jump", f"{found[1]};"
    if (found := RETURN.match(line)) and found[2] not in ("", "0", "false") and not found[2].startswith("-E"):
        yield "return", f"{found[1]}return 0;"


def balanced(text):
    """Whether a condition ends on its line."""
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0


def code_of(line):
    """The line without a comment at its end; nothing if there is no code to change."""
    code = re.sub(r"\s*/\*.*\*/\s*$", "", line)
    return "" if TALK.match(code) or '"' in code or code.lstrip().startswith(("*", "/*", "#")) else code


def early_return(lines, number):
    """The same of a return before a statement."""
    line = lines[number - 1]
    if not CALL.match(line) and (not ASSIGNMENT.match(line) or DECLARATION.match(line)):
        return
    kinds = (FUNCTION.match(lines[above - 1]) for above in range(number, 0, -1))
    found = next((kind[1] for kind in kinds if kind), None)
    if found:
        yield "early return", f"\treturn{'' if found == 'void' else ' 0'}; {line.lstrip()}"


def mutants(lines, number):
    """All (what, line) that differ from a line."""
    code = code_of(lines[number - 1])
    if not code or LOOP.match(code):
        return []
    return [(what, new) for what, new in (*replacements(code), *whole(code), *early_return(lines, number)) if new != code]


def patch(path, lines, number, new):
    """What `diff -u` would say of the file with that line instead."""
    changed = [*lines[:number - 1], new, *lines[number:]]
    return "".join(f"{line}\n" for line in difflib.unified_diff(lines, changed, f"a/{path}", f"b/{path}", lineterm=""))
