"""Answer each line with itself; `big N` with a line of N bytes; `bye` with silence and status 0."""

import sys

for line in sys.stdin.buffer:
    if line == b"bye\n":
        break
    if line.startswith(b"big "):
        sys.stdout.buffer.write(b"x" * int(line[4:]) + b"\n")
    else:
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
sys.stderr.write("left")
