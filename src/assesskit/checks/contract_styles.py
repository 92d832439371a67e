"""What generators of documents write in more words than a contract does, without these words.

Zod writes a UUID as its format and as a pattern that spells it out, and a literal 404 as a ``number`` of one value.
"""

from __future__ import annotations

from typing import Any

from assesskit.checks.contract_compare import NARROW_FORMATS
from assesskit.checks.contract_document import DATA_KEYS
from assesskit.checks.contract_schema import Schema, enumerated


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with schemas that say the same in fewer words."""
    return _schema({key: value if key in DATA_KEYS else _each(value) for key, value in document.items()})


def _each(value: Any) -> Any:
    if isinstance(value, list):
        return [_each(one) for one in value]
    return plain(value) if isinstance(value, dict) else value


def _schema(node: Schema) -> Schema:
    values = enumerated(node)
    if node.get("type") == "number" and values and all(type(value) is int for value in values):
        node["type"] = "integer"
    if str(node.get("format")) in NARROW_FORMATS:
        node.pop("pattern", None)
    return node
