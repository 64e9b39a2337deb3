"""Plays a person at a terminal: terminal.py PROGRAM ARGUMENT... runs it in a pseudo terminal.

Standard input has lines `wait TEXT` (until it was shown since the last wait) and `type KEYS` (with \\t and \\r).
What was shown goes to standard output; the exit status is the program's.
"""

import os
import pty
import select
import sys
import time

child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown, seen = b"", 0


def read(deadline):
    ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.time()))
    try:
        return os.read(terminal, 65536) if ready else b""
    except OSError:
        return b""


for step in sys.stdin:
    verb, text = step.rstrip("\n").split(" ", 1)
    if verb == "type":
        os.write(terminal, text.encode().decode("unicode_escape").encode())
        continue
    deadline = time.time() + 20
    while text.encode() not in shown[seen:]:
        more = read(deadline)
        shown += more
        if not more:
            raise SystemExit(f"{text!r} was not shown after {shown[:seen]!r}, but {shown[seen:]!r}")
    seen += shown[seen:].index(text.encode()) + len(text)
while more := read(time.time() + 20):
    shown += more
sys.stdout.buffer.write(shown)
sys.stdout.flush()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
