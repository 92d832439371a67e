"""Who may say that a claim was shown, or make a kit: the lists of keys a content root trusts.

A signature keeps an entry from being edited, merged, or copied to another claim or exercise, and says who ran the
proof. It keeps out nobody who may edit the list.
"""

from __future__ import annotations

from pathlib import Path

from assesskit.content.parsing import parse
from assesskit.content.schema import Slug, Table
from assesskit.errors import ContentError
from assesskit.signatures import PublicKey, Signer, canonical, signed_by
from assesskit.signatures import signer_at as author

__all__ = ["INTERVIEWERS", "KEYS", "KeysFile", "PublicKey", "Signer", "author", "canonical", "signed_by", "trusted"]

KEYS = "exercises/proof-keys.toml"
INTERVIEWERS = "exercises/interviewer-keys.toml"
"""Whose proofs count, and whose kits are ours."""


class KeysFile(Table):
    """The whole of such a list: public key by the name of who holds its other half."""

    keys: dict[Slug, PublicKey]


def trusted(root: Path, file: str = KEYS) -> dict[str, str]:
    """Return the keys a content root trusts, each with its holder's name; none where it has no such list.

    Raises ContentError for a list that is wrong.
    """
    if not (root / file).exists():
        return {}
    problems: list[str] = []
    read = parse(root / file, root, KeysFile, problems)
    if read is None:
        raise ContentError(tuple(problems))
    return {key: name for name, key in read.keys.items()}
