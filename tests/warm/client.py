"""Stands for a process that the server forks: gives it its files, hands on signals and its end.

Called as `client.py SOCKET PYTHON ARGUMENT…`, without site-packages, so that it starts at once.
"""

import os
import signal
import socket
import struct
import sys

HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCONT)


def main() -> None:
    """Be the process that was asked for, to whoever started and waits for this one."""
    _, address, python, *arguments = sys.argv
    if arguments[:2] not in (["-P", "-c"], ["-P", "-m"]):
        os.execv(python, [python, *arguments])
    files = [fd for fd in range(64) if _is_open(fd)]
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    leads = os.getsid(0) == os.getpid()
    os.umask(umask := os.umask(0))
    parts = [
        b"%d" % leads,
        b"%d" % umask,
        os.fsencode(os.getcwd()),  # noqa: PTH109
        " ".join(map(str, files)).encode(),
        *(b"%d" % len(arguments), *map(os.fsencode, arguments)),
        *(name + b"=" + value for name, value in os.environb.items()),
    ]
    request = b"\0".join(parts)
    socket.send_fds(server, [struct.pack("=Q", len(request))], files)
    server.sendall(request)
    (child,) = struct.unpack("=i", server.recv(4, socket.MSG_WAITALL))

    def hand_on(number: int, _: object) -> None:
        os.kill(child, number)

    for number in HANDED_ON:
        signal.signal(number, hand_on)
    (end,) = struct.unpack("=i", server.recv(4, socket.MSG_WAITALL))
    if end < 0:
        if -end in HANDED_ON:
            signal.signal(-end, signal.SIG_DFL)
        os.kill(os.getpid(), -end)
    os._exit(end)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


main()
