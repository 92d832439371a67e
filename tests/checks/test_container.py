"""What an image and a Dockerfile are judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assesskit.checks import container, image
from assesskit.checks.dockerfile import expect_pinned
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.image import ImageFacts, Layer
from assesskit.checks.submitted import Submitted

IMAGE = ImageFacts(
    user="65534:65534",
    uid=65534,
    entrypoint=(),
    cmd=("gunicorn",),
    env={},
    ports=(),
    layers=(Layer(60_000_000, "COPY /venv /venv"),),
    size=160_000_000,
    base_size=100_000_000,
    files={
        "/app/orders/app.py": 100,
        "/venv/lib/python3.12/site-packages/greenlet/tests/test_gc.py": 100,
        "/venv/lib/python3.12/ensurepip/_bundled/pip-25.0-py3-none-any.whl": 100,
        "/usr/share/make/notes.txt": 100,
        "/app/deps/jsonschema-4.26.0.dist-info/METADATA": 100,
        "/app/deps/jsonschema/tests/test_cli.py": 100,
    },
)


def pinned(dockerfile: str, **files: str) -> str:
    """What is not pinned; empty when all is. The files are text files in the workspace."""
    return read({"Dockerfile": dockerfile, **{f"{name}.txt": text for name, text in files.items()}})


def read(told: dict[str, str]) -> str:
    try:
        expect_pinned(Submitted({name: text.encode() for name, text in told.items()}, {}))
    except Failure as failure:
        return failure.received
    return ""


def test_what_is_handed_over_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / image.HANDED_OVER).write_bytes(IMAGE.written())
    assert image.read(tmp_path / image.HANDED_OVER) == IMAGE


def test_where_no_image_is_built_there_are_no_facts(tmp_path: Path) -> None:
    assert image.read(tmp_path / image.HANDED_OVER) is None


def test_an_image_with_a_user_and_no_leftovers_passes() -> None:
    container.expect_not_root(IMAGE)
    container.expect_nothing_left_over(IMAGE)


@pytest.mark.parametrize(("user", "uid"), [("", 0), ("root", 0), ("0:0", 0), ("nobody-here", None)])
def test_root_and_users_that_are_not_there_fail(user: str, uid: int | None) -> None:
    with pytest.raises(Failure):
        container.expect_not_root(replace(IMAGE, user=user, uid=uid))


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/app/.git/HEAD", "version control"),
        ("/root/.cache/pip/http-v2/a", "cache"),
        ("/usr/bin/gcc-12", "build tools"),
        ("/wheels/flask-3.1.3-py3-none-any.whl", "package archives"),
        ("/app/tests/test_orders.py", "tests"),
        ("/app/src/orders.spec.ts", "tests"),
    ],
)
def test_what_only_the_build_needed_fails(path: str, what: str) -> None:
    with pytest.raises(Failure, match=what):
        container.expect_nothing_left_over(replace(IMAGE, files={**IMAGE.files, path: 1000}))


def test_the_size_over_the_base_counts_and_the_largest_layers_are_named() -> None:
    container.expect_small(IMAGE, 60, Evidence())
    with pytest.raises(Failure) as caught:
        container.expect_small(IMAGE, 59, Evidence())
    assert "60.0 MB by COPY /venv /venv" in caught.value.received


@pytest.mark.parametrize(
    "dockerfile",
    [
        "ARG B=python:3.12-slim\nFROM ${B} AS build\nFROM build\nFROM scratch",
        "FROM registry:5000/python@sha256:" + "0" * 64,
        "FROM python:3.12\nRUN pip install -U pip && pip install flask==3.1.3 ./local /wheels/*.whl 'gunicorn===27.0'",
        "FROM python:3.12\nRUN pip install --no-cache-dir -r requirements.txt",
        "FROM python:3.12\nRUN /v/bin/pip install -c constraints.txt flask && pip install -f /opt flask==$VERSION",
        "FROM python:3.12\nRUN echo 'pip install flask is easy'",
        "FROM python:3.12\nRUN pip install -r requirements.txt --root-user-action ignore # all of it",
        "FROM python:3.12\nRUN pip wheel -r requirements.txt -w /wheels && pip install /wheels/*",
        "FROM python:3.12\nRUN pip install -r constrained-requirements.txt",
        "FROM python:3.12\nRUN npm ci && apt-get install -y curl && cat <<'",
    ],
)
def test_what_is_pinned_or_cannot_be_known_passes(dockerfile: str) -> None:
    requirements = "flask==3.1.3 \\\n  --hash=sha256:00 # why\n-r more-requirements.txt\n--no-index\n\n"
    files = {"constrained-requirements": "--constraint constraints.txt\nflask\n", "constraints": "flask==3.1.3"}
    assert pinned(dockerfile, requirements=requirements, **files) == ""


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        ("FROM python", "no tag"),
        ("ARG B=registry:5000/python:latest\nFROM $B", "another image every week"),
        ("ARG B\nFROM ${B}", "no default"),
        ("FROM python:3.12\nRUN pip install flask", "flask names no exact version"),
        ('FROM python:3.12\nRUN ["pip", "install", "flask>=3"]', "flask>=3 names no exact version"),
        ("FROM python:3.12\nRUN uv pip install flask==3.*", "no exact version"),
        ("FROM python:3.12\nRUN pip wheel -w /wheels flask && pip install /wheels/*", "flask names no exact version"),
        ("FROM python:3.12\nRUN (pip install flask)", "flask names no exact version"),
        ("FROM python:3.12\nRUN python -m pip install -rrequirements.txt", "gunicorn in requirements.txt"),
        ("FROM python:3.12\nRUN pip install --requirement=/tmp/requirements.txt", "werkzeug in requirements.txt"),
    ],
)
def test_what_may_be_something_else_tomorrow_fails(dockerfile: str, says: str) -> None:
    assert says in pinned(dockerfile, requirements="flask==3.1.3\ngunicorn>=27\n-r more.txt\n", more="werkzeug\n")


@pytest.mark.parametrize(
    ("copied", "installed"),
    [
        ("requirements.txt .", "requirements.txt"),
        (". .", "./requirements.txt"),
        (". /src/", "/src/requirements.txt"),
        (". .", "pip/requirements.txt"),
        ("pip/requirements.txt .", "requirements.txt"),
        (". .", "pip/more.txt"),
    ],
)
def test_of_several_files_with_one_name_the_one_that_is_installed_counts(copied: str, installed: str) -> None:
    """By what is copied, by the path as it is written, or the one nearest to the top."""
    loose = "requirements.txt" if "pip/" in copied + installed else "loadtest/requirements.txt"
    right = "pip/requirements.txt" if loose == "requirements.txt" else "requirements.txt"
    files = {
        right: "flask==3.1.3",
        loose: "locust",
        "a/b/requirements.txt": "faker",
        "pip/more.txt": "-r requirements.txt",
    }
    dockerfile = f"FROM python:3.12\nCOPY {copied}\nRUN pip install -r {installed}"
    assert read({"Dockerfile": dockerfile, **files}) == ""
    assert "locust" in read({"Dockerfile": dockerfile, **files, right: "locust"})


def test_requirements_that_all_name_each_other_are_read_once() -> None:
    names = [f"r{number}" for number in range(40)]
    every = "".join(f"-r {name}.txt\n" for name in names)
    dockerfile = "FROM python:3.12\nRUN " + " && ".join(f"pip install -r {name}.txt" for name in names)
    assert pinned(dockerfile, **dict.fromkeys(names, every + "flask\n")).splitlines()[0].startswith("flask in r0.txt")


def test_a_dockerfile_with_too_many_installs_is_not_read() -> None:
    with pytest.raises(Failure, match="more than 50"):
        expect_pinned(Submitted({"Dockerfile": b"FROM python:3.12\nRUN " + b"pip install a; " * 60}, {}))


def test_what_no_parser_reads_is_no_fault_of_ours() -> None:
    """Somebody may want it to be one."""
    with pytest.raises(Failure, match="cannot be read"):
        expect_pinned(Submitted({"Dockerfile": b"ARG A=b # c\nFROM python:3.12"}, {}))
    assert pinned("FROM python:3.12\nRUN pip install -r r.txt || true", r="a; " + "(" * 20_000) == ""


def test_requirements_that_name_each_other_come_to_an_end() -> None:
    for name in ("-r", "-c"):
        assert pinned("FROM python:3.12\nRUN pip install -r a.txt", a=f"{name} b.txt\n", b=f"{name} a.txt\n") == ""
