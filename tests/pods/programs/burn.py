"""Use half a second of CPU and 50 MiB of memory, say so, and wait."""

import sys
import time

taken = b"x" * 50 * 1024 * 1024
while time.process_time() < 0.5:
    pass
sys.stdout.write(f"used {len(taken)}\n")
sys.stdout.flush()
time.sleep(120)
