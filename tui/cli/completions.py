"""`winch completions SHELL`: what a shell runs to complete winch's command line, and its answers.

With words behind `--` it answers what the last of them may become, a line each; status 3 leaves
that to the shell, which knows the files of this machine.
"""

from __future__ import annotations

import argparse
import os
import sys

from core.domain.errors import ExitCode, WinchError
from tui.cli.terminal import out

_FILES = 3
_BREAKS = "@:="
"""Characters at which bash ends a word to complete, unless its COMP_WORDBREAKS lacks them."""
_SCRIPTS = {
    "bash": r"""_winch() {
    local IFS=$'\n' answer
    answer=$(winch completions bash -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    [[ $? == 3 ]] && { COMPREPLY=(); compopt -o default; return; }
    COMPREPLY=($answer)
    [[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == */ ]] && compopt -o nospace
}
complete -F _winch winch""",
    "zsh": r"""_winch() {
    local -a found
    found=("${(@f)$(winch completions zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ $? == 3 ]] && { _files; return }
    compadd -S '' -- ${(M)found:#*/}
    compadd -- ${found:#*/}
}
compdef _winch winch""",
    "fish": r"""function __winch
    set -l words (commandline -opc)[2..]
    winch completions fish -- $words (commandline -ct) 2>/dev/null
    test $status -eq 3; and __fish_complete_path (commandline -ct)
end
complete -c winch -f -a '(__winch)'""",
}


def run(args: argparse.Namespace) -> int:
    """Print the script for a shell, or its candidates for the words that it gives."""
    if not args.words:
        out(_SCRIPTS[args.shell])
        return ExitCode.OK
    # What is said belongs on no line that somebody types.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    from tui.cli.candidates import candidates  # noqa: PLC0415

    words, cut = args.words, 0
    if args.shell == "bash":
        words = split(args.words[0])
        cut = max(words[-1].rfind(sign) for sign in _BREAKS) + 1
    try:
        found = candidates(words)
    except WinchError:
        return ExitCode.OTHER
    if found is None:
        return _FILES
    out(*(each[cut:] for each in found))
    return ExitCode.OK


def split(line: str) -> list[str]:
    """Return the words of a shell's line behind the first, the last as it is begun by now."""
    words, word, quote, is_open = [], "", "", False
    signs = iter(line)
    for sign in signs:
        if sign == "\\" and quote != "'":
            word, is_open = word + next(signs, ""), True
        elif quote:
            word, quote = (word, "") if sign == quote else (word + sign, quote)
        elif sign in "'\"":
            quote, is_open = sign, True
        elif sign.isspace():
            if word or is_open:
                words.append(word)
            word, is_open = "", False
        else:
            word += sign
    return [*words, word][1:] or [""]
