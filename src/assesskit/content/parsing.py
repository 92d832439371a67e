"""TOML to values, with every problem worded `file: key: what is wrong (did you mean …)`."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

MAX_FILE = 1024 * 1024
"""Bytes. No file written by a person for people is longer."""

T = TypeVar("T", bound=BaseModel)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean …)` with the nearest of `known`, or nothing when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def read_text(path: Path, root: Path, problems: list[str]) -> str | None:
    """The text of a file, or None after its problem was added."""
    where = path.relative_to(root).as_posix()
    try:
        if path.is_dir():
            problems.append(f"{where}: is a folder, expected a file")
        elif path.stat().st_size > MAX_FILE:
            problems.append(f"{where}: is larger than {MAX_FILE // 1024} KiB")
        else:
            return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.append(f"{where}: does not exist")
    except UnicodeDecodeError as error:
        problems.append(f"{where}: is not UTF-8 (byte {error.start})")
    except OSError as error:
        problems.append(f"{where}: cannot be read: {error.strerror}")
    return None


def parse(path: Path, root: Path, model: type[T], problems: list[str]) -> T | None:
    """One TOML file as a value of `model`, or None after all its problems were added."""
    text = read_text(path, root, problems)
    if text is None:
        return None
    where = path.relative_to(root).as_posix()
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.append(f"{where}: is not TOML: {error or 'nested too deeply'}")
        return None
    try:
        # By way of JSON, because pydantic's strict mode takes arrays for tuples only there.
        return model.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        problems += (
            f"{where}: {_key(entry['loc'], data)}{_wording(entry, model)}"
            for entry in error.errors(include_url=False, include_context=False)
        )
        return None


def _key(loc: Sequence[int | str], data: Any) -> str:
    """The place of a problem; an entry of a list is called by its id or name where it has one."""
    words = ""
    for part in loc:
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and part < len(data) else None
            name = data.get("id", data.get("name", part)) if isinstance(data, dict) else part
            words += f"[{name}]"
        elif part != "[key]":
            data = data.get(part) if isinstance(data, dict) else None
            words += f".{part}" if words else part
    return f"{words}: " if words else ""


def _wording(entry: Any, model: type[BaseModel]) -> str:
    if entry["type"] == "extra_forbidden":
        known = _keys_at(model, entry["loc"][:-1])
        return f"unknown key{did_you_mean(str(entry['loc'][-1]), known)}"
    if entry["type"] == "missing":
        return "is missing"
    message = str(entry["msg"]).removeprefix("Value error, ")
    given = f", not {entry['input']!r}" if entry["type"] == "literal_error" else ""
    return message[:1].lower() + message[1:] + given


def _keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> tuple[str, ...]:
    parts = iter(loc)
    for part in parts:
        if isinstance(part, int):
            continue
        field = model.model_fields[part]
        tables = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_table(kind)]
        model = tables[0]
        if get_origin(field.annotation) is dict:
            next(parts, None)  # the name of one of its tables
    return tuple(model.model_fields)


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
