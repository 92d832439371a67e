"""Where the files of a run are. Every file is written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from assesskit.errors import StoreError, UsageError
from assesskit.model import SCHEMA, Assessment

MAX_ASSESSMENT = 64 * 1024 * 1024
"""Bytes. Evidence is capped long before a record of a run grows to this."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run::

    <out>/<submission>-<run>/
        assessment.json    the record of the run; everything else can be made again from it
        review.jsonl       what people added to it, one entry a line
        report.html        for interviewers
        page.html          for hiring managers, on one page
        report.md          the same, for a terminal or a ticket
        checks.json        what pytest said about the grader's own run (pytest-json-report)
        handed.json        what the candidate noted, and what of the submission does not hold; only where a kit began it
    """

    path: Path

    @classmethod
    def create(cls, out: Path, submission: str, run: str) -> RunFolder:
        """Make the folder. `submission` may be any text; what is no plain file name in it is replaced.

        Raises StoreError if it cannot be made.
        """
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", submission).strip(".-")[:80] or "submission"
        folder = cls(out / f"{name}-{run}")
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot be made: {error.strerror}", where=str(folder.path)) from error
        return folder

    @property
    def assessment(self) -> Path:
        """The record of the run."""
        return self.path / "assessment.json"

    @property
    def html(self) -> Path:
        """The full report."""
        return self.path / "report.html"

    @property
    def page(self) -> Path:
        """The report for hiring managers, on one page."""
        return self.path / "page.html"

    @property
    def markdown(self) -> Path:
        """The report as plain text."""
        return self.path / "report.md"

    @property
    def checks(self) -> Path:
        """The pytest-json-report of the grader."""
        return self.path / "checks.json"

    @property
    def handed(self) -> Path:
        """What a submission that came with a kit's archive tells of itself, and what of it does not hold."""
        return self.path / "handed.json"


def candidate_of(run: RunFolder) -> str:
    """The candidate for whom the kit of a submission was made; empty where no kit began it.

    Raises UsageError for a file that does not say it.
    """
    if not run.handed.exists():
        return ""
    try:
        return str(json.loads(run.handed.read_bytes())["candidate"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError("does not say whose kit it was", where=str(run.handed), hint="Grade again.") from error


def write(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace `path` by `data` in one step, so that a reader sees the old content or the new; `mode` less the umask.

    Raises StoreError if that is impossible (no space, no right); then the old file is intact and nothing is left over.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.new")  # a name may be as long as a file system has
    try:
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            hint="Make room or name another folder, then try again.",
        ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_assessment(path: Path, assessment: Assessment) -> None:
    """Write the record of a run as JSON; a number that is not finite becomes null. Raises StoreError."""
    try:
        data = assessment.model_dump_json(indent=2).encode()
    except PydanticSerializationError as error:
        raise StoreError(f"cannot be told in JSON: {error}", where=str(path)) from error
    write(path, data + b"\n")


def read_assessment(path: Path) -> Assessment:
    """Read the record of a run. Raises UsageError, which says what is wrong with the file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ASSESSMENT + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > MAX_ASSESSMENT:
        raise UsageError(f"is larger than {MAX_ASSESSMENT // 1024**2} MiB", where=str(path))
    try:
        return Assessment.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise UsageError(_wrong(data, error), where=str(path)) from error


def _wrong(data: bytes, error: ValidationError) -> str:
    """What is wrong with a file that holds no assessment: no JSON, another schema, or the first key that is."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as reason:
        return f"is not JSON: {reason}"
    schema = content.get("schema_id") if isinstance(content, dict) else None
    if schema != SCHEMA:
        return _other_schema(schema)
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{key}: {first['msg']}{more}"


def _other_schema(schema: object) -> str:
    family, _, version = SCHEMA.rpartition("/")
    if isinstance(schema, str) and (found := re.fullmatch(re.escape(family) + r"/(\d{1,9})", schema)):
        age = "a newer" if int(found[1]) > int(version) else "an older"
        return f"was written by {age} assesskit ({schema}; this one reads {SCHEMA})"
    return f"is no assessment (its schema_id is not {SCHEMA})"


def assessment_schema() -> str:
    """The JSON Schema of assessment.json, as docs/assessment.schema.json publishes it."""
    schema = Assessment.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
