"""What a Dockerfile says about running a program, for a runtime that has no engine to ask."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockerfile_parse import DockerfileParser
from dockerfile_parse.util import extract_key_values

MOST_BYTES = 128 * 1024
"""Of a Dockerfile. Its parser takes time that grows with the square of what it reads."""


@dataclass(frozen=True)
class Recipe:
    """How to run the program of a Dockerfile's last stage.

    `env` is what its ENV lines set, `workdir` its WORKDIR (``/`` when it has none). A stage that starts from an earlier
    one inherits from it; what the outermost base image sets is not known here.
    """

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    shell_entrypoint: bool = False

    @property
    def argv(self) -> tuple[str, ...]:
        """The command an engine would run: a shell-form ENTRYPOINT leaves no room for CMD."""
        return self.entrypoint if self.shell_entrypoint else self.entrypoint + self.cmd


def dockerfile_text(path: Path) -> str:
    """Return a Dockerfile's text, whatever its bytes are. Raises ValueError when there is more than anybody writes."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 1024} KiB")
    return path.read_text(encoding="utf-8", errors="replace")


def read_recipe(text: str) -> Recipe:
    """Read a Dockerfile. Raises ValueError when an instruction that matters here cannot be understood."""
    try:
        return _recipe(text)
    except (IndexError, RecursionError) as error:  # the parser's, for what lacks its words or is nested without end
        raise ValueError("an instruction is not complete, or nested too deeply") from error


def _recipe(text: str) -> Recipe:
    recipe = Recipe()
    stages: dict[str, Recipe] = {}
    name = ""
    args: dict[str, str] = {}
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    for step in parser.structure:
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            stages[name] = recipe
            source, *alias = [word.lower() for word in value.split() if not word.startswith("--")][:3:2]
            recipe, args = stages.get(source, Recipe()), {}
            name = alias[0] if alias else str(len(stages) - 1)
        elif instruction == "ARG":
            args.update(_key_values(value if "=" in value else f"{value}=", args, recipe.env))
        else:
            recipe = _follow(recipe, instruction, value, args)
    return recipe


def _follow(recipe: Recipe, instruction: str, value: str, args: dict[str, str]) -> Recipe:
    """Apply one instruction; the ones that build (RUN, COPY, …) change nothing about running."""
    match instruction:
        case "ENV":
            return replace(recipe, env=recipe.env | _key_values(value, args, recipe.env))
        case "WORKDIR":
            path = value.strip().strip('"')
            return replace(recipe, workdir=path if path.startswith("/") else f"{recipe.workdir.rstrip('/')}/{path}")
        case "CMD":
            return replace(recipe, cmd=_command(value)[0])
        case "ENTRYPOINT":
            argv, shell = _command(value)
            return replace(recipe, entrypoint=argv, shell_entrypoint=shell)
        case _:
            return recipe


def _command(value: str) -> tuple[tuple[str, ...], bool]:
    """Return the argument list, and whether it is the shell form (anything that is not a JSON list of strings)."""
    try:
        words = json.loads(value)
    except json.JSONDecodeError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return tuple(words), False
    return ("/bin/sh", "-c", value), True


def _key_values(value: str, args: dict[str, str], env: dict[str, str]) -> dict[str, str]:
    return dict(extract_key_values(env_replace=True, args=args, envs=env, instruction_value=value))
