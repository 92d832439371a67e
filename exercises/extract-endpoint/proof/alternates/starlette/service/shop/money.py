"""Whole cents out of thousandths and percents, in integers only."""

import re
from fractions import Fraction

NUMBER = re.compile(r"\s*\+?(\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")


class NotANumberError(ValueError):
    """A quantity that is none."""


def thousandths(told: object) -> int:
    """A quantity, told as a number or as text, in thousandths."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise NotANumberError("a quantity is a number")
    text = str(told)
    if len(text) > 40 or not NUMBER.fullmatch(text):
        raise NotANumberError("a quantity is a number")
    exact = Fraction(text.strip()) * 1000
    if exact.denominator != 1:
        raise NotANumberError("a quantity has at most three digits after the point")
    return exact.numerator


def to_even(numerator: int, denominator: int) -> int:
    """Rounded to the nearest whole, and from the middle to the even one."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def away(numerator: int, denominator: int) -> int:
    """Rounded to the nearest whole, and from the middle up."""
    return (2 * numerator + denominator) // (2 * denominator)


def fee(net: int, percent: object) -> int | None:
    """The fee on a sum; None for who is exempt."""
    if percent is None:
        return None
    share = Fraction(str(percent)) / 100
    return away(net * share.numerator, share.denominator)
