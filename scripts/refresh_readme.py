"""Write into README.md what the records say: python -m scripts.refresh_readme.

Its Python runs, and what it prints goes behind the `# => ` marks; each table between the comments
`<!-- NAME ... -->` and `<!-- end -->` is made anew.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import fluxcost as fc
from scripts.docs.running import DAY, ROOT, refreshed

README = ROOT / "README.md"
ACCURACY = ROOT / "docs" / "accuracy.md"
TABLE = re.compile(r"(<!-- (\w+)[^>]*-->\n).*?(<!-- end -->)", re.DOTALL)

ARTICLE = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
STACKS = {
    ARTICLE: "the published benchmark",
    "h100-sxm/flux2-klein-4b/eager-bf16": "`eager-bf16`: stock diffusers in bf16, not compiled",
    "h100-sxm/flux2-klein-4b/compiled-bf16": "`compiled-bf16`: compiled, lossless",
    "h100-sxm/flux2-klein-4b/compiled-fp8": "`compiled-fp8`: compiled, 8-bit linear layers, lossy",
}
SHAPE = fc.Shape(1024, 1024, steps=4)
OFFER = "runpod/h100-sxm-secure"
UTILIZATION = 0.6
ACCURACY_OF = "/flux2-klein-4b/"
"""Records whose accuracy the README shows; the page of accuracy has all."""


def ran(text: str) -> str:
    """Return the page with its Python run and what that prints."""
    with tempfile.TemporaryDirectory() as folder:
        return refreshed(text, Path(folder))


def tabled(text: str) -> str:
    """Return the page with its tables made anew."""
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def comparison() -> str:
    """Return the stacks side by side: seconds of a call, USD of an image on one offer."""
    offer = fc.load_catalog().offer(OFFER)
    price = offer.price_estimate(DAY).value
    intro = (
        f"FLUX.2-klein-4B on an H100 80GB, 1024x1024 in {SHAPE.steps} steps, one image a call; USD "
        f"on `{OFFER}`\nat {price:.2f} USD an hour (as of {offer.as_of}) with the GPU busy "
        f"{UTILIZATION:.0%} of the time.\n\n"
    )
    return intro + _table(
        ("stack", "seconds a call", "USD an image", "images a dollar"),
        [_stack_row(name, words, offer) for name, words in STACKS.items()],
    )


def _stack_row(name: str, words: str, offer: fc.Offer) -> tuple[str, ...]:
    fit = fc.fit(fc.load_calibration(name))
    cost = fc.cost_per_image(fit, offer, SHAPE, utilization=UTILIZATION, today=DAY)
    return (
        words,
        f"{fit.latency(SHAPE):.3f}",
        f"{cost.total:.6f}",
        f"{cost.images_per_usd.value:,.0f}",
    )


def accuracy() -> str:
    """Return the error of each fit of one model on cells left out, from docs/accuracy.md."""
    return _table(
        ("fit", "cells left out", "median error", "95th percentile", "inside 90 % intervals"),
        list(_accuracy_rows(ACCURACY.read_text("utf-8"))),
    )


def _accuracy_rows(page: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each record: whole groups left out, and cells of runs no fit has seen."""
    for section in page.split("\n## ")[1:]:
        alias = section.splitlines()[0]
        if ACCURACY_OF not in alias or " " in alias:
            continue
        for words in ("each size and batch", "a run not in the fit"):
            found = re.search(rf"^\| {words}[ *]* \| (.*) \|$", section, re.MULTILINE)
            if found is None:
                continue
            cells, median, p95, _, inside, *_ = found[1].split(" | ")
            kind = ", another run" if words.startswith("a run") else ""
            yield f"`{alias}`{kind}", cells, median, p95, inside


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


TABLES = {"accuracy": accuracy, "comparison": comparison}

if __name__ == "__main__":
    README.write_text(tabled(ran(README.read_text("utf-8"))), "utf-8")
