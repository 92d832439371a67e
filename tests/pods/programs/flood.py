"""Print 3 MiB, the newest line last."""

import sys

for _ in range(3 * 1024):
    sys.stdout.write("x" * 1023 + "\n")
sys.stdout.write("the end\n")
