"""Write SIZE MiB into one file of the folder FOLDER (TMPDIR or /tmp without it); print what came of it."""

import os
import sys
import tempfile
from pathlib import Path

try:
    with Path(os.environ.get("FOLDER", tempfile.gettempdir()), "big").open("wb", buffering=0) as file:
        for _ in range(int(os.environ["SIZE"])):
            if file.write(b"x" * 1024 * 1024) != 1024 * 1024:
                file.write(b"x")
    sys.stdout.write("written")
except OSError as error:
    sys.stdout.write(error.strerror or "")
