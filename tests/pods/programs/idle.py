"""Run until somebody ends it."""

import time

time.sleep(120)
