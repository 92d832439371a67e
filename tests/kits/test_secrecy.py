"""Tokens of the usual services never travel by accident, and what only looks like one can be let through."""

from __future__ import annotations

import pytest
from tests.kits.conftest import NOW

from assesskit import kits
from assesskit.errors import SubmissionError
from assesskit.kits.secrecy import secrets_in
from assesskit.kits.selecting import Selected

AWS = "AKIA" + "ABCDEFGHIJKLMNOP"
GITHUB = "ghp_" + "a1B2" * 9


def found(path: str, text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(secrets_in(Selected(path, data, executable=False)))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f'key = "{AWS}"', "AWS Access Key"),
        (f"export TOKEN={GITHUB}", "GitHub Token"),
        ("//registry.npmjs.org/:_authToken=npm_" + "a1B2" * 9, "NPM tokens"),
        ("token: glpat-" + "a1B2" * 5, "GitLab Token"),
        ("STRIPE = 'sk_live_" + "a1B2" * 6 + "'", "Stripe Access Key"),
        ("slack: xoxb-" + "1" * 12 + "-" + "a" * 24, "Slack Token"),
    ],
)
def test_a_token_is_told_with_its_line_and_never_repeated(text: str, kind: str) -> None:
    """File, line and kind are enough to find it."""
    assert found("app/config.py", f"import os\n\n{text}\n") == [f"'app/config.py': line 3, {kind}"]


@pytest.mark.parametrize("name", [".env", ".env.local", "deep/id_ed25519", ".netrc", ".pypirc", "x/.git-credentials"])
def test_files_that_hold_secrets_by_their_name_are_told(name: str) -> None:
    """Whatever is in them."""
    assert found(name, "") == [repr(name)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env.example", "TOKEN="),
        ("test_auth.py", 'KEY = """-----BEGIN PRIVATE KEY-----\nMII"""'),
        ("test_auth.py", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"),
        ("requirements.txt", "flask==3.1.0 --hash=sha256:" + "0123456789abcdef" * 4),
        ("settings.py", 'password = os.environ["PASSWORD"]'),
        ("image.bin", b"\0" + AWS.encode()),
    ],
)
def test_what_is_part_of_the_work_is_no_secret(path: str, text: str | bytes) -> None:
    """Examples, made-up keys and tokens of tests, hashes, names of variables."""
    assert found(path, text) == []


def test_a_long_line_is_looked_at_from_its_start_only() -> None:
    """A megabyte without an end costs no minute."""
    assert found("data.json", f"{AWS} " + "a" * 2_000_000) == ["'data.json': line 1, AWS Access Key"]


def test_a_submission_lists_every_secret_and_takes_what_is_allowed(workspace, exercise) -> None:
    """The list names all of them; a file that is allowed by name is not searched."""
    (workspace / "one.py").write_text(f"A = '{AWS}'\n")
    (workspace / "two.py").write_text(f"B = '{GITHUB}'\n")
    with pytest.raises(SubmissionError) as caught:
        kits.freeze(workspace, exercise, workspace.parent / "out.zip", now=NOW)
    assert "'one.py': line 1, AWS" in str(caught.value)
    assert "'two.py': line 1, GitHub" in str(caught.value)
    assert AWS not in str(caught.value)
    with pytest.raises(SubmissionError, match=r"two\.py"):
        kits.freeze(workspace, exercise, workspace.parent / "out.zip", now=NOW, allowed=("one.py",))
    assert kits.freeze(workspace, exercise, workspace.parent / "out.zip", now=NOW, allowed=("one.py", "two.py"))
