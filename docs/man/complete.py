# SPDX-License-Identifier: MIT
"""Makes a shell's completion: complete.py bash|zsh NAME < output of --help."""
import re
import sys

from man.usage import Usage

BASH = """# Completion of {name}, made from its --help.
_{function}()
{{
	local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}

	# Bash takes --option=value apart.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${{COMP_WORDS[COMP_CWORD-2]}}
	elif [[ $prev == --* && ! $cur == -* ]]; then
		prev=
	fi
	COMPREPLY=()
	case $prev in
{cases}	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '{options}' -- "$cur")
		[[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace 2>/dev/null
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
	return 0
}}
complete -F _{function} {name}
"""
CASE = """	--{name})
		compopt -o nospace{files} 2>/dev/null
		mapfile -t COMPREPLY < <(compgen {what} -- "$cur")
		return 0
		;;
"""


def bash(name, usage):
    """Values behind a colon are left to the user."""
    cases = ""
    for entry in usage.options:
        if entry.argument:
            values = f"-W '{' '.join(entry.values)}'"
            what = f"{values if entry.values else ''}{' -f' if entry.takes_file else ''}".strip() or values
            cases += CASE.format(name=entry.name, what=what, files=" -o filenames" if entry.takes_file else "")
    options = " ".join(f"--{entry.name}{'=' if entry.argument and not entry.optional else ''}"
                       for entry in usage.options)
    return BASH.format(name=name, function=re.sub(r"\W", "_", name), cases=cases, options=options)


def zsh(name, usage):
    """A line for _arguments each."""
    def quoted(text):
        return re.sub(r"([\[\]:\\])", r"\\\1", text.replace("\n", " ").replace("'", "’"))

    lines = []
    for entry in usage.options:
        action = "_files" if entry.takes_file else f"({' '.join(entry.values)})" if entry.values else " "
        action = action.replace(":", "\\:")
        value = f":{'' if not entry.optional else ':'}{entry.argument}:{action}" if entry.argument else ""
        equals = ("=-" if entry.optional else "=") if entry.argument else ""
        lines.append(f"'--{entry.name}{equals}[{quoted(entry.text)}]{value}'")
    lines.append("'*:file:_files'")
    return f"#compdef {name}\n# Completion of {name}, made from its --help.\n_arguments \\\n  " + " \\\n  ".join(lines) + "\n"


if __name__ == "__main__":
    print({"bash": bash, "zsh": zsh}[sys.argv[1]](sys.argv[2], Usage(sys.stdin.read())), end="")
