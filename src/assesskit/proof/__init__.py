"""What is kept of proving an exercise, and when it may be believed.

::

    exercises/proof-keys.toml                    whose word counts in this content root: see `signing`
    exercises/<slug>/proof/record.json           each claim that was shown to hold: see `record`
    exercises/<slug>/proof/reliability.json      how often each claim's program was judged wrong: see `reliability`

`claims` says what an exercise claims, `digests` what a verdict rests on, `entries` how both files are kept.
"""

from __future__ import annotations
