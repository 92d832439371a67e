"""Whether an image is fit to be run: no root, nothing that only built it, not much larger than its base."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assesskit.checks.expect import Failure, expect
from assesskit.checks.image import ImageFacts

if TYPE_CHECKING:
    from assesskit.checks.evidence import Evidence

MB = 1_000_000
PACKAGED = re.compile(r"/(?:site-packages|dist-packages|node_modules|ensurepip)/")
"""Where installed packages are: what these bring along is theirs."""
INSTALLED = re.compile(r"(.*/)[^/]+\.dist-info/")
"""Another folder is one of these, too, when a package was installed into it (pip install --target)."""
LEFT_OVER = {
    "version control": re.compile(r"/\.(?:git|hg|svn)/"),
    "a package manager's cache": re.compile(r"/\.cache/(?:pip|uv|pypoetry|yarn|pnpm|go-build)/|/_cacache/"),
    "build tools": re.compile(r"/s?bin/(?:gcc|g\+\+|cc|c\+\+|clang|make|cmake|cargo|rustc|go|javac)(?:-[0-9.]+)?$"),
    "package archives": re.compile(r"\.(?:whl|deb|apk)$"),
    "tests": re.compile(
        r"/(?:test_[^/]+|[^/]+_test|conftest)\.py$|/[^/]+\.(?:test|spec)\.[cm]?[jt]sx?$|/[^/]+_test\.go$"
    ),
}
LARGEST_SHOWN = 4
INSTRUCTION_SHOWN = 160


def expect_not_root(image: ImageFacts) -> None:
    """The image names a user other than root."""
    sent = "the image's configuration"
    received = f"USER {image.user}" if image.user else "no USER"
    expected = "USER with a user of the image that is not root, as a number if possible: USER 10001:10001"
    if image.uid is None:
        raise Failure(f"the image has no user {image.user}", sent=sent, received=received, expected=expected)
    expect(image.uid != 0, "the image runs as root", sent=sent, received=received, expected=expected)


def expect_nothing_left_over(image: ImageFacts) -> None:
    """The image holds nothing that only its making needed."""
    left = {what: paths for what, paths in _left_over(image.files).items() if paths}
    told = [
        f"{what}: {len(paths)} file{'s' * (len(paths) > 1)}, {_size(sum(paths.values()))}, such as {min(paths)}"
        for what, paths in left.items()
    ]
    expect(
        not left,
        f"the image holds what only its making needed: {', '.join(left)}",
        sent="the files of the image that its base does not have",
        received="\n".join(told),
        expected="what the service runs on and nothing else; build in an earlier stage, and copy only what is needed",
    )


def expect_small(image: ImageFacts, limit_mb: float, evidence: Evidence) -> None:
    """The image is not much larger than its base."""
    over = image.size - image.base_size
    evidence.figure("The image over its base", round(over / MB, 1), "MB", limit_mb)
    largest = sorted(image.layers, key=lambda layer: layer.size, reverse=True)[:LARGEST_SHOWN]
    steps = [f"{_size(layer.size)} by {_instruction(layer.made_by)}" for layer in largest if layer.size]
    expect(
        over <= limit_mb * MB,
        f"the image is {_size(over)} larger than its base",
        sent="the sizes of the image's layers",
        received="\n".join(steps),
        expected=f"at most {limit_mb:g} MB over the base",
    )


def _left_over(files: Mapping[str, int]) -> dict[str, dict[str, int]]:
    targets = tuple({found[1] for path in files if (found := INSTALLED.match(path))})
    own = {path: size for path, size in files.items() if not PACKAGED.search(path) and not path.startswith(targets)}
    return {
        what: {path: size for path, size in own.items() if pattern.search(path)} for what, pattern in LEFT_OVER.items()
    }


def _instruction(made_by: str) -> str:
    """What a step says in its Dockerfile; engines write the shell in front of it."""
    written = made_by.replace("/bin/sh -c #(nop) ", "").replace("/bin/sh -c ", "RUN ", 1).strip()
    return written[:INSTRUCTION_SHOWN]


def _size(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1000:.1f} kB"
