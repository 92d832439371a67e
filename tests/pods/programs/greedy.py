"""Take 1 GiB of memory."""

import sys

taken = [bytearray(b"x" * 1024 * 1024) for _ in range(1024)]
sys.stdout.write(f"took {len(taken)} MiB")
