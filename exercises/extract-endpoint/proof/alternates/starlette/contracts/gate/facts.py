"""A document as a set of promises: what a newer one has lost, or asks for beyond the old one, breaks somebody.

Each fact is a tuple. `told` are promises about answers, which may grow; `asked` are demands on requests, which may
shrink.
"""

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "put", "post", "patch", "delete")
UPPER = ("maximum", "maxLength", "maxItems")
LOWER = ("minimum", "minLength", "minItems")


def whole(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = root
        for step in node["$ref"].split("/")[1:]:
            found = found[step]
        node = found
    return node


def schema_facts(
    root: dict[str, Any], node: dict[str, Any], place: tuple[str, ...], depth: int = 0
) -> Iterator[tuple[Any, ...]]:
    node = whole(root, node)
    if depth > 12:
        return
    yield (*place, "type", str(node.get("type", "any")))
    for name in node.get("required", ()):
        yield (*place, "required", name)
    for name in (*UPPER, *LOWER):
        if name in node:
            yield (*place, "bound", name, node[name])
    for name, inner in node.get("properties", {}).items():
        yield (*place, "field", name)
        yield from schema_facts(root, inner, (*place, name), depth + 1)
    if "items" in node:
        yield from schema_facts(root, node["items"], (*place, "[]"), depth + 1)


def facts(root: dict[str, Any]) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Promises about answers, and demands on requests."""
    told: set[tuple[Any, ...]] = set()
    asked: set[tuple[Any, ...]] = set()
    for path, item in root["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            here = (method, path)
            told.add((*here, "is there"))
            for each in (*item.get("parameters", ()), *item[method].get("parameters", ())):
                parameter = whole(root, each)
                place = (*here, parameter["in"], parameter["name"])
                asked.add((*place, "field", parameter["name"]))
                if parameter.get("required"):
                    asked.add((*place, "required", parameter["name"]))
                asked |= set(schema_facts(root, parameter.get("schema", {}), place))
            body = whole(root, item[method].get("requestBody", {}))
            if body.get("required"):
                asked.add((*here, "required", "body"))
            for kind, content in body.get("content", {}).items():
                asked |= set(schema_facts(root, content.get("schema", {}), (*here, "body", kind)))
            for status, answer in item[method].get("responses", {}).items():
                told.add((*here, status, "is there"))
                for kind, content in whole(root, answer).get("content", {}).items():
                    told |= set(schema_facts(root, content.get("schema", {}), (*here, status, kind)))
    return told, asked


def broken(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    told, asked = facts(old)
    tells, asks = facts(new)
    known = {fact[:2] for fact in told}
    lost = [fact for fact in told - tells if fact[-3] != "bound"]
    new_demands = [fact for fact in asks - asked if fact[:2] in known]
    wanted = [fact for fact in new_demands if fact[-2] == "required"]
    changed = [fact for fact in asked - asks if fact[-2] in ("type", "field")]
    narrower = [fact for fact in new_demands if fact[-3] == "bound" and _narrower(fact, asked)]
    return [" ".join(map(str, fact)) for fact in (*lost, *wanted, *changed, *narrower)]


def _narrower(fact: tuple[Any, ...], asked: set[tuple[Any, ...]]) -> bool:
    before = [one[-1] for one in asked if one[:-1] == fact[:-1]]
    if not before:
        return True
    return fact[-1] < before[0] if fact[-2] in UPPER else fact[-1] > before[0]
