"""Try to have 60 children at once; print how many there were."""

import os
import sys
import time

children = 0
try:
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(120)
        children += 1
except OSError:
    pass
sys.stdout.write(str(children))
