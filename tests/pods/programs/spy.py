"""Print the names of the programs it can see running beside itself."""

import sys
from pathlib import Path

for entry in Path("/proc").iterdir():
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        continue
    for word in words:
        if word.endswith(b".py"):
            sys.stdout.write(f"{Path(word.decode()).name}\n")
