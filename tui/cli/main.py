"""The `winch` command: asks the daemon to do what is short, and does everything else itself.

A shell prompt may run `winch ls`. So nothing is imported here before the daemon was asked: what it
answers is printed, and only where it does not do a command are the command's own modules loaded.
Which of them the daemon does, and whether it does this one, is for `tui.cli.in_daemon` to say.
"""

import os
import sys

SHORT = frozenset(
    "add cancel collections daemon limit log ls metrics move pause report resume retry rm set show"  # noqa: SIM905
    " status sync".split()
)
"""What the daemon is asked to do. A word from the table of commands would load the table."""
_NEVER = frozenset(("-h", "--help", "--debug", "run", "start", "stop", "install", "uninstall"))
"""Words with which a command is done here; where they are but names, that costs time only."""
_ELSEWHERE = ("-H", "--host")
"""How the word begins that gives a command to the daemon of another machine."""
_SIGNALS = (1, 2, 15)


def main() -> None:
    """Run winch with the arguments of the process and leave it with the exit status."""
    words = sys.argv[1:]
    status = None
    if words and words[0] in SHORT and _NEVER.isdisjoint(words) and not _is_elsewhere(words):
        status = _from_daemon(words)
    if status is None:
        from tui.cli.dispatch import prepare_home, prepare_streams, run  # noqa: PLC0415

        prepare_streams()
        prepare_home()
        status = run(words)
    sys.exit(status)


def _is_elsewhere(words: list[str]) -> bool:
    return any(word.startswith(_ELSEWHERE) for word in words)


def _from_daemon(words: list[str]) -> int | None:
    """Print what the daemon has to say, and return the exit status; None where it says nothing."""
    from core import short_call  # noqa: PLC0415

    if None in (sys.stdin, sys.stdout, sys.stderr):
        return None
    before = _leave_on_signals()
    try:
        answer = short_call.call(words, _columns())
    except (short_call.LostError, short_call.SilentError, short_call.FailedError) as error:
        return _failed(error)
    finally:
        _leave_to(before)
    if answer is None:
        return None
    try:
        _print(answer.said)
    except (Exception, KeyboardInterrupt) as error:
        from tui.cli.dispatch import status_of  # noqa: PLC0415

        return status_of(error)
    return answer.status


def _print(said: list[tuple[bool, str]]) -> None:
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot show a name is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for is_error, text in said:
        stream = sys.stderr if is_error else sys.stdout
        stream.write(text)
        if is_error:
            stream.flush()
    sys.stdout.flush()


def _columns() -> int | None:
    """Return what `shutil.get_terminal_size` says of stdout, None where that is no terminal."""
    if not sys.stdout.isatty():
        return None
    wanted = []
    for name in ("COLUMNS", "LINES"):
        try:
            wanted.append(int(os.environ[name]))
        except (KeyError, ValueError):
            wanted.append(0)
    if wanted[0] > 0:
        return wanted[0]
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def _leave_on_signals() -> dict[int, object]:
    """Have the signals that end a command end this one at once: nothing is printed yet.

    Returns what was to happen before. One that is ignored stays so.
    """
    # What the signal module is made of; that one takes as long as half of Python's start.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415

    numbers = [number for number in _SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN]
    return {number: _signal.signal(number, _leave) for number in numbers}


def _leave_to(before: dict[int, object]) -> None:
    import _signal  # noqa: PLC0415

    for number, handler in before.items():
        _signal.signal(number, handler)


def _leave(number: int, _: object) -> None:
    os._exit(128 + number)


def _failed(error: Exception) -> int:
    """Say why there is no answer, in the words of the commands that ask for themselves."""
    from core.domain.errors import ErrorCode, ErrorInfo  # noqa: PLC0415
    from core.rpc.client import connection_lost, not_answering  # noqa: PLC0415
    from core.short_call import FailedError, SilentError  # noqa: PLC0415
    from tui.cli.dispatch import told  # noqa: PLC0415

    if isinstance(error, FailedError):
        code, message, hint = error.args
        known = ErrorCode(code) if code in set(ErrorCode) else ErrorCode.INTERNAL
        return told(ErrorInfo(code=known, message=message, hint=hint).to_error())
    return told(not_answering() if isinstance(error, SilentError) else connection_lost())
