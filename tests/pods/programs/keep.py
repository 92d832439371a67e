"""Add a line to a file of the volume, print how many there are now, and wait."""

import os
import sys
import time
from pathlib import Path

kept = Path(os.environ["VOLUME"], "lines")
with kept.open("a") as file:
    file.write("line\n")
sys.stdout.write(f"{len(kept.read_text().splitlines())}\n")
sys.stdout.flush()
time.sleep(120)
