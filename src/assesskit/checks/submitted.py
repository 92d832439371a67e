"""The files of a submission that its exercise lets the checks read: data of somebody nobody trusts, bounded in size."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assesskit.checks.expect import Failure

SUBMITTED = "submitted.json"
"""The file of the grader's working directory that holds them all; `content.submitted` writes it."""


@dataclass(frozen=True)
class Submitted:
    """Files by `/`-separated path, and those that were not handed over, with the reason."""

    files: Mapping[str, bytes]
    left_out: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Submitted:
        """Read what the harness put into `folder`."""
        told = json.loads((folder / SUBMITTED).read_bytes())
        files = {name: base64.b64decode(content) for name, content in told["files"].items()}
        return cls(files, told["left_out"])

    def text(self, path: str) -> str:
        """The file as text. Raises Failure when it is not there, too large, or not UTF-8."""
        if path in self.left_out:
            raise Failure(f"{path} is not read: {self.left_out[path]}")
        if path not in self.files:
            raise Failure(f"there is no file {path}", expected=path)
        try:
            return self.files[path].decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Failure(f"{path} is not UTF-8") from None

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, sorted; those that were left out, too."""
        return tuple(sorted({*self.files, *self.left_out}))
