"""terminal.py COMMAND [ARGUMENT ...]: runs a command on a terminal of its own, as its foreground job.

Writes what the command writes; each line on standard input presses Ctrl-C. Ends with the exit code of the command, or 128 and
the number of the signal that ended it."""

import os
import pty
import select
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
inputs = [terminal, 0]
while terminal in inputs:
    ready, _, _ = select.select(inputs, [], [])
    if 0 in ready:
        if os.read(0, 1024) == b"":
            inputs.remove(0)
        else:
            os.write(terminal, b"\x03")
    if terminal in ready:
        try:
            output = os.read(terminal, 65536)
        except OSError:
            output = b""
        if output == b"":
            inputs.remove(terminal)
        else:
            os.write(1, output)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
