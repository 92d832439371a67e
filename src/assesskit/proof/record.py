"""The record of what was shown: each claim that holds, with what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assesskit.content import Exercise
from assesskit.model import Outcome, Verdict
from assesskit.proof.claims import Claim
from assesskit.proof.digests import RestsOn, golden, measured_with, program
from assesskit.proof.entries import Entries, Entry

SCHEMA = "assesskit/proof/1"
FILE = "record.json"


class Proven(Entry):
    """A claim that was shown to hold. `runs` is how often its program was graded, `seconds` how long the last took."""

    outcome: Outcome
    verdicts: dict[str, Verdict]
    runs: int
    seconds: float
    at: datetime


def record(exercise: Exercise, trusted: Mapping[str, str]) -> Entries[Proven]:
    """The record of an exercise."""
    return Entries(exercise, Proven, SCHEMA, FILE, trusted)


def rests_on(exercise: Exercise, claim: Claim, runtime: str) -> RestsOn:
    """What a claim's proof rests on now."""
    return {**measured_with(exercise, runtime), **program(claim), **golden(claim)}


@dataclass(frozen=True)
class Standing:
    """Whether a claim's proof is kept. `open` says why it is not, `refused` why what is there does not count."""

    claim: Claim
    open: str = ""
    refused: str = ""
    seconds: float | None = None

    @property
    def kept(self) -> bool:
        """Whether nothing has changed since it was shown."""
        return not (self.open or self.refused)


def standing(exercise: Exercise, claims: tuple[Claim, ...], runtime: str, trusted: Mapping[str, str]) -> list[Standing]:
    """How every claim stands, in their order. Raises ContentError for a record that cannot be read."""
    believed = record(exercise, trusted).read()
    common = measured_with(exercise, runtime)
    found = []
    for claim in claims:
        entry = believed.entries.get(claim.name)
        if entry is None:
            refused = believed.refused.get(claim.name, "")
            found.append(Standing(claim, "" if refused else "never proven", refused))
            continue
        now = {**common, **program(claim), **golden(claim)}
        changed = [name for name in now if entry.rests_on.get(name) != now[name]]
        found.append(Standing(claim, f"changed since: {', '.join(changed)}" if changed else "", seconds=entry.seconds))
    return found
