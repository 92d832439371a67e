"""Runs an exercise's claims through the production path: is each program judged as its author says it must be?

The reference and every alternate meet everything, the untouched starter fails what it claims, and each wrong program
fails exactly what it names, with the feedback text a candidate would read. What was shown is kept by `proof`.
"""

from __future__ import annotations

from assesskit.prove.programs import apply_patch, lay_out
from assesskit.prove.running import Prover, Repeated, Shown

__all__ = ["Prover", "Repeated", "Shown", "apply_patch", "lay_out"]
