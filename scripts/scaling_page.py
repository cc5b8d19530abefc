"""Write docs/scaling.md from the records that ship: python -m scripts.scaling_page.

Two GPUs of one host were timed alone and together; a published article's table of one to eight
stands beside what they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

import fluxcost as fc
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fleets import Fleets, Window
from fluxcost.performance.measured.replicas import Encoding, Replica
from fluxcost.performance.measured.together import SplitImage
from fluxcost.performance.replicas import published_law
from measure.replicas.report import STAGES, losses, open_fleets
from scripts.tables import table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scaling.md"
GPU, MODEL = "h100-sxm", "flux2-klein-4b"
STACKS = ("compiled-bf16", "eager-bf16")
USUAL = fc.Shape(1024, 1024, 4)
ARTICLE_STEPS = 20
OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6

HEAD = """# Several GPUs

Two H100s of one host, a replica on each, timed by `python -m measure run --suite scaling
--gpus 1,2 --cores 1,2,4,all --split-image --threads`: each GPU alone, then both at once, in one
run, shapes and core counts in shuffled order. *Efficiency* is what both make together over the sum
of what each makes alone, with its 90 % interval; above 100 % the moments drifted, since nothing
makes two GPUs faster than one each. This page is written from records by
`scripts/scaling_page.py`; a test fails when it is out of date.
"""


def page() -> str:
    """Return the page."""
    records = {stack: fc.load_calibration(f"{GPU}/{MODEL}/{stack}") for stack in STACKS}
    fleets = {stack: open_fleets(record) for stack, record in records.items()}
    return "\n".join(
        [
            HEAD,
            *_together(fleets),
            *_cores(fleets),
            *_threads(fleets["eager-bf16"]),
            *_power(records),
            *_encoding(records),
            *_law(records),
            *_article(records["eager-bf16"]),
            *_split(records["eager-bf16"]),
            *_links(records),
        ]
    )


def _together(fleets: dict[str, Fleets]) -> Iterable[str]:
    rows = [
        _window_row(stack, each, window)
        for stack, each in fleets.items()
        for window in _sorted(each)
        if len(window.parts) > 1 and window.cores is None and not window.in_one_process
    ]
    article = published_law()[0].measured[2].value
    yield from (
        "## A process on each GPU",
        "",
        f"The article's two GPUs make {article:.0%} of two times one. The last columns say where a",
        "call lost time: mean milliseconds a call together, less alone.",
        "",
        *table(("stack", "call", "alone, img/s", "both, img/s", "efficiency", *STAGES), rows),
        "",
        "Compiled, launches are recorded as CUDA graphs and no stage waits for the other replica.",
        "Eager at 512x512 waits for the CPU, whose pace moves by tens of per cent from one window",
        "to the next: its interval says that seconds of it tell little about scaling.",
        "",
    )


def _window_row(stack: str, fleets: Fleets, window: Window) -> tuple[str, ...]:
    alone = [solo.batch * len(solo.seeds) / solo.elapsed_s for solo in fleets.solos(window)]
    return (
        f"`{stack}`",
        _call(window),
        f"{sum(alone):.2f}",
        f"{window.images_per_s:.2f}",
        _share(_efficiency(fleets, window)),
        *(f"{1000 * lost:+.1f}" for lost in losses(fleets, window)),
    )


def _cores(fleets: dict[str, Fleets]) -> Iterable[str]:
    rows = []
    for stack, each in fleets.items():
        for shape, batch in sorted({w.asked for w in each.windows if w.cores is not None}):
            counts = sorted({w.cores for w in each.windows if w.cores is not None})
            factors = [each.core_factor(shape, batch, count) for count in counts]
            needed = str(each.cores_needed(shape, batch))
            rows.append((f"`{stack}`", f"{shape}", *map(_share, factors), needed))
    yield from (
        "## CPU cores of a replica",
        "",
        "The rate with every replica held to so many cores, over that with all 32 of the host. One",
        "core is enough for a replica to keep its GPU as busy as with all; `plan --explain` states",
        "it as a requirement on the instance. Encoding files is not in it: see below.",
        "",
        *table(("stack", "call", "1 core", "2 cores", "4 cores", "cores needed"), rows),
        "",
    )


def _threads(fleets: Fleets) -> Iterable[str]:
    rows = [
        _window_row("processes" if not window.in_one_process else "threads", fleets, window)
        for window in _sorted(fleets)
        if len(window.parts) > 1
        and window.cores is None
        and any(w.asked == window.asked and w.in_one_process for w in fleets.windows)
    ]
    yield from (
        "## Threads of one process",
        "",
        "The same two replicas as threads of one Python process share its interpreter, and launch",
        "kernels in turn (`eager-bf16`):",
        "",
        *table(
            ("a replica each", "call", "alone, img/s", "both, img/s", "efficiency", *STAGES), rows
        ),
        "",
        "So a replica gets a process of its own. The compiled stack was not timed so.",
        "",
    )


def _power(records: dict[str, Calibration]) -> Iterable[str]:
    rows = []
    for stack, record in records.items():
        heavy = [
            part
            for part in record.replicas
            if part.shape == USUAL and part.batch == 8 and not part.in_one_process
        ]
        for label, parts in (
            ("alone", [part for part in heavy if part.replicas == 1]),
            ("both", [part for part in heavy if part.replicas > 1]),
        ):
            rows.append((f"`{stack}`", label, *_state(parts)))
    yield from (
        "## Power and heat",
        "",
        f"{USUAL}, batch 8, read each second. The GPU's own power limit slows it down, alone as",
        "beside another: there is no shared limit to see on this host.",
        "",
        *table(
            ("stack", "GPUs", "power, W", "SM clock, MHz", "hottest, °C", "at the power limit"),
            rows,
        ),
        "",
    )


def _state(parts: Sequence[Replica]) -> tuple[str, ...]:
    read = [each for part in parts for each in part.during]
    watts = [each.power_w for each in read if each.power_w is not None]
    clocks = [each.sm_clock_mhz for each in read if each.sm_clock_mhz is not None]
    heat = [each.temperature_c for each in read if each.temperature_c is not None]
    capped = np.mean(["power_cap" in each.throttle_reasons for each in read])
    return f"{np.mean(watts):.0f}", f"{np.mean(clocks):.0f}", f"{max(heat):.0f}", f"{capped:.0%}"


def _encoding(records: dict[str, Calibration]) -> Iterable[str]:
    found = [each for record in records.values() for each in record.encodings]
    kinds = dict.fromkeys((each.image_format, each.to_disk) for each in found)
    rows = []
    for name, to_disk in kinds:
        same = [each for each in found if (each.image_format, each.to_disk) == (name, to_disk)]
        alone = np.median([s for each in same if each.replicas == 1 for s in each.wall_s])
        both = np.median([s for each in same if each.replicas > 1 for s in each.wall_s])
        size = f"{same[0].size_bytes / 1e6:.2f}"
        rows.append(
            (name, size, "yes" if to_disk else "no", f"{1e3 * alone:.0f}", f"{1e3 * both:.0f}")
        )
    image_s = fc.fit(records["compiled-bf16"]).latency(USUAL).value
    png_s, jpeg_s = (_encode_s(found, kind) for kind in ("png", "jpeg"))
    yield from (
        "## Files",
        "",
        f"Encoding one 1024x1024 picture ({found[0].picture}) on one core, milliseconds:",
        "",
        *table(("format", "MB", "to disk", "one replica", "both at once"), rows),
        "",
        f"A compiled replica makes a picture every {image_s:.2f} s and PNG takes a core",
        f"{png_s:.2f} s: it keeps {png_s / image_s:.1f} cores busy, and a server that encodes it",
        f"between calls makes {image_s / (image_s + png_s):.0%} of the images. JPEG takes",
        f"1/{png_s / jpeg_s:.0f} of that. Where files are made on the host, they decide how many",
        "cores a replica needs.",
        "",
    )


def _encode_s(found: Sequence[Encoding], kind: str) -> float:
    return float(np.median([s for e in found if e.image_format.startswith(kind) for s in e.wall_s]))


def _law(records: dict[str, Calibration]) -> Iterable[str]:
    article, one = published_law()
    rows = []
    for count in (1, 2, 4, 8):
        printed = article.efficiency(count)
        row = [str(count), f"{printed.value * one.value * count:.2f}", f"{printed.value:.0%}"]
        for record in records.values():
            fitted = fc.fit(record)
            rate = fitted.fleet_throughput(USUAL, 1, count)
            row += [_spread(rate, ".2f"), _share(fitted.replica_efficiency(USUAL, 1, count))]
        rows.append(tuple(row))
    headings = [f"`{stack}`, img/s" for stack in records], ["efficiency"] * len(records)
    ours = [each for pair in zip(*headings, strict=True) for each in pair]
    yield from (
        "## More GPUs: what two foretell",
        "",
        f"{USUAL}, batch 1. Four and eight were not measured here: by Amdahl's law from two, the",
        "interval holding every split of the loss between waiting and pairs, so that it widens. At",
        "most eight are answered.",
        "",
        *table(("GPUs", "article, img/s", "efficiency", *ours), rows),
        "",
    )


def _article(record: Calibration) -> Iterable[str]:
    fitted = fc.fit(record)
    printed = published_law()[1].value
    rates = {n: fitted.throughput(fc.Shape(1024, 1024, n)) for n in range(4, 41)}
    fits = min(rates, key=lambda n: abs(np.log(rates[n].value / printed)))
    yield from (
        "## The article's first row",
        "",
        f"The article's table starts at {printed:.2f} images a second, a quarter of what its own",
        "latency, 0.57 s at 4 steps, gives. It does not name its steps; by its own latencies they",
        f"would be about {ARTICLE_STEPS}. Here, with diffusers as it comes, 4 steps make",
        f"{_spread(rates[4], '.2f')} images a second, {ARTICLE_STEPS} make",
        f"{_spread(rates[ARTICLE_STEPS], '.2f')}, and {fits} make {_spread(rates[fits], '.2f')},",
        f"{rates[fits].source} both.",
        "The table is of many more steps than 4, and says nothing of the price of 4.",
        "",
    )


def _split(record: Calibration) -> Iterable[str]:
    fitted = fc.fit(record)
    offer = fc.load_catalog().offer(OFFER)
    rows = []
    for each in record.split_images:
        alone, wall = _halves(each)
        usd = fc.cost_per_image(fitted, offer, each.shape, utilization=UTILIZATION).total
        rows.append(
            (
                str(each.shape),
                f"{alone:.3f}",
                f"{wall:.3f}",
                f"{alone / wall:.2f}",
                f"{usd.value:.6f}",
                f"{usd.value * each.gpus * wall / alone:.6f}",
                f"{each.difference:.1%}",
            )
        )
    yield from (
        "## One image on both",
        "",
        "diffusers' context parallelism (Ulysses attention) in `eager-bf16`: the tokens of an",
        "image are split, every GPU encodes the text and decodes the picture. USD an image are on",
        f"`{OFFER}` at {UTILIZATION:.0%} utilization.",
        "",
        *table(
            (
                *("call", "one GPU, s", "both, s", "times as fast", "USD, one", "USD, both"),
                "pictures differ",
            ),
            rows,
        ),
        "",
        "At 1024x1024 the exchanges around each attention cost more than half the arithmetic",
        "saves. A plan considers it only where no one GPU can meet a latency objective.",
        "",
    )


def _halves(each: SplitImage) -> tuple[float, float]:
    return float(np.median(each.alone_s)), float(np.median(each.wall_s))


def _links(records: dict[str, Calibration]) -> Iterable[str]:
    found = [each for record in records.values() for each in record.links]
    rates = [each.gb_per_s for each in found]
    wired = all(each.nvlink for each in found)
    yield from (
        "## Links",
        "",
        f"A copy of 1 GiB from one GPU to the other runs at {min(rates):.0f} to {max(rates):.0f}",
        f"GB/s, {'over NVLink' if wired else 'not over NVLink'}, with peer access.",
        "",
    )


def _sorted(fleets: Fleets) -> list[Window]:
    def order(window: Window) -> tuple[object, ...]:
        return window.asked, window.in_one_process

    return sorted(fleets.windows, key=order)


def _efficiency(fleets: Fleets, window: Window) -> Estimate:
    found = fleets.efficiency(window)
    assert found is not None  # noqa: S101 - every window together was timed alone too
    return found


def _call(window: Window) -> str:
    shape, batch = window.asked
    return f"{shape}, batch {batch}"


def _share(estimate: Estimate) -> str:
    return _spread(estimate, ".1%")


def _spread(estimate: Estimate, form: str) -> str:
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
