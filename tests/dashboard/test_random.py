"""Every number a page shows is the public door's, on 50 questions drawn at random."""

import random
from collections.abc import Callable
from typing import Any

import pytest

import fluxcost as fc
from dashboard import answers
from tests.dashboard import test_break_even as renting
from tests.dashboard import test_calibration as timing
from tests.dashboard import test_capacity as serving
from tests.dashboard import test_what_if as planning
from tests.dashboard.opened import numbers, opened

SIZES = ((512, 512), (768, 768), (1024, 1024), (1280, 720), (1536, 1024))
TIMED = tuple(
    entry.alias
    for entry in fc.shipped_calibrations()
    if entry.source == "measured" and "klein-4b" in entry.alias  # others refuse most questions
)
Question = tuple[dict[str, str], dict[str, str]]


def _size(draw: random.Random) -> tuple[dict[str, int], dict[str, str]]:
    width, height = draw.choice(SIZES)
    return {"width": width, "height": height, "steps": 4}, {"size": f"{width}x{height}"}


def what_if(draw: random.Random) -> Question:
    shape, address = _size(draw)
    images, hours = draw.randrange(1000, 400_000), draw.choice((2, 4.5, 12, 48))
    used = draw.randrange(6, 20) * 5 / 100
    deadline = {"images": images, "hours": hours}
    plans = planning.asked(shapes=[shape], deadline=deadline, utilization=used)
    more = {"images": str(images), "hours": str(float(hours)), "utilization": str(used)}
    return planning.expected(plans), address | more


def break_even(draw: random.Random) -> Question:
    shape, address = _size(draw)
    name = draw.choice(TIMED)
    gpu = fc.load_calibration(name).gpu.key
    plannable = renting.CATALOG.plannable_offers(gpu, answers.today())
    offers = [each for each in plannable if not each.is_interruptible]
    tariffs = ("cloudflare/flux-2-klein-4b", "bfl/flux-2-klein-4b", "replicate/flux-2-klein-4b")
    asked = renting.asked(
        calibration=name,
        offer=draw.choice(offers).id,
        tariff=draw.choice(tariffs),
        shape=fc.Shape(**shape),
        batch=draw.choice((1, 2, 4)),
        utilization=draw.randrange(2, 20) * 5 / 100,
    )
    images = draw.randrange(10_000, 20_000_000)
    plain = {
        key: str(value) for key, value in vars(asked).items() if key not in {"shape", "sessions"}
    }
    return renting.expected(renting.answered(asked), images), address | plain | {
        "monthly": str(images)
    }


def capacity(draw: random.Random) -> Question:
    shape, address = _size(draw)
    rate, within = draw.choice((0.5, 2.0, 7.5, 30.0)), draw.choice((3.0, 5.0, 8.0))
    batch = draw.choice((1, 2, 4))
    asked = serving.workload(
        shapes=[shape],
        arrivals={"requests_per_s": rate},
        objective={"percentile": 95, "within_s": within},
    )
    more = {"rate": str(rate), "within": str(within), "batch": str(batch)}
    found = serving.expected(asked, serving.fleet(batch=batch))
    return found, address | more | {"offer": serving.OFFER.id}


def calibration(draw: random.Random) -> Question:
    shape, address = _size(draw)
    name, batch = draw.choice(TIMED), draw.choice((1, 2, 4))
    found = timing.expected(name, fc.Shape(**shape), batch)
    return found, address | {"calibration": name, "batch": str(batch)}


DAILY = 4
"""Questions of which each page has one, always asked; the rest are the long form."""


@pytest.mark.parametrize(
    "seed",
    [
        *range(DAILY),
        *(pytest.param(seed, marks=pytest.mark.long) for seed in range(DAILY, 50)),
    ],
)
def test_a_page_shows_what_the_public_door_answers(seed: int):
    draw = random.Random(seed)  # noqa: S311 - questions, not secrets
    pages: tuple[Callable[[random.Random], Question], ...]
    pages = (what_if, break_even, capacity, calibration)
    page = pages[seed % len(pages)]
    try:
        expected, address = page(draw)
    except fc.FluxcostError as error:
        pytest.fail(f"{page.__name__}, seed {seed}: {error}")
    shown: Any = opened(page.__name__, **address)
    assert numbers(shown) == expected
