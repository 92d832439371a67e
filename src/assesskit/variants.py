"""Variants: what a seed draws, and the renaming that makes an exercise's files say it. Pure.

An author writes the files of an exercise once, in one spelling: that is the default variant. Every other one is the
same files with words and numbers exchanged, in any case form and as parts of names, but never inside other words:

    createOrder(order_id)  ORDERS  an order        becomes    createBooking(booking_id)  BOOKINGS  a booking

Renaming keeps every line in its place, so a patch still fits the program it was made against.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

LONGEST_SEED = 64
A_SEED = f"1 to {LONGEST_SEED} printable characters, with no space before or after them"
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_UNTOUCHED = (r"^@@ -\d.*$", r"\\[A-Za-z]")
"""Places in a file that a patch counts with, and the letter of an escape, which is no part of the word after it."""
_ARTICLE = r"(?:(?<![A-Za-z0-9])(?P<article>[Aa]n?)(?P<gap>(?:\s|_|\\n|(?<=\n)[-+#*])+[`*\"'(]*))?"
_NUMBER = r"(?<![\w.])(?<!\d[-:])(?P<number>\d+)(?!\w|[.:-]\d)"


class Parameter(NamedTuple):
    """One thing that is drawn. Each choice spells every word of the parameter; the first one as the files do."""

    name: str
    choices: tuple[Mapping[str, str], ...]

    @property
    def written(self) -> tuple[str, ...]:
        """The words or numbers that the files are written with, the one that names the choice first."""
        return tuple(self.choices[0])


def is_seed(seed: str) -> bool:
    """Whether a text may be a seed: `A_SEED`."""
    return 0 < len(seed) <= LONGEST_SEED and seed.isprintable() and seed == seed.strip()


def draw(slug: str, seed: str | None, parameters: Iterable[Parameter]) -> dict[str, Mapping[str, str]]:
    """The choice of every parameter, by its name; the first one of each without a seed.

    Each parameter has a stream of its own, SHA-256 of (slug, seed, name): one that is added moves no other.
    """
    return {each.name: each.choices[_column(slug, seed, each)] for each in parameters}


def _column(slug: str, seed: str | None, parameter: Parameter) -> int:
    if seed is None:
        return 0
    stream = hashlib.sha256(json.dumps([slug, seed, parameter.name]).encode()).digest()
    return int.from_bytes(stream) % len(parameter.choices)


def words_of(text: str) -> set[str]:
    """Every word and number of a text that a renaming could meet: in lower case, and as written if in capitals."""
    parts = set(_PART.findall(re.sub(_UNTOUCHED[1], " ", text)))
    return {part.lower() for part in parts} | {part for part in parts if part.isupper()} | set(re.findall(r"\d+", text))


class Renaming:
    """Exchanges words and whole numbers. A word in lower case is met in every case form, one in capitals only so.

    `keep` are phrases that stay as they are, whatever is in them.
    """

    def __init__(self, spellings: Mapping[str, str], keep: Iterable[str] = ()) -> None:
        self._spellings = {old: new for old, new in spellings.items() if old != new}
        kept = "|".join([*_UNTOUCHED, *(rf"(?i:\b{re.escape(phrase)}\b)" for phrase in keep)])
        pattern = rf"(?P<kept>{kept})|{_ARTICLE}(?!{kept})(?P<run>[A-Za-z]+)|{_NUMBER}"
        self._pattern = re.compile(pattern, re.MULTILINE)

    def __call__(self, text: str) -> str:
        """The text with everything exchanged; articles before an exchanged word agree with the new one."""
        return self._pattern.sub(self._exchanged, text) if self._spellings else text

    def _exchanged(self, found: re.Match[str]) -> str:
        if found["kept"]:
            return found[0]
        if number := found["number"]:
            return self._spellings.get(number, number)
        run = _PART.sub(lambda part: self._spelled(part[0]), found["run"])
        return _agreeing(found["article"], found["run"], run) + (found["gap"] or "") + run

    def _spelled(self, part: str) -> str:
        if part in self._spellings:
            return self._spellings[part]
        new = self._spellings.get(part.lower(), part)
        if new == part or part.islower():
            return new
        return new.upper() if part.isupper() and len(part) > 1 else new.capitalize()


def _agreeing(article: str | None, old: str, new: str) -> str:
    """The article with its n as the new word wants it, if it agreed with the old one."""
    if not article or old == new or (len(article) > 1) != _begins_with_a_vowel(old):
        return article or ""
    return article[0] + ("n" if _begins_with_a_vowel(new) else "")


def _begins_with_a_vowel(word: str) -> bool:
    return word[0].lower() in "aeiou"
