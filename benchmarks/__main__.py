"""Every benchmark, one after the other; what needs an engine says so where there is none."""

from __future__ import annotations

from assesskit.errors import RuntimeUnavailableError
from benchmarks import collector, grade, relay, reports, startup

startup.main()
reports.main()
try:
    grade.main()
except RuntimeUnavailableError as error:
    print(f"assesskit grade       not measured: {error}")
relay.main()
collector.main()
