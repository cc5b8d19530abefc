"""The audit of a published benchmark, and the errors of fits and simulator."""

from __future__ import annotations

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import EAGER, H200, STACK, TODAY

PUBLISHED = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
SCENARIO = "h100-sxm/flux2-klein-4b/compiled-bf16/fast"


def audit(book: Book) -> None:
    """Keep verdicts with every check, and validations that are quick."""
    book.record("audit", "claims", fc.audit(today=TODAY))
    book.ask("audit", "published", fc.validate, fc.load_calibration(PUBLISHED))
    unseen = fc.load_calibration(f"held_out/{H200}")
    book.ask("audit", H200, fc.validate_all, fc.load_calibration(H200), unseen=unseen)
    for alias in (EAGER, STACK):
        record, unseen = fc.load_calibration(alias), fc.load_calibration(f"held_out/{alias}")
        book.ask("audit", f"{alias} against cells no fit sees", fc.validate_against, record, unseen)
    one, other = fc.load_calibration(EAGER), fc.load_calibration(PUBLISHED)
    book.ask("audit", "measured against published", fc.validate_against, one, other)
    scenario = fc.load_scenario(SCENARIO)
    book.ask("audit", "a loaded GPU", fc.validate_scenario, scenario, runs=20, seed=4)
    for quality in fc.shipped_qualities():
        book.record("audit", f"quality of {quality.model}", quality)
