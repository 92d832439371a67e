"""How programs become images."""

from __future__ import annotations

import io
import os
import tarfile
import uuid
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods import PodSpec, Program, ServiceSpec
from assesskit.pods.docker import DockerRuntime, images, steps
from assesskit.pods.docker.build import Transcript
from assesskit.pods.docker.context import pack
from assesskit.pods.docker.dockerfile import arguments_used, refuse_downloads

RECIPE = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n"
BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "plainpkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("plainpkg.py", "WORD = 'from source'")
        wheel.writestr("plainpkg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: plainpkg\\nVersion: 1.0\\n")
        wheel.writestr("plainpkg-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("plainpkg-1.0.dist-info/RECORD", "")
    return name
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index that is a folder: `wheeled` as a wheel, `plainpkg` as a source archive only."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "wheeled-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("wheeled.py", "WORD = 'from a wheel'")
        wheel.writestr("wheeled-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wheeled\nVersion: 1.0\n")
        wheel.writestr("wheeled-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("wheeled-1.0.dist-info/RECORD", "")
    files = {
        "backend.py": BACKEND,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: plainpkg\nVersion: 1.0\n",
    }
    with tarfile.open(folder / "plainpkg-1.0.tar.gz", "w:gz") as source:
        for name, text in files.items():
            info = tarfile.TarInfo(f"plainpkg-1.0/{name}")
            info.size = len(text)
            source.addfile(info, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.docker
def test_listed_packages_install_without_a_network_whether_published_as_wheels_or_source(docker_runtime, built, index):
    recipe = RECIPE + "RUN pip install wheeled plainpkg\n"
    image = built(recipe, wheels="wheeled==1.0\nplainpkg==1.0\n")
    with docker_runtime.open(PodSpec("wheels", ())) as pod:
        command = ("python", "-c", "import wheeled, plainpkg; print(wheeled.WORD, plainpkg.WORD)")
        service = pod.start(ServiceSpec("a", "submission", image, command=command))
        service.wait(30)
        assert service.output().stdout == b"from a wheel from source\n"


@pytest.mark.docker
def test_a_listed_package_that_does_not_exist_is_our_failure_and_is_named(built, index):
    with pytest.raises(EngineError, match="nosuchpackage"):
        built(RECIPE, wheels="nosuchpackage==1.0\n")


@pytest.mark.docker
def test_a_base_image_that_cannot_be_used_is_our_failure_even_for_a_candidates_program(built, tmp_path):
    empty = built("FROM scratch\nCOPY Dockerfile /\n")
    program = Program("built", tmp_path / "program", tmp_path / "wheels.txt", trusted=False)
    with pytest.raises(EngineError):
        DockerRuntime(empty.ref, cache=tmp_path).build(program, lambda _: None)


@pytest.mark.docker
def test_a_candidate_cannot_say_which_packages_are_fetched(docker_runtime, built):
    with pytest.raises(ValueError, match="untrusted"):
        built(RECIPE, wheels="flask\n", inside=True)


@pytest.mark.docker
def test_a_build_that_fails_says_at_which_step_and_what_was_printed(built):
    with pytest.raises(SubmissionFailed) as caught:
        built(RECIPE + "RUN echo first\nRUN printf '\\033[31mred\\n' && exit 3\n")
    assert caught.value.phase == "build"
    assert caught.value.reason.endswith("at: RUN printf '\\033[31mred\\n' && exit 3")
    assert "\nred\n" in caught.value.log


@pytest.mark.docker
def test_a_build_has_no_network(built):
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"
    with pytest.raises(SubmissionFailed) as caught:
        built(RECIPE + f'RUN python -c "{connect}"\n')
    assert "Network is unreachable" in caught.value.log


@pytest.mark.docker
@pytest.mark.parametrize("command", ["sleep 600", "while true; do echo again; sleep 0.1; done"])
def test_a_build_that_takes_too_long_is_ended_silent_or_not(docker_runtime, built, command):
    with pytest.raises(SubmissionFailed, match="over 2 s") as caught:
        built(RECIPE + f"RUN {command}\n", seconds=2)
    assert command in caught.value.reason


@pytest.mark.docker
def test_a_build_is_held_to_its_memory(built):
    with pytest.raises(SubmissionFailed, match="137"):
        built(RECIPE + "RUN python -c 'bytearray(400 << 20)'\n", memory_mb=64)


@pytest.mark.docker
def test_a_build_that_floods_its_output_is_ended(built):
    with pytest.raises(SubmissionFailed, match="printed over"):
        built(RECIPE + "RUN head -c 20000000 /dev/zero | tr '\\0' x | fold -w 4000\n")


@pytest.mark.docker
@pytest.mark.parametrize(
    "recipe",
    [
        "FROM assesskit-no-such:1\n",
        "ARG O=assesskit-no-such:1\nFROM $O\n",
        RECIPE + "COPY --from=assesskit-no-such:1 / /\n",
    ],
)
def test_an_image_that_is_not_here_is_not_fetched(built, recipe):
    with pytest.raises(SubmissionFailed, match="assesskit-no-such:1 is not here"):
        built(recipe)


@pytest.mark.docker
def test_a_step_of_a_build_has_so_many_processes(built):
    step = "sleep 1; for i in $(seq 100); do sleep 2 & done; wait; exit 0"
    lines: list[str] = []
    with suppress(SubmissionFailed):
        built(f"{RECIPE}RUN {step}\nCMD sleep 1\n", on_line=lines.append, pids=50)
    assert any("fork" in line.lower() for line in lines), lines


@pytest.mark.docker
def test_a_build_that_fills_the_disk_is_ended(built, monkeypatch):
    """The sum over its steps counts."""
    monkeypatch.setattr(steps, "MOST_WRITTEN", 100 * 1024 * 1024)
    new = uuid.uuid4()  # the engine keeps the steps of earlier builds
    recipe = RECIPE + "".join(f"RUN head -c 60M /dev/zero > /{new}{step} && sleep 2\n" for step in range(3))
    with pytest.raises(SubmissionFailed, match="the build wrote over"):
        built(recipe + "CMD sleep 1\n")


@pytest.mark.docker
@pytest.mark.parametrize("recipe", ["FROM OTHER\nCMD sleep 1\n", RECIPE + "COPY --from=OTHER / /stolen\n"])
def test_a_program_built_for_somebody_else_is_out_of_reach(docker_runtime, built, recipe):
    """By its name and by the first digits of its id: the engine also holds other candidates' programs and our own."""
    other = built(RECIPE + "CMD sleep 2\n")
    found = docker_runtime._engine.image(other.ref)
    for ref in (other.ref, found["Id"].removeprefix("sha256:")[:16]):
        with pytest.raises(SubmissionFailed, match="is not here"):
            built(recipe.replace("OTHER", ref))


@pytest.mark.docker
def test_a_line_that_is_no_instruction_is_told_with_its_number(built):
    with pytest.raises(SubmissionFailed, match="line 3: unknown instruction: RUM"):
        built(RECIPE + "RUM pip install flask\n")


@pytest.mark.docker
def test_what_is_built_before_is_not_built_again(built):
    recipe = RECIPE + "RUN date > /when\n"
    lines: list[str] = []
    first = built(recipe, on_line=lines.append)
    before = len(lines)
    assert built(recipe, on_line=lines.append) == first
    assert len(lines) == before


@pytest.mark.parametrize(
    "line",
    [
        "ADD https://example.com/x /x",
        "add http://169.254.169.254/ /x",
        "ADD git@example.com:a/b.git /x",
        "ARG U\nADD ${U} /x",
        "AD\\\nD https://example.com/x /x",
        "ADD \\\n  https://example.com/x /x",
        "ONBUILD ADD https://example.com/x /x",
    ],
)
def test_the_engine_is_not_made_to_fetch_an_address(line):
    with pytest.raises(SubmissionFailed, match="ADD"):
        refuse_downloads(f"{RECIPE}{line}\n")


def test_adding_files_of_the_folder_is_allowed():
    refuse_downloads(f"{RECIPE}ADD app.tar.gz /app\nRUN echo http://example.com/\n")


ARGUMENTS = ("BASE_IMAGE", "NODE_IMAGE")


def test_stages_of_the_file_itself_are_not_images_from_elsewhere():
    text = (
        RECIPE
        + "FROM ${BASE_IMAGE} AS one\nFROM one AS Two\nCOPY --from=0 /a /b\nFROM scratch\nCOPY --from=two /a /b\n"
    )
    assert arguments_used(text, ARGUMENTS) == {"BASE_IMAGE"}


def test_an_image_is_used_only_by_the_argument_that_stands_for_it():
    text = "ARG NODE_IMAGE\nARG BASE_IMAGE=x\nFROM $NODE_IMAGE AS node\nFROM --platform=linux/amd64 ${BASE_IMAGE}\n"
    assert arguments_used(text, ARGUMENTS) == set(ARGUMENTS)
    assert arguments_used(RECIPE, ARGUMENTS) == {"BASE_IMAGE"}


@pytest.mark.parametrize(
    "lines",
    [
        "FROM node:22-slim",
        "FROM stolen\nFROM ${BASE_IMAGE} AS stolen",
        "FROM ${BASE_IMAGE} AS stolen\nCOPY --from=stolen / /",
        "FROM ${BASE_IMAGE}\nONBUILD COPY --from=stolen / /",
        "FROM ${BASE_IMAGE}\nFROM 0",
        "FROM ${BASE_IMAGE:+stolen}",
        "FROM ${BASE_IMAGE}-stolen",
        "ARG OTHER=stolen\nFROM $OTHER",
    ],
)
def test_an_image_named_in_any_other_way_is_refused(lines):
    """By a name that some engines have, by the name of a later stage or of the very same one, by half a name."""
    with pytest.raises(SubmissionFailed, match="is not here"):
        arguments_used(f"ARG BASE_IMAGE=python:3.12-slim\n{lines}\n", ARGUMENTS)


@pytest.fixture
def other_image(docker_runtime):
    """An image that is not one of ours, with a file in it."""
    api = docker_runtime._engine.api
    with io.BytesIO() as tar:
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("other"))
        api.import_image_from_data(tar.getvalue(), repository="assesskit-test-other", tag="1")
    yield "assesskit-test-other:1"
    api.remove_image("assesskit-test-other:1")


@pytest.fixture
def two_images(tmp_path):
    """A candidate's program that starts from the base and takes a file from another image."""
    (tmp_path / "program").mkdir()
    (tmp_path / "wheels.txt").write_text("")
    recipe = f"ARG OTHER_IMAGE\n{RECIPE}COPY --from=other /other /\n"
    recipe = recipe.replace("FROM", "FROM ${OTHER_IMAGE} AS other\nFROM", 1)
    (tmp_path / "program" / "Dockerfile").write_text(recipe)
    images = {"OTHER_IMAGE": "assesskit-test-usual:1"}
    return Program("built", tmp_path / "program", tmp_path / "wheels.txt", images=images, trusted=False)


@pytest.mark.docker
def test_a_program_may_start_from_an_allowed_image_by_the_name_it_has_here(
    docker_runtime, two_images, other_image, tmp_path
):
    images = {"OTHER_IMAGE": other_image}
    runtime = DockerRuntime(docker_runtime._base_image, images=images, cache=tmp_path)
    assert runtime.build(two_images, lambda _: None).ref


@pytest.mark.docker
def test_an_allowed_image_that_is_missing_is_our_failure_and_says_what_to_do(docker_runtime, two_images):
    with pytest.raises(EngineError, match="no image assesskit-test-usual:1") as caught:
        docker_runtime.build(two_images, lambda _: None)
    assert "ASSESSKIT_OTHER_IMAGE" in caught.value.hint


@pytest.mark.docker
def test_a_build_that_fails_on_an_engine_that_builds_nothing_is_our_failure(built, monkeypatch):
    """A full disk is not the candidate's: no step can write here, as nothing may be written at all."""
    monkeypatch.setattr(images, "CANARY", "FROM {base}\nCOPY Dockerfile /canary\nRUN exit 28\n")
    with pytest.raises(EngineError, match="the engine builds nothing"):
        built(RECIPE + "RUN exit 28\n")


@pytest.mark.docker
def test_the_canary_of_a_failed_build_leaves_nothing(docker_runtime, built):
    with pytest.raises(SubmissionFailed):
        built(RECIPE + "RUN exit 3\n")
    assert docker_runtime._engine.api.images("assesskit-canary") == []


def context(folder: Path) -> tuple[str, list[str]]:
    (folder / "Dockerfile").write_text(RECIPE)
    sink = io.BytesIO()
    digest = pack(folder, "Dockerfile", sink)
    with tarfile.open(fileobj=sink) as archive:
        return digest, archive.getnames()


def test_a_context_has_the_same_digest_whatever_the_times_and_owners_of_its_files(tmp_path):
    (tmp_path / "a.py").write_text("x")
    first = context(tmp_path)
    os.utime(tmp_path / "a.py", (1, 1))
    (tmp_path / "a.py").chmod(0o600)
    assert context(tmp_path) == first


def test_a_context_leaves_out_what_is_ignored_and_the_history(tmp_path):
    for name in ("kept.py", "dropped.log", ".git/config", "pkg/__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".dockerignore").write_text("# comment\n*.log\n")
    assert context(tmp_path)[1] == [".dockerignore", "Dockerfile", "kept.py", "pkg"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "sub/../../secret"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path, target):
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(SubmissionFailed, match="link"):
        context(tmp_path)


def test_a_link_inside_the_folder_stays_a_link(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link").symlink_to("../Dockerfile")
    assert "sub/link" in context(tmp_path)[1]


def test_a_file_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SubmissionFailed, match="pipe"):
        context(tmp_path)


def test_a_line_of_a_build_cannot_act_on_a_terminal():
    lines: list[str] = []
    transcript = Transcript(lines.append)
    transcript.hear({"stream": "\x1b[2J\x1b]0;title\x07a\x00b\u202ec\x9b31md" + "x" * 1000 + "\n"})
    assert lines == [("a\ufffdb\ufffdc\ufffd31md" + "x" * 1000)[:500] + " …"]
