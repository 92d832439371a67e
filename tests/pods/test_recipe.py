"""How a Dockerfile says a program is run."""

from __future__ import annotations

import pytest

from assesskit.pods.recipe import read_recipe


@pytest.mark.parametrize(
    ("lines", "argv"),
    [
        ('CMD ["python", "main.py"]', ("python", "main.py")),
        ("CMD python main.py $PORT", ("/bin/sh", "-c", "python main.py $PORT")),
        ('ENTRYPOINT ["python"]\nCMD ["main.py"]', ("python", "main.py")),
        ('ENTRYPOINT run this\nCMD ["ignored"]', ("/bin/sh", "-c", "run this")),
        ('CMD ["first"]\nCMD ["last"]', ("last",)),
        ('CMD ["build"]\nFROM scratch', ()),
        ('CMD ["build"]\nFROM made AS final', ("build",)),
        ("RUN make\nCOPY . .", ()),
        ('CMD ["python", \\\n  "main.py"]', ("python", "main.py")),
    ],
)
def test_the_command_is_that_of_the_last_stage(lines, argv):
    assert read_recipe(f"ARG BASE\nFROM ${{BASE}} AS made\n{lines}\n").argv == argv


def test_the_environment_is_that_of_the_last_stage_with_its_variables_replaced():
    text = 'FROM a AS one\nENV LOST=1\nFROM b\nARG SIZE=3\nENV A=x B="$A y" C=${SIZE}\nENV D old style\n'
    assert read_recipe(text).env == {"A": "x", "B": " y", "C": "3", "D": "old style"}


def test_a_relative_working_directory_is_below_the_one_before():
    assert read_recipe("FROM a\nWORKDIR /srv\nWORKDIR app\n").workdir == "/srv/app"


def test_a_stage_is_known_by_its_name_in_any_case():
    text = "FROM --platform=linux/amd64 a AS Base\nWORKDIR /srv\nENV A=1\nFROM b AS other\nFROM base\nENV B=2\n"
    assert read_recipe(text).workdir == "/srv"
    assert read_recipe(text).env == {"A": "1", "B": "2"}
