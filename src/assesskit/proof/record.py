"""The record of what was shown: each claim that holds, with what that rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assesskit.content import Exercise
from assesskit.model import Outcome, Verdict
from assesskit.proof.claims import Claim, as_written, claims
from assesskit.proof.digests import RestsOn, drawn, golden, measured_with, program
from assesskit.proof.entries import Entries, Entry

SCHEMA = "assesskit/proof/1"
FILE = "proof/record.json"


class Proven(Entry):
    """A claim that was shown to hold. `runs` is how often its program was graded, `seconds` how long the last took."""

    outcome: Outcome
    verdicts: dict[str, Verdict]
    runs: int
    seconds: float
    at: datetime


def record(exercise: Exercise, trusted: Mapping[str, str]) -> Entries[Proven]:
    """The record of an exercise and its variants."""
    return Entries(exercise.origin, Proven, SCHEMA, FILE, trusted)


def key(exercise: Exercise, claim: str) -> str:
    """The name of a claim's entry: on a variant, with the seed."""
    seed = exercise.variant.seed
    return claim if seed is None else f"{claim}@{seed}"


def rests_on(exercise: Exercise, claim: Claim, runtime: str) -> RestsOn:
    """What a claim's proof rests on now."""
    return {**_all_rest_on(exercise, runtime), **_rests_on(as_written(exercise, claim))}


def _all_rest_on(exercise: Exercise, runtime: str) -> RestsOn:
    return {**measured_with(exercise, runtime), **drawn(exercise)}


def _rests_on(claim: Claim) -> RestsOn:
    return {**program(claim), **golden(claim)}


def stays(exercise: Exercise, runtime: str) -> Callable[[str, Any], bool]:
    """Which entries are of use: those of claims there are; on variants, while what they all rest on is the same."""
    now = measured_with(exercise, runtime)
    names = {claim.name for claim in claims(exercise.origin)}

    def is_of_use(name: str, raw: Any) -> bool:
        claim, _, seed = name.partition("@")
        then = raw.get("rests_on", {}) if seed and isinstance(raw, dict) else now
        return claim in names and all(key in then and then[key] == now[key] for key in now)

    return is_of_use


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


def standing(exercise: Exercise, wanted: Sequence[Claim], runtime: str, trusted: Mapping[str, str]) -> list[Standing]:
    """How every claim stands, in their order. Raises ContentError for a record that cannot be read."""
    believed = record(exercise, trusted).read()
    common = _all_rest_on(exercise, runtime)
    found = []
    for claim in wanted:
        name = key(exercise, claim.name)
        entry = believed.entries.get(name)
        if entry is None:
            refused = believed.refused.get(name, "")
            found.append(Standing(claim, "" if refused else "never proven", refused))
            continue
        now = {**common, **_rests_on(as_written(exercise, claim))}
        changed = [part for part in now if entry.rests_on.get(part) != now[part]]
        found.append(Standing(claim, f"changed since: {', '.join(changed)}" if changed else "", seconds=entry.seconds))
    return found
