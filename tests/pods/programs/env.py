"""Print the whole environment as JSON."""

import json
import os
import sys

sys.stdout.write(json.dumps(dict(os.environ)))
