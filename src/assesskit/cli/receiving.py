"""What came back from a candidate, taken apart before it is graded, and what an interviewer should know about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from assesskit.cli import settings
from assesskit.cli.told import say

if TYPE_CHECKING:
    from assesskit.kits.sealing import Opened


class Received(NamedTuple):
    """What is graded, and what was told with it: None for a folder or an archive that no kit began."""

    path: Path
    handed: dict[str, Any] | None

    def keep(self, path: Path) -> None:
        """Write what was told, if anything was, beside the assessment. Raises StoreError."""
        from assesskit.store import write

        if self.handed is not None:
            write(path, json.dumps(self.handed, indent=2).encode())


@contextmanager
def received(path: Path, *, machine: bool, content: Path | None = None) -> Iterator[Received]:
    """Take a submission apart, and say what of it does not hold. Raises SubmissionError if it cannot be graded.

    Kits of the keys that the content root lists in `proof.signing.INTERVIEWERS` are ours as well.
    """
    from assesskit.kits.sealing import is_sealed, unseal

    if not is_sealed(path):
        yield Received(path, None)
        return
    with TemporaryDirectory(prefix="assesskit-") as scratch:
        opened = unseal(path, Path(scratch))
        told = _remarks(opened, content)
        if machine:
            print(json.dumps({"event": "Received", "submission": path.name, "remarks": told}))
        for remark in () if machine else told:
            say(f"{path.name}: {remark}")
        handed = opened.handed
        notes = {"candidate": handed.kit.manifest.candidate, "ai": handed.ai, "next": handed.next, "remarks": told}
        yield Received(opened.work, notes)


def _remarks(opened: Opened, content: Path | None) -> list[str]:
    from assesskit.kits.ledger import invitations
    from assesskit.kits.sealing import remarks
    from assesskit.proof.signing import INTERVIEWERS, trusted
    from assesskit.signatures import signer_at

    key = settings.interviewer_key()
    own = frozenset({signer_at(key).public}) if key.exists() else frozenset()
    invited = invitations(settings.ledger()).get(opened.handed.kit.manifest.kit)
    ours = own.union(trusted(settings.root(content), INTERVIEWERS))
    return list(remarks(opened.handed, opened.began, invited, ours))
