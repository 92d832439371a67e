"""What a relay knows: the calls it saw, within a budget of memory, and the faults it was told to play."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Headers

MAX_CALLS = 20_000
MAX_BYTES = 48 * 1024 * 1024
"""Of all records together; what a flood of calls adds after that is forwarded but not recorded."""
EXCERPT = 2048
"""Characters of a body that are kept."""
MAX_HEADERS = 32
MAX_HEADER = 512
CALL_BYTES, HEADER_BYTES = 1024, 256
"""What a record, and a header in it, take besides their text."""
MAX_KEY = 256


@dataclass(frozen=True)
class Script:
    """The faults of one key from attempt `first` on; None is no fault."""

    faults: tuple[Fault | None, ...]
    first: int
    always: bool

    def fault(self, attempt: int) -> Fault | None:
        """Return what to play for the `attempt`-th call."""
        step = attempt - self.first
        if step >= len(self.faults) and self.always:
            step = len(self.faults) - 1
        return self.faults[step] if 0 <= step < len(self.faults) else None


class Faults:
    """Which fault a call gets, by its key and attempt."""

    def __init__(self) -> None:
        self.everything: Fault | None = None
        self._scripts: dict[str, Script] = {}
        self._attempts: Counter[str] = Counter()

    def script(self, key: str, script: Script) -> None:
        """Replace the script of `key`, and count its attempts from 1."""
        self._scripts[key] = script
        del self._attempts[key]

    def reset(self) -> None:
        """Forget every fault and every count."""
        self.everything = None
        self._scripts.clear()
        self._attempts.clear()

    def next(self, key: str) -> tuple[int, Fault | None]:
        """Count one more call of `key`; return its attempt and its fault."""
        if key in self._attempts or len(self._attempts) < MAX_CALLS:
            self._attempts[key] += 1
        script = self._scripts.get(key)
        attempt = self._attempts[key]
        return attempt, self.everything if script is None else script.fault(attempt)


class Book:
    """The calls in order of arrival. A record is replaced as more becomes known, never changed."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._arrived = 0
        self._bytes = 0

    def arrive(self, method: str, path: str, headers: Headers) -> int:
        """Record a call that has just come in; return its number."""
        self._arrived += 1
        number = self._arrived
        if len(self._calls) < MAX_CALLS and self._bytes < MAX_BYTES:
            self._calls[number] = Call(number, time.time(), time.monotonic(), method[:32], path[:2048], headers)
            text = sum(HEADER_BYTES + len(name) + len(value) for name, value in headers)
            self._bytes += CALL_BYTES + len(path) + text
        return number

    def note(self, number: int, **news: Any) -> None:
        """Add what became known of a call."""
        call = self._calls.get(number)
        if call is not None:
            self._calls[number] = replace(call, **news)
            self._bytes += sum(len(new) for new in news.values() if isinstance(new, (str, tuple)))

    def calls(self, key: str | None) -> list[dict[str, Any]]:
        """Return the calls of `key`, or all."""
        return [asdict(call) for call in self._calls.values() if key is None or call.key == key]

    def done(self) -> list[tuple[str, str]]:
        """Return the keys of the calls that the target answered with 2xx; see Relay.done."""
        return [(call.key, call.header("idempotency-key") or "") for call in self._calls.values() if call.done]

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()
        self._bytes = 0


def excerpt(body: bytes) -> str:
    """Return the start of a body as text."""
    return body[:EXCERPT].decode(errors="replace")


def kept(headers: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Return headers as they are recorded: decoded and capped, in the order they crossed."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")[:MAX_HEADER]) for name, value in headers[:MAX_HEADERS]
    )


@dataclass(frozen=True)
class KeyRule:
    """Where a call's business key is. `where` as in `Relay.start`; raises ValueError if it says nothing known."""

    where: str

    def __post_init__(self) -> None:
        form, _, rest = self.where.partition(":")
        known = {"json": rest.startswith("/"), "header": bool(rest), "path": rest.isdecimal() and int(rest) > 0}
        if not known.get(form):
            raise ValueError(f"business key {self.where!r}: must be json:/pointer, header:Name or path:N")

    def find(self, path: str, headers: Headers, body: bytes) -> str:
        """Return the key of a call, or "" when it has none."""
        form, _, rest = self.where.partition(":")
        if form == "header":
            found = next((value for name, value in headers if name.lower() == rest.lower()), "")
        elif form == "path":
            segments = path.partition("?")[0].strip("/").split("/")
            found = segments[int(rest) - 1] if int(rest) <= len(segments) else ""
        else:
            found = _pointed(body, rest)
        return found[:MAX_KEY]


def _pointed(body: bytes, pointer: str) -> str:
    """Follow an RFC 6901 pointer into a JSON body; "" where there is no text, number or truth value."""
    try:
        place = json.loads(body)
    except (ValueError, RecursionError):  # not JSON; UnicodeDecodeError is a ValueError
        return ""
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict):
            place = place.get(name)
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return ""
    if isinstance(place, str):
        return place
    return json.dumps(place) if isinstance(place, (int, float)) else ""
