"""The rubric as a page for people, generated from its TOML."""

from __future__ import annotations

from assesskit.content.exercise import Exercise
from assesskit.model import Criterion


def rubric_markdown(exercise: Exercise) -> str:
    """docs/rubrics/<slug>.md: an overview table, then one section a criterion."""
    total = sum(criterion.points for criterion in exercise.criteria)
    lines = [
        f"<!-- Generated from {exercise.rubric_file.name}; edit that file. -->",
        "",
        f"# Rubric: {exercise.spec.title}",
        "",
        f"{exercise.spec.summary} Version {exercise.spec.version}, {exercise.spec.minutes} minutes, {total} points.",
        "",
        "| Criterion | Competency | Points | Judged by |",
        "| --- | --- | ---: | --- |",
        *(_row(exercise, criterion) for criterion in exercise.criteria),
    ]
    for criterion in exercise.criteria:
        lines += ["", *_section(exercise, criterion)]
    return "\n".join(lines) + "\n"


def _row(exercise: Exercise, criterion: Criterion) -> str:
    judge = "a person" if criterion.kind == "judged" else "checks"
    competency = exercise.competencies[criterion.competency]
    return f"| `{criterion.id}` {_cell(criterion.title)} | {_cell(competency)} | {criterion.points} | {judge} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _section(exercise: Exercise, criterion: Criterion) -> list[str]:
    competency = exercise.competencies[criterion.competency]
    lines = [
        f"## {criterion.title}",
        "",
        f"`{criterion.id}` · {competency} · {criterion.points} points",
        "",
        criterion.explanation.strip(),
        "",
        f"**What good looks like.** {criterion.feedback.strip()}",
        "",
        f"**For the interviewer.** {criterion.interviewer.strip()}",
    ]
    if criterion.anchors:
        lines += ["", *(f"{level}. {_cell(text)}" for level, text in enumerate(criterion.anchors))]
    if criterion.questions:
        lines += ["", "Questions to ask:", "", *(f"- {_cell(question)}" for question in criterion.questions)]
    return lines
