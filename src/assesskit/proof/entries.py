"""A file of signed entries, one a claim, kept beside an exercise's programs.

An entry says what it rests on and who made it. That is signed together with the kind of file, the exercise and the
claim, so that no entry can be edited, moved to another claim, or brought along from another exercise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from assesskit.content import Exercise
from assesskit.errors import ContentError
from assesskit.model import Value
from assesskit.proof.digests import RestsOn
from assesskit.proof.signing import KEYS, PublicKey, Signer, signed_by
from assesskit.store import write


class Entry(Value):
    """What every entry says: what it rests on, the tool's version, and its author's key and signature."""

    rests_on: RestsOn
    tool: str
    by: PublicKey = "0" * 64
    signature: str = ""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Believed(Generic[E]):
    """The entries whose signature holds, by claim, and why each of the others is refused."""

    entries: Mapping[str, E]
    refused: Mapping[str, str]


@dataclass(frozen=True)
class Entries(Generic[E]):
    """The entries of one kind of one exercise as it is written. `trusted` are the keys that count, with their holders'
    names."""

    exercise: Exercise
    model: type[E]
    schema: str
    file: str
    trusted: Mapping[str, str]

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self.exercise.folder / self.file

    def read(self) -> Believed[E]:
        """Read all, and believe those that a trusted key signed for this exercise and claim.

        Raises ContentError when the file as a whole is not of its form.
        """
        entries: dict[str, E] = {}
        refused: dict[str, str] = {}
        for claim, raw in self._raw().items():
            try:
                entry = self.model.model_validate_json(json.dumps(raw), strict=True)
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False)[0]
                refused[claim] = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
                continue
            if problem := self._doubt(claim, entry):
                refused[claim] = problem
            else:
                entries[claim] = entry
        return Believed(entries, refused)

    def put(self, claim: str, entry: E | None, signer: Signer, stays: Callable[[str, Any], bool]) -> None:
        """Sign an entry and write it in the place of the claim's old one, or drop that.

        `stays` says of each other claim, and its entry as it lies there, whether it is of any use.
        Raises StoreError when it cannot be written, ContentError for a file that is not of its form.
        """
        kept = {name: raw for name, raw in self._raw().items() if name != claim and stays(name, raw)}
        if entry:
            unsigned = entry.model_copy(update={"by": signer.public, "signature": ""})
            signed = unsigned.model_copy(update={"signature": signer.sign(self._said(claim, unsigned))})
            kept[claim] = signed.model_dump(mode="json")
        write(self.path, self._text(kept).encode())

    def _doubt(self, claim: str, entry: E) -> str:
        """Why an entry is not believed; empty when it is."""
        if not signed_by(entry.by, entry.signature, self._said(claim, entry)):
            return "its signature does not hold: it was edited, merged or copied, not proven"
        if entry.by not in self.trusted:
            return f"its key {entry.by} is not in {KEYS}"
        return ""

    def _said(self, claim: str, entry: E) -> dict[str, Any]:
        about = {"schema_id": self.schema, "exercise": self.exercise.slug, "claim": claim}
        return {**about, "entry": entry.model_dump(mode="json", exclude={"signature"})}

    def _raw(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise self._broken(f"is not JSON: {error}") from error
        if not isinstance(content, dict) or content.get("schema_id") != self.schema:
            raise self._broken(f"its schema_id is not {self.schema}")
        if not isinstance(content.get("claims"), dict):
            raise self._broken("claims: must be an object")
        found: dict[str, Any] = content["claims"]
        return found

    def _broken(self, what: str) -> ContentError:
        where = self.path.relative_to(self.exercise.root).as_posix()
        hint = f"Take the version of one side of a merge, or remove it and prove {self.exercise.slug} again."
        return ContentError((f"{where}: {what}",), hint=hint)

    def _text(self, claims: Mapping[str, Any]) -> str:
        """One line a value, sorted: a difference shows which claim changed, and in what."""
        blocks = []
        for claim, entry in sorted(claims.items()):
            lines = [f"      {json.dumps(key)}: {json.dumps(entry[key], sort_keys=True)}" for key in sorted(entry)]
            blocks.append(f"    {json.dumps(claim)}: {{\n" + ",\n".join(lines) + "\n    }")
        head = f'{{\n  "schema_id": {json.dumps(self.schema)},\n  "claims": {{\n'
        return head + ",\n".join(blocks) + "\n  }\n}\n"
