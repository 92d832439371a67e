from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.content import tiny
from tests.content.tiny import COMPETENCIES, FILES, HIDDEN, PUBLIC, RUBRIC, RUDE, SLOW, TOML

from assesskit import content
from assesskit.content.schema import Limits
from assesskit.errors import ContentError, UsageError
from assesskit.pods import port

MUTANTS = "exercises/tiny/proof/mutants"


def problems(root: Path) -> tuple[str, ...]:
    with pytest.raises(ContentError) as caught:
        content.load(root, "tiny")
    return caught.value.problems


def test_a_sound_exercise_is_read_whole(tmp_path):
    exercise = content.load(tiny.build(tmp_path), "tiny")
    assert exercise.spec.submission.limits.memory_mb == 128
    assert exercise.spec.services[0].relay_key == "json:/sku"
    assert [criterion.id for criterion in exercise.criteria] == ["hello.polite", "hello.fast", "hello.reasons"]
    assert exercise.competencies["performance"] == "Performance"
    assert exercise.checks["hello.polite"] == (
        ("test_hello.py::test_hello", "public"),
        ("test_more.py::test_hello_again", "hidden"),
    )
    assert exercise.planned()["hello.reasons"] == ()


BREAKS: dict[str, tuple[dict[str, tiny.Change], str]] = {
    "unknown key, near": (
        {TOML: ("memory_mb = 128", "memory = 128")},
        f"{TOML}: submission.limits.memory: unknown key (did you mean 'memory_mb'?)",
    ),
    "unknown key in a list": (
        {
            TOML: (
                "[[services]]",
                '[[proof.alternates]]\nname = "b"\nprogram = "c"\nwhy = "d"\nwhys = "x"\n[[services]]',
            )
        },
        f"{TOML}: proof.alternates[b].whys: unknown key (did you mean 'why'?)",
    ),
    "missing key": ({TOML: ("minutes = 30\n", "")}, f"{TOML}: minutes: is missing"),
    "wrong type": ({TOML: ("minutes = 30", 'minutes = "30"')}, f"{TOML}: minutes: input should be a valid integer"),
    "not a number": ({TOML: ("ready_within = 5", "ready_within = nan")}, f"{TOML}: submission.ready_within: "),
    "wrong choice": ({TOML: ('"allowed"', '"maybe"')}, f"{TOML}: ai.policy: input should be 'allowed'"),
    "not TOML": ({TOML: ('slug = "tiny"', "slug =")}, f"{TOML}: is not TOML: Invalid value (at line 2, column 7)"),
    "not UTF-8": ({TOML: b"\xff"}, f"{TOML}: is not UTF-8 (byte 0)"),
    "huge": ({RUBRIC: "#" * (1024 * 1024 + 1)}, f"{RUBRIC}: is larger than 1024 KiB"),
    "no rubric": ({RUBRIC: None}, f"{RUBRIC}: does not exist"),
    "a folder for a file": ({COMPETENCIES: None, f"{COMPETENCIES}/x": ""}, f"{COMPETENCIES}: is a folder"),
    "nested endlessly": ({COMPETENCIES: "x = " + "[" * 5000}, f"{COMPETENCIES}: is not TOML"),
    "other slug": ({TOML: ('slug = "tiny"', 'slug = "tinny"')}, f"{TOML}: slug: is 'tinny', the folder says 'tiny'"),
    "other rubric": ({RUBRIC: ('"tiny"', '"huge"')}, f"{RUBRIC}: exercise: is 'huge', the file says 'tiny'"),
    "path out": ({TOML: ('"brief.md"', '"../brief.md"')}, f"{TOML}: candidate.brief: leaves its folder"),
    "absolute path": ({TOML: ('"brief.md"', '"/etc/passwd"')}, f"{TOML}: candidate.brief: leaves its folder"),
    "no brief": ({"exercises/tiny/brief.md": None}, f"{TOML}: candidate.brief: no file brief.md"),
    "no patch": (
        {"exercises/tiny/proof/mutants/rude/change.patch": None},
        f"{MUTANTS}/rude: needs exactly one of change.patch and program/",
    ),
    "no service": (
        {"exercises/tiny/services/stock/Dockerfile": None},
        f"{TOML}: services[stock].folder: no folder services/stock",
    ),
    "reference without a required file": (
        {TOML: ('required = ["Dockerfile"]', 'required = ["Dockerfile", "NOTES.md"]')},
        f"{TOML}: submission.required: the reference has no NOTES.md",
    ),
    "proof handed out": (
        {
            TOML: (
                'files = ["contract/api.yaml"]\n[submission]',
                'files = ["proof/mutants/rude/claim.toml"]\n[submission]',
            )
        },
        f"{TOML}: candidate.files: proof/mutants/rude/claim.toml is not for candidates",
    ),
    "service handed out": (
        {TOML: ('starter = "starter"', 'starter = "services"')},
        f"{TOML}: candidate.starter: services is not for candidates",
    ),
    "two files for one": (
        {"exercises/tiny/starter/readme.md": ""},
        f"{TOML}: candidate: two files would become readme.md of the workspace",
    ),
    "the base image twice": (
        {TOML: ("[submission.limits]", '[submission.images]\nBASE_IMAGE = "debian:12"\n[submission.limits]')},
        f"{TOML}: submission.images.BASE_IMAGE: is always given",
    ),
    "an image that no variable can name": (
        {TOML: ("[submission.limits]", '[submission.images]\nnode = "node:22"\n[submission.limits]')},
        f"{TOML}: submission.images.node: ",
    ),
    "unknown placeholder": (
        {TOML: ("{port.relay-stock}", "{port.relay-stok}")},
        f"{TOML}: submission.env.STOCK_URL: unknown placeholder {{port.relay-stok}} (did you mean 'port.relay-stock'?)",
    ),
    "half a placeholder": (
        {TOML: ("{volume}", "{volume")},
        f"{TOML}: submission.env.DATA: a brace without its other half",
    ),
    "empty text": (
        {RUBRIC: ('feedback = "Reasons."', 'feedback = " "')},
        f"{RUBRIC}: criteria[hello.reasons]: feedback: is empty",
    ),
    "the reference's port": (
        {TOML: ("{port.relay-stock}", "{port.reference}")},
        f"{TOML}: submission.env.STOCK_URL: unknown placeholder {{port.reference}}",
    ),
    "no volume": (
        {TOML: ("volume_mb = 8\n", "")},
        f"{TOML}: submission.env.DATA: unknown placeholder {{volume}}",
    ),
    "bad relay key": (
        {TOML: ("json:/sku", "body.sku")},
        f"{TOML}: services[stock].relay_key: must be json:/pointer, header:Name or path:N",
    ),
    "reserved service": (
        {TOML: ('name = "stock"', 'name = "collector"')},
        f"{TOML}: services[collector].name: 'collector' is a name the pod uses itself",
    ),
    "both patch and program": (
        {f"{MUTANTS}/slow/change.patch": "x"},
        f"{MUTANTS}/slow: needs exactly one of change.patch and program/",
    ),
    "program named like another": (
        {f"{MUTANTS}/starter/claim.toml": FILES[RUDE], f"{MUTANTS}/starter/change.patch": "x"},
        f"{TOML}: proof: two programs are named 'starter'",
    ),
    "not a mutant's folder": (
        {f"{MUTANTS}/README.md": "x"},
        f"{MUTANTS}/README.md: is not the folder of a wrong program",
    ),
    "mutant without a claim": ({SLOW: None}, f"{SLOW}: does not exist"),
    "unknown key of a claim": ({SLOW: 'fail = ["x"]'}, f"{SLOW}: fail: unknown key (did you mean 'fails'?)"),
    "alternate of nothing": (
        {
            TOML: (
                "[[services]]",
                '[[proof.alternates]]\nname = "other"\nprogram = "proof/other"\nwhy = "Why."\n[[services]]',
            )
        },
        f"{TOML}: proof.alternates[other].program: no folder proof/other",
    ),
    "mutant of nothing": (
        {SLOW: ("hello.fast", "hello.fst")},
        f"{SLOW}: fails: unknown criterion 'hello.fst' (did you mean 'hello.fast'?)",
    ),
    "mutant of a judged criterion": (
        {SLOW: ('"hello.fast"', '"hello.fast", "hello.reasons"')},
        f"{SLOW}: fails: unknown criterion 'hello.reasons'",
    ),
    "load of nothing": (
        {TOML: ('reference = "proof/reference"', 'reference = "proof/reference"\nload = ["hello.fst"]')},
        f"{TOML}: proof.load: unknown criterion 'hello.fst' (did you mean 'hello.fast'?)",
    ),
    "slow of nothing": (
        {TOML: ('reference = "proof/reference"', 'reference = "proof/reference"\nslow = ["hello.fst"]')},
        f"{TOML}: proof.slow: unknown criterion 'hello.fst' (did you mean 'hello.fast'?)",
    ),
    "claim twice": (
        {SLOW: ('"hello.fast"', '"hello.fast", "hello.fast"')},
        f"{SLOW}: fails: 'hello.fast' is there twice",
    ),
    "starter of nothing": (
        {TOML: ('fails = ["hello.polite", "hello.fast"]', 'fails = ["hello.x"]')},
        f"{TOML}: proof.starter.fails: unknown criterion 'hello.x'",
    ),
    "starter that fails twice over": (
        {TOML: ("[proof.starter]", '[proof.starter]\noutcome = "submission_failed"')},
        f"{TOML}: proof.starter.fails: must be left out",
    ),
    "criterion no mutant fails": (
        {SLOW: ("hello.fast", "hello.polite")},
        f"{MUTANTS}: no wrong program fails 'hello.fast'",
    ),
    "two demos": (
        {RUDE: FILES[RUDE] + "demo = true\n", SLOW: FILES[SLOW] + "demo = true\n"},
        f"{MUTANTS}: at most one is the demo",
    ),
    "criterion twice": (
        {RUBRIC: ('id = "hello.fast"', 'id = "hello.polite"')},
        f"{RUBRIC}: criteria[hello.polite]: is there twice",
    ),
    "id without area": (
        {RUBRIC: ('id = "hello.reasons"', 'id = "reasons"')},
        f"{RUBRIC}: criteria[reasons]: id: must be area.name",
    ),
    "unknown competency": (
        {RUBRIC: ('competency = "performance"', 'competency = "performence"')},
        f"{RUBRIC}: criteria[hello.fast]: competency: unknown 'performence' (did you mean 'performance'?)",
    ),
    "no points": ({RUBRIC: ("points = 2", "points = 0")}, f"{RUBRIC}: criteria[hello.fast].points: "),
    "three anchors": ({RUBRIC: (', "all"]', "]")}, f"{RUBRIC}: criteria[hello.reasons]: anchors: "),
    "anchors on a check": (
        {RUBRIC: ('kind = "judged"\n', "")},
        f"{RUBRIC}: criteria[hello.reasons]: anchors: only a judged criterion",
    ),
    "criterion without check": (
        {HIDDEN: ('"hello.fast"', '"hello.polite"')},
        f"{RUBRIC}: criteria[hello.fast]: no check of graders/tiny names it",
    ),
    "check of nothing": (
        {PUBLIC: ("hello.polite", "hello.polit")},
        f"{PUBLIC}: test_hello: unknown criterion 'hello.polit' (did you mean 'hello.polite'?)",
    ),
    "check of a judged criterion": (
        {PUBLIC: ("hello.polite", "hello.reasons")},
        f"{PUBLIC}: test_hello: criterion 'hello.reasons' is judged by a person",
    ),
    "check without criterion": (
        {PUBLIC: "def test_x(): ..."},
        f"{PUBLIC}: test_x: needs exactly one @pytest.mark.criterion",
    ),
    "check with two criteria": (
        {PUBLIC: ("@pytest", '@pytest.mark.criterion("hello.fast")\n@pytest')},
        f"{PUBLIC}: test_hello: needs exactly one @pytest.mark.criterion",
    ),
    "computed criterion": (
        {PUBLIC: ('"hello.polite"', "NAME")},
        f"{PUBLIC}: test_hello: needs exactly one @pytest.mark.criterion",
    ),
    "check twice": (
        {HIDDEN: ("def test_fast", "def test_hello_again")},
        f"{HIDDEN}: test_hello_again: is defined twice",
    ),
    "public and hidden": (
        {"graders/tiny/hidden/test_hello.py": FILES[PUBLIC]},
        "graders/tiny: test_hello.py::test_hello: is both public and hidden",
    ),
    "not Python": ({HIDDEN: "def"}, f"{HIDDEN}: is not Python: "),
}


