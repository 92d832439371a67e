"""The keeper's process, ``python -m assesskit.environment ORDER``; see `keeping.keep` for the order."""

import json
import os
import sys

from assesskit.environment.keeping import keep
from assesskit.errors import EngineError, RuntimeUnavailableError, UsageError

if os.fork():  # its first process ends at once, so that nobody has to wait for the second
    os._exit(0)
try:
    keep(json.loads(sys.argv[1]))
except (EngineError, RuntimeUnavailableError, UsageError) as told:
    sys.exit(str(told))
