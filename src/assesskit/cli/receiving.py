"""What came back from a candidate, taken apart before it is graded, and what an interviewer should know about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from assesskit.cli import settings
from assesskit.cli.told import plain, say

if TYPE_CHECKING:
    from assesskit.model import Submitted


class Received(NamedTuple):
    """What is graded, and what was told with it: None for a folder or an archive that no kit began.

    `handed` is kept beside the assessment, where those who score find it, so no time is in it. `remarks` are for the
    interviewer alone: what does not hold, and what is odd about the times.
    """

    path: Path
    handed: dict[str, Any] | None
    remarks: tuple[str, ...] = ()

    def tell(self, name: str, *, machine: bool) -> None:
        """Tell the interviewer what they should know."""
        if machine and self.handed is not None:
            print(json.dumps({"event": "Received", "submission": name, "remarks": self.remarks}))
        for remark in () if machine else self.remarks:
            say(f"{name}: {remark}")

    def keep(self, path: Path) -> None:
        """Write what was told, if anything was, beside the assessment. Raises StoreError."""
        from assesskit.store import write

        if self.handed is not None:
            write(path, json.dumps(self.handed, indent=2).encode())


@contextmanager
def received(path: Path, *, content: Path | None = None) -> Iterator[Received]:
    """Take a submission apart, and see what of it does not hold. Raises SubmissionError if it cannot be graded.

    Kits of the keys that the content root lists in `proof.signing.INTERVIEWERS` are ours as well.
    """
    from assesskit.kits.ledger import invitations
    from assesskit.kits.sealing import is_sealed, remarks, time_remarks, unseal

    if not is_sealed(path):
        yield Received(path, None)
        return
    with TemporaryDirectory(prefix="assesskit-") as scratch:
        work, began, handed = unseal(path, Path(scratch))
        kit = handed.kit.manifest
        invited = invitations(settings.ledger()).get(kit.kit)
        doubts = tuple(remarks(handed, invited, _keys(content)))
        kept = {"candidate": kit.candidate, "ai": handed.ai, "next": handed.next, "remarks": doubts}
        yield Received(work, kept, (*doubts, *time_remarks(handed, began, invited)))


def _keys(content: Path | None) -> frozenset[str]:
    """The interviewers' public keys: one's own, and those of the content root."""
    from assesskit.proof.signing import INTERVIEWERS, trusted
    from assesskit.signatures import signer_at

    key = settings.interviewer_key()
    own = frozenset({signer_at(key).public}) if key.exists() else frozenset()
    return own.union(trusted(settings.root(content), INTERVIEWERS))


def recorded(submitted: Submitted) -> Submitted:
    """A submission as a record tells of it: not when its workspace was started, nor when it was frozen.

    Who scores could figure from these how long somebody had. Bytes of a file's name that are no UTF-8 are replaced.
    """
    submitted = submitted.model_copy(update={"name": plain(submitted.name)})
    if submitted.manifest is None:
        return submitted
    manifest = {key: value for key, value in submitted.manifest.items() if key != "frozen"}
    if isinstance(workspace := manifest.get("workspace"), dict):
        manifest["workspace"] = {key: value for key, value in workspace.items() if key != "started"}
    return submitted.model_copy(update={"manifest": manifest})