@pytest.mark.parametrize("name", BREAKS)
def test_every_break_is_named_with_its_file_and_key(tmp_path, name):
    changes, expected = BREAKS[name]
    assert any(problem.startswith(expected) for problem in problems(tiny.build(tmp_path, changes)))


def test_all_problems_are_told_at_once(tmp_path):
    changes: dict[str, tiny.Change] = {TOML: ("minutes = 30", "minute = 30"), RUBRIC: b"\xff", PUBLIC: "def"}
    found = problems(tiny.build(tmp_path, changes))
    assert [problem.split(":")[0] for problem in found] == [TOML, TOML, RUBRIC, PUBLIC]


@pytest.mark.parametrize("place", ["exercises/tiny/starter/link", "graders/tiny/hidden/link.py"])
def test_a_link_is_no_content(tmp_path, place):
    tiny.build(tmp_path)
    (tmp_path / place).symlink_to(tmp_path / TOML)
    assert problems(tmp_path) == (f"{place}: is a link or special file",)


def test_an_unknown_slug_is_a_wrong_call_with_the_nearest_name(tmp_path):
    with pytest.raises(UsageError, match=r"no exercise 'tinny' \(did you mean 'tiny'\?\)") as caught:
        content.load(tiny.build(tmp_path), "tinny")
    assert caught.value.hint == "There are: tiny."


def test_a_path_is_no_slug(tmp_path):
    tiny.build(tmp_path)
    with pytest.raises(UsageError):
        content.load(tmp_path, "../exercises/tiny")


def test_the_limits_of_content_are_those_of_the_pods():
    assert Limits().model_dump() == dataclasses.asdict(port.Limits())


def test_the_handout_holds_the_allow_list_and_the_public_checks_and_nothing_else(tmp_path):
    exercise = content.load(tiny.build(tmp_path), "tiny")
    assert [name for name, _ in exercise.handout()] == [
        "README.md",
        "Dockerfile",
        "app.py",
        "contract/api.yaml",
        "checks/test_hello.py",
    ]


def test_fill_puts_values_into_a_template_and_refuses_a_gap():
    assert content.fill("http://127.0.0.1:{port.self}/{token}", {"port.self": "80", "token": "t"}) == (
        "http://127.0.0.1:80/t"
    )
    with pytest.raises(KeyError):
        content.fill("{volume}", {})
