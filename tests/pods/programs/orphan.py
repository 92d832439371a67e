"""Leave a listener behind in a session of its own; then wait."""

import subprocess
import sys
import time
from pathlib import Path

subprocess.Popen([sys.executable, Path(__file__).with_name("listen.py")], start_new_session=True)
time.sleep(120)
