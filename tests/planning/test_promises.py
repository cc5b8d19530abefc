"""What must hold of any answer about money, whatever the prices and volumes."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fluxcost.economics.api_bill import api_invoice
from fluxcost.economics.break_even.break_even import CheaperSide, break_even
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.cost import cost_per_image
from fluxcost.economics.usage.instances import AlwaysOn
from fluxcost.economics.usage.monthly_bill import bill
from fluxcost.planning.search import plan
from fluxcost.workload.workload import Workload
from tests.economics.stand_in import PRICED_ON, SQUARE, Clock
from tests.economics.stand_in import offer as rented
from tests.economics.stand_in import tariff as api
from tests.examples import examples
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm", grid=[(1024, 1024, 4, b) for b in (1, 4)], calls=5)
MONTHLY: dict[str, Any] = {"deadline": None, "on_demand": {"starts_per_month": 22}}
SHIPPED = load_catalog()
prices = st.floats(0.05, 40)


def dearest_end(asked: Workload, usd: float) -> float:
    """Return the upper bound of the cost of the best plan in a shop where one offer has a price."""
    shop = catalog(offer("a", usd=usd), offer("b", usd=4.0, gpu_count=8), tariff(usd=0.002))
    return plan(asked, shop, [H200], today=TODAY).best.total.high


@settings(deadline=None, max_examples=40)
@given(
    prices,
    st.floats(0.1, 1),
    st.integers(1, 3_000_000),
    st.sampled_from([MONTHLY, {"deadline": {"hours": 24.0}}]),
)
def test_a_cheaper_offer_never_raises_the_cost(
    usd: float, share: float, images: int, when: dict[str, Any]
):
    if when is MONTHLY:
        asked = workload(**MONTHLY, images_per_month=images)
    else:
        asked = workload(deadline=when["deadline"] | {"images": images})
    assert dearest_end(asked, usd * share) <= dearest_end(asked, usd) * (1 + 1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4_000_000), st.integers(0, 4_000_000))
def test_more_volume_never_raises_the_cost_of_an_image_within_one_gpu(images: int, more: int):
    fewer, many = (
        plan(workload(deadline=None, images_per_month=n), catalog(offer()), [H200], today=TODAY)
        for n in (images, images + more)
    )
    for one in fewer:
        (other,) = (each for each in many if each.batch == one.batch)
        if one.gpus == other.gpus == 1:
            assert other.usd_per_image.value <= one.usd_per_image.value * (1 + 1e-12)
    assert fewer.best.usd_per_image.value > 0


@settings(deadline=None, max_examples=examples(60))
@given(usd=prices, each=st.floats(0.0005, 0.2), seconds=st.floats(0.05, 5))
def test_break_even_found_by_search_is_that_of_the_closed_form(
    usd: float, each: float, seconds: float
):
    clock, row = Clock(seconds), rented(usd)
    flat = api({"shape": "flat", "usd": each})
    result = break_even(clock, row, flat, SQUARE, utilization=1, today=PRICED_ON)
    assume(result.verdict is CheaperSide.ABOVE)
    most = int(result.capacity_images_per_month.value)

    def api_is_dearer(images: int) -> bool:
        month = bill(clock, row, SQUARE, AlwaysOn(1), images=images, today=PRICED_ON)
        return float(api_invoice(flat, SQUARE, images).billed_usd) >= month.billed.value

    # Two bills, made line by line, and a bisection: nothing of the closed form is in them.
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if api_is_dearer(middle) else (middle, high)
    assert high == pytest.approx(result.images_per_month.value, abs=1.001)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([row for row in SHIPPED.offers if row.gpu == "h200-sxm"]), prices)
def test_a_price_of_your_own_always_wins(shipped: Any, usd: float):
    row = {
        "id": shipped.id,
        "sku": "mine",
        "gpu": "h200-sxm",
        "gpu_count": 1,
        "kind": "on-demand",
        "price": {"amount": usd, "unit": "gpu-hour"},
        "currency": "USD",
        "source": "my contract",
        "as_of": PRICED_ON,
        "as_of_kind": "stated",
        "grade": "A",
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gpus").mkdir()
        path = Path(folder) / "gpus" / f"{shipped.provider}.yaml"
        document = {"provider": shipped.provider, "name": "mine", "offers": [row]}
        path.write_text(yaml.safe_dump(document))
        mine = load_catalog(folder)
    assert mine.offer(shipped.id).usd_per_gpu_hour == usd
    assert mine.own == (shipped.id,)
    assert {each.id for each in mine.offers} == {each.id for each in SHIPPED.offers}
    clock = Clock(gpu="h200-sxm")
    cost = cost_per_image(clock, mine.offer(shipped.id), SQUARE, utilization=1, today=PRICED_ON)
    assert cost.total.value == pytest.approx(usd / 3600 * 0.5)
    assert cost.caveats[0] == f"{shipped.id}: your own price"
    asked = workload(constraints={"allow_providers": [shipped.provider]})
    lines = plan(asked, mine, [H200], today=PRICED_ON)
    found = {line.priced_as_of for line in lines if line.option == shipped.id}
    assert found == {f"{PRICED_ON}, A"}


@pytest.mark.parametrize(
    "when", [{}, MONTHLY | {"images_per_month": 300_000}], ids=["job", "month"]
)
def test_nothing_in_doubt_wins_over_the_shipped_catalog(when: dict[str, Any]):
    plans = plan(workload(**when), SHIPPED, today=PRICED_ON)
    then = SHIPPED.at(PRICED_ON)
    rows = {row.id: row for row in (*then.offers, *then.tariffs)}
    assert plans.best.gpus > 0
    for line in plans:
        row = rows[line.option]
        assert row.status == "active"
        assert row.grade < "C"
        assert row.as_of <= PRICED_ON
        if line.gpus:
            offer = SHIPPED.offer(line.option)
            assert not offer.is_marketplace
            assert not offer.is_interruptible
    # Each API that sells the model is there, as a plan or with the rule it broke.
    sold = {row.id for row in then.tariffs if row.model == "flux2-klein-4b"}
    told = {item.candidate for item in plans.rejected} | {line.option for line in plans}
    assert sold <= told
