"""Say something else on each stream, with bytes that are no text, and end with status 3."""

import sys

sys.stdout.buffer.write(b"out\x00\xff\n")
sys.stderr.buffer.write(b"err\n")
sys.exit(3)
