"""What of an OpenAPI document a newer one breaks for those who use it.

An operation, a status or a field that is told may not go away or change its type, and a field that was always there may
not become optional. Of what is sent nothing more may be asked for, and nothing that was taken may be refused.
"""

from __future__ import annotations

from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")
Document = dict[str, Any]


def breaks(old: Document, new: Document) -> list[str]:
    """Every break, as a sentence; empty where there is none."""
    return Comparison(old, new).breaks()


class Comparison:
    """Compares two documents. `seen` are the pairs of schemas met on the way, since schemas may be recursive."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old = old
        self.new = new
        self.seen: set[tuple[int, int, bool]] = set()

    def breaks(self) -> list[str]:
        found = []
        for path, item in self.old.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    where = f"{method.upper()} {path}"
                    newer = self.new.get("paths", {}).get(path, {}).get(method)
                    if newer is None:
                        found.append(f"{where}: is gone")
                    else:
                        found += self._operation(where, path, item[method], newer)
        return found

    def _operation(self, where: str, path: str, old: Document, new: Document) -> list[str]:
        found = self._parameters(where, path, old, new)
        before, after = self._body(self.old, old), self._body(self.new, new)
        if after is not None and before is None and self._whole(self.new, new["requestBody"]).get("required"):
            found.append(f"{where}: now needs a body")
        if before is not None and after is not None:
            found += self._schema(f"{where} body", before, after, sent=True)
            needed = self._whole(self.old, old["requestBody"]).get("required", False)
            if self._whole(self.new, new["requestBody"]).get("required", False) and not needed:
                found.append(f"{where}: now needs a body")
        for status, answer in old.get("responses", {}).items():
            newer = new.get("responses", {}).get(status)
            if newer is None:
                found.append(f"{where}: {status} is gone")
                continue
            told, telling = self._whole(self.old, answer), self._whole(self.new, newer)
            for kind, content in told.get("content", {}).items():
                if kind not in telling.get("content", {}):
                    found.append(f"{where} {status}: {kind} is gone")
                elif "schema" in content:
                    schema = telling["content"][kind].get("schema", {})
                    found += self._schema(f"{where} {status}", content["schema"], schema, sent=False)
        return found

    def _parameters(self, where: str, path: str, old: Document, new: Document) -> list[str]:
        before, after = self._named(self.old, path, old), self._named(self.new, path, new)
        found = []
        for name, parameter in after.items():
            earlier = before.get(name)
            if parameter.get("required") and not (earlier or {}).get("required"):
                found.append(f"{where}: now needs {name[1]} in {name[0]}")
            elif earlier is not None:
                schemas = (earlier.get("schema", {}), parameter.get("schema", {}))
                found += self._schema(f"{where} {name[1]}", *schemas, sent=True)
        return found

    def _named(self, document: Document, path: str, operation: Document) -> dict[tuple[str, str], Document]:
        told = [*document["paths"][path].get("parameters", []), *operation.get("parameters", [])]
        whole = [self._whole(document, each) for each in told]
        return {(each["in"], each["name"]): each for each in whole}

    def _body(self, document: Document, operation: Document) -> Document | None:
        if "requestBody" not in operation:
            return None
        content = self._whole(document, operation["requestBody"]).get("content", {})
        schema: Document | None = content.get("application/json", {}).get("schema")
        return schema

    def _schema(self, where: str, old: Document, new: Document, *, sent: bool) -> list[str]:
        """What the newer schema breaks: it may say more of what is told, and ask less of what is sent."""
        old, new = self._whole(self.old, old), self._whole(self.new, new)
        if (id(old), id(new), sent) in self.seen:
            return []
        self.seen.add((id(old), id(new), sent))
        found = []
        narrow, wide = (old, new) if sent else (new, old)
        if self._types(wide) and not self._types(narrow) <= self._types(wide):
            return [f"{where}: was {self._said(old)}, is {self._said(new)}"]
        if "enum" in wide and not set(map(str, narrow.get("enum", ["anything"]))) <= set(map(str, wide["enum"])):
            found.append(f"{where}: other values than before")
        if sent:
            found += self._limits(where, old, new)
        found += self._fields(where, old, new, sent=sent)
        if "items" in old and "items" in new:
            found += self._schema(f"{where}[]", old["items"], new["items"], sent=sent)
        return found

    def _fields(self, where: str, old: Document, new: Document, *, sent: bool) -> list[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        found = [f"{where}: {name} is gone" for name in before if name not in after]
        if sent:
            found += [f"{where}: {name} is needed now" for name in sorted(needs - needed)]
        else:
            found += [f"{where}: {name} may be absent now" for name in sorted(needed - needs) if name in after]
        for name in before.keys() & after.keys():
            found += self._schema(f"{where}.{name}", before[name], after[name], sent=sent)
        return found

    @staticmethod
    def _limits(where: str, old: Document, new: Document) -> list[str]:
        most = [name for name in ("maximum", "maxLength", "maxItems") if name in new]
        least = [name for name in ("minimum", "minLength", "minItems") if name in new]
        narrower = [name for name in most if name not in old or new[name] < old[name]]
        narrower += [name for name in least if new[name] > old.get(name, 0)]
        return [f"{where}: {name} is narrower" for name in narrower]

    @staticmethod
    def _types(schema: Document) -> set[str]:
        told = schema.get("type", [])
        types = {told} if isinstance(told, str) else set(told)
        return types | ({"integer"} if "number" in types else set())

    @staticmethod
    def _said(schema: Document) -> str:
        return str(schema.get("type", "anything"))

    @staticmethod
    def _whole(document: Document, told: Document) -> Document:
        """What a reference points to; references stay within the document."""
        for _ in range(20):
            if "$ref" not in told:
                return told
            place: Any = document
            for step in str(told["$ref"]).removeprefix("#/").split("/"):
                place = place[step.replace("~1", "/").replace("~0", "~")]
            told = place
        raise ValueError("a reference leads in a circle")
