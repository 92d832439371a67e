"""Whether the document a service publishes is a compatible superset of the contract.

Every operation, input, answer, media type and field of the contract is there, and nothing is asked that the contract
does not ask. More of anything is fine, and so are other names of components and of path parameters.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from assesskit.checks.contract_compare import Break, Comparer, Direction
from assesskit.checks.contract_document import pointed, resolved
from assesskit.checks.contract_schema import listed, mapping

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NOT_PARAMETERS = ("accept", "content-type", "authorization")
"""Headers that OpenAPI describes elsewhere: as parameters they are ignored (OpenAPI 3.1.0, 4.8.12.2)."""
Parameters = dict[tuple[str, str], tuple[str, dict[str, Any]]]


def breaks(contract: dict[str, Any], served: dict[str, Any]) -> list[Break]:
    """Every promise of `contract` that `served` does not keep. Raises DocumentError where that cannot be told."""
    return _Documents(contract, served).breaks()


class _Documents:
    def __init__(self, contract: dict[str, Any], served: dict[str, Any]) -> None:
        self._contract = contract
        self._served = served
        self._comparer = Comparer(contract, served)
        prefix = _server_path(served)
        self._paths = {_shape(path): item for path, item in served["paths"].items()}
        self._paths |= {_shape(prefix + path): item for path, item in served["paths"].items()}

    def breaks(self) -> list[Break]:
        found = []
        for path, item in self._contract["paths"].items():
            ours = resolved(self._contract, item)
            theirs = resolved(self._served, self._paths.get(_shape(path), {}))
            for method in METHODS:
                if method not in ours:
                    continue
                where = pointed("#", "paths", path, method)
                if method not in theirs:
                    found.append(Break(where, "the operation is missing"))
                else:
                    found += self._operation(path, ours, theirs, method)
        return found

    def _operation(self, path: str, ours: dict[str, Any], theirs: dict[str, Any], method: str) -> list[Break]:
        where = pointed("#", "paths", path, method)
        wanted = resolved(self._contract, ours[method])
        offered = resolved(self._served, theirs[method])
        found = self._security(wanted, offered, where)
        found += self._parameters(
            _parameters(self._contract, ours, wanted), _parameters(self._served, theirs, offered), where
        )
        found += self._body(wanted, offered, pointed(where, "requestBody"))
        answers = {str(status): answer for status, answer in mapping(offered, "responses").items()}
        for status, answer in mapping(wanted, "responses").items():
            here = pointed(where, "responses", status)
            match = _answer_for(str(status), answers)
            if match is None:
                found.append(Break(here, "the response is missing"))
            else:
                found += self._answer(resolved(self._contract, answer), resolved(self._served, match), here)
        return found

    def _security(self, wanted: dict[str, Any], offered: dict[str, Any], where: str) -> list[Break]:
        anonymous = _is_anonymous(wanted.get("security", self._contract.get("security")))
        if anonymous and not _is_anonymous(offered.get("security", self._served.get("security"))):
            return [
                Break(pointed(where, "security"), "the served document asks for credentials, the contract for none")
            ]
        return []

    def _parameters(self, wanted: Parameters, offered: Parameters, where: str) -> list[Break]:
        found = []
        for key, (name, parameter) in wanted.items():
            here = pointed(where, "parameters", name)
            if key not in offered:
                found.append(Break(here, f"the {key[0]} parameter is missing"))
            elif "schema" in parameter:
                theirs = offered[key][1].get("schema", {})
                found += self._comparer.breaks(parameter["schema"], theirs, "input", pointed(here, "schema"))
        for key, (name, parameter) in offered.items():
            needed = key in wanted and wanted[key][1].get("required") is True
            if parameter.get("required") is True and not needed and key[0] != "path":
                here = pointed(where, "parameters", name)
                found.append(Break(here, f"the served document requires this {key[0]} parameter, the contract not"))
        return found

    def _body(self, wanted: dict[str, Any], offered: dict[str, Any], where: str) -> list[Break]:
        ours = resolved(self._contract, wanted.get("requestBody", {}))
        theirs = resolved(self._served, offered.get("requestBody", {}))
        found = []
        if theirs.get("required") is True and ours.get("required") is not True:
            found.append(Break(where, "the served document requires a body, the contract not"))
        if ours and not theirs:
            return [*found, Break(where, "the request body is missing")]
        return found + self._content(ours, theirs, "input", where)

    def _answer(self, wanted: dict[str, Any], offered: dict[str, Any], where: str) -> list[Break]:
        found = []
        served = {name.lower() for name in mapping(offered, "headers")}
        for name, header in mapping(wanted, "headers").items():
            if resolved(self._contract, header).get("required") is True and name.lower() not in served:
                found.append(Break(pointed(where, "headers", name), "the response header is missing"))
        return found + self._content(wanted, offered, "answer", where)

    def _content(
        self, wanted: dict[str, Any], offered: dict[str, Any], direction: Direction, where: str
    ) -> list[Break]:
        found = []
        served = {_media_type(name): media for name, media in mapping(offered, "content").items()}
        for name, media in mapping(wanted, "content").items():
            here = pointed(where, "content", name)
            match = next((served[each] for each in _covering(_media_type(name)) if each in served), None)
            if match is None:
                found.append(Break(here, "the media type is missing"))
            elif "schema" in media:
                theirs = resolved(self._served, match).get("schema", {})
                found += self._comparer.breaks(media["schema"], theirs, direction, pointed(here, "schema"))
        return found


def _shape(path: str) -> str:
    """A path with its parameters unnamed: what they are called is nobody's business."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


def _server_path(document: dict[str, Any]) -> str:
    servers = [server for server in listed(document, "servers") if isinstance(server, dict)]
    url = servers[0].get("url") if servers else ""
    try:
        return urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
    except ValueError:
        return ""


def _parameters(root: dict[str, Any], item: dict[str, Any], operation: dict[str, Any]) -> Parameters:
    """The parameters of an operation and its path, by place and name; those in the path by their order."""
    found: Parameters = {}
    for given in (*listed(item, "parameters"), *listed(operation, "parameters")):
        parameter = resolved(root, given)
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        key = name.lower() if place == "header" else name
        if not (place == "header" and key in NOT_PARAMETERS):
            found[(place, key)] = (name, parameter)
    in_path = [key for key in found if key[0] == "path"]
    for order, named in enumerate(in_path):
        found["path", str(order)] = found.pop(named)
    return found


def _is_anonymous(security: object) -> bool:
    return not security or (isinstance(security, list) and {} in security)


def _answer_for(status: str, answers: dict[str, Any]) -> object | None:
    keys = (status, f"{status[:1]}XX", f"{status[:1]}xx", "default")
    return next((answers[key] for key in keys if key in answers), None)


def _media_type(name: str) -> str:
    return name.partition(";")[0].strip().lower()


def _covering(media_type: str) -> tuple[str, ...]:
    return media_type, f"{media_type.partition('/')[0]}/*", "*/*"
