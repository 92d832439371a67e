"""Dies before it is ready, and its last words are for whoever reads the report."""

import sys

MARKUP = "<script>alert(1)</script> [click](javascript:alert(1)) =HYPERLINK(1) ::error::x"
WORDS = MARKUP + " \x1b[2J\x1b]0;owned\x07 \u202egnp \x00"
sys.stdout.write("x" * 300_000 + "\n")
sys.stdout.flush()
sys.stderr.write(WORDS + "\n")
sys.stderr.flush()
sys.stderr.buffer.write(b"\xff\xfe\xed\xa0\x80\n")
sys.exit(7)
