"""Every price shape against a bill worked by hand."""

import pytest

from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import InputError, MissingDataError
from fluxcost.workload.shape import Shape
from tests.economics.stand_in import SQUARE, TODAY, tariff

MB = 1_048_576


def price(tariff_id: str, shape: Shape) -> float:
    return load_catalog().tariff(tariff_id).usd_per_image(shape, TODAY).value


@pytest.mark.parametrize(
    ("tariff_id", "shape", "usd"),
    [
        # First and extra megapixel: a megapixel is 1024 x 1024, started ones count whole.
        ("bfl/flux-2-klein-4b", SQUARE, 0.014),
        ("bfl/flux-2-klein-4b", Shape(512, 512, 4), 0.014),
        ("bfl/flux-2-klein-4b", Shape(1040, 1024, 4), 0.014 + 0.001),
        ("bfl/flux-2-klein-4b", Shape(2048, 2048, 4), 0.014 + 3 * 0.001),
        # ... and each megapixel of input at the rate of a further one.
        ("bfl/flux-2-klein-4b", Shape(1024, 1024, 4, 1), 0.015),
        ("bfl/flux-2-klein-9b", Shape(1024, 1024, 4, 1), 0.017),
        ("bfl/flux-2-pro", Shape(1024, 1024, 4, 1), 0.045),
        ("bfl/flux-2-max", Shape(1024, 1024, 4, 1), 0.10),
        ("bfl/flux-2-flex", Shape(1024, 1024, 4, 1), 0.10),
        # Per megapixel, rounded up: 1920 x 1072 is 1.96 megapixels.
        ("fal/flux-2-klein-4b", SQUARE, 0.005),
        ("fal/flux-2-klein-4b-guide-2026-01", SQUARE, 0.014),
        ("runflow/flux-2-klein-4b", Shape(1920, 1072, 4), 2 * 0.005),
        ("runflow/flux-2-klein-4b", Shape(2048, 2048, 4), 4 * 0.005),
        # One rate for output and one for each reference image.
        ("fal/flux-2-klein-4b-edit", Shape(1024, 1024, 4, 2), 0.010 + 2 * 0.010),
        ("replicate/flux-2-klein-4b", Shape(1024, 1024, 4, 1), 0.001 + 0.001),
        # Tiles of 512: 2 x 2, 3 x 2, and 2 x 2 of each reference image.
        ("cloudflare/flux-2-klein-4b", SQUARE, 0.001148),
        ("cloudflare/flux-2-klein-4b", Shape(1536, 1024, 4), 6 * 0.000287),
        ("cloudflare/flux-2-klein-4b", Shape(528, 512, 4), 2 * 0.000287),
        ("cloudflare/flux-2-klein-4b", Shape(1024, 1024, 4, 1), 4 * (0.000287 + 0.000059)),
        ("cloudflare/flux-2-dev", Shape(1024, 1024, 20), 4 * 20 * 0.00041),
        # Flat, also per hundred and per thousand.
        ("muapi/flux-2-klein-4b", Shape(2048, 2048, 4), 0.0104),
        ("bytecompute/flux-2-klein-4b", SQUARE, 0.003),
        ("replicate/flux-1-schnell", SQUARE, 0.003),
        ("azure/dall-e-3-hd", SQUARE, 0.08),
        # By size.
        ("openai/gpt-image-1.5-medium", Shape(1024, 1536, 4), 0.05),
        ("openai/dall-e-3-standard", SQUARE, 0.04),
        # Credits of a cent.
        ("stability/sd-3.5-large", SQUARE, 0.065),
        # Per pixel.
        ("azure/flux-2-flex", Shape(1600, 1600, 4), 0.128),
        ("nscale/sdxl-base", SQUARE, 0.003145728),
        # Steps.
        ("fireworks/flux-1-schnell-fp8", SQUARE, 0.0014),
        ("deepinfra/flux-1-schnell", Shape(512, 1024, 4), 0.001),
        ("deepinfra/flux-2-dev", Shape(2048, 1024, 14), 0.01),
        ("together/flux-1-schnell", Shape(1024, 1024, 8), 0.0054),
        ("dezgo/sdxl", Shape(1024, 1024, 20), 0.0054),
        ("dezgo/sdxl", Shape(1024, 1024, 60), (0.0096 + 0.0181) / 2),
    ],
)
def test_a_bill_worked_by_hand(tariff_id: str, shape: Shape, usd: float):
    assert price(tariff_id, shape) == pytest.approx(usd, rel=1e-12)


def test_a_decimal_megapixel_bills_a_1024_square_as_two():
    decimal = tariff(
        {"shape": "per-megapixel", "usd": 0.01, "megapixel_px": 1_000_000, "rounding": "up"}
    )
    assert decimal.usd_per_image(SQUARE).value == pytest.approx(0.02)


AREAS = [
    row
    for row in load_catalog().tariffs
    if row.price.shape in {"per-megapixel", "first-and-extra-megapixel"}
]


@pytest.mark.parametrize("row", AREAS, ids=lambda row: row.id)
def test_every_shipped_megapixel_holds_a_1024_square_and_not_a_pixel_row_more(row: Tariff):
    # Vendors quote the price of a 1024 x 1024 image; a decimal megapixel would bill it as two.
    fields = row.to_dict()["price"]
    one = fields.get("usd") or fields["first_usd"]
    edits = 0 if "text-to-image" in row.tasks else 1
    square, larger = Shape(1024, 1024, 4, edits), Shape(1040, 1024, 4, edits)
    assert row.usd_per_image(square).value == pytest.approx(
        one + edits * fields.get("input_usd", 0)
    )
    if "extra_usd" in fields or "usd" in fields:
        assert row.usd_per_image(larger).value > row.usd_per_image(square).value


def test_a_rate_that_was_not_found_is_refused_and_not_taken_as_free():
    first = {"shape": "first-and-extra-megapixel", "first_usd": 0.015, "megapixel_px": MB}
    row = tariff(first, tasks=["text-to-image", "edit"])
    assert row.usd_per_image(SQUARE).value == pytest.approx(0.015)
    with pytest.raises(MissingDataError, match="extra_usd, the price of a megapixel after"):
        row.usd_per_image(Shape(2048, 1024, 4))
    with pytest.raises(MissingDataError, match="price of a reference image was not found"):
        row.usd_per_image(Shape(1024, 1024, 4, 1))


def test_without_rounding_a_quarter_costs_a_quarter():
    exact = tariff({"shape": "per-megapixel", "usd": 0.01, "megapixel_px": MB, "rounding": "none"})
    assert exact.usd_per_image(Shape(512, 512, 4)).value == pytest.approx(0.0025)


def test_tokens_need_the_tokens_of_an_image():
    tokens = {"shape": "per-token", "image_out_usd": 30}
    with pytest.raises(MissingDataError, match="image_out_tokens is empty"):
        tariff(tokens).usd_per_image(SQUARE)
    known = tariff(tokens | {"image_out_tokens": {"1024x1024": 1000}})
    assert known.usd_per_image(SQUARE).value == pytest.approx(0.03)


def test_a_subscription_needs_the_images_of_a_job():
    # 10 USD for 3.3 GPU hours at one minute a job is 5.05 cents a job.
    with pytest.raises(MissingDataError, match=r"at 0\.0505 USD per job"):
        price("midjourney/basic", SQUARE)
    row = load_catalog().tariff("midjourney/standard").to_dict()["price"]
    four = tariff(row | {"images_per_job": 4})
    assert four.usd_per_image(SQUARE).value == pytest.approx(30 / 900 / 4)
    assert any("images a GPU hour makes depends" in line for line in four.caveats(TODAY))


@pytest.mark.parametrize(
    ("tariff_id", "shape", "error", "reason"),
    [
        ("muapi/flux-2-klein-4b", Shape(1024, 1024, 4, 1), InputError, "choose a tariff for edit"),
        ("fal/flux-2-klein-4b-edit", SQUARE, InputError, "choose a tariff for text-to-image"),
        ("cloudflare/flux-2-klein-4b", Shape(1024, 1024, 8), InputError, "always runs 4; use 4"),
        ("openai/gpt-image-2-low", Shape(512, 512, 4), InputError, "expected one of 1024x1024"),
        ("dezgo/sdxl", SQUARE, InputError, "steps is 4; expected 10 to 150"),
        ("dezgo/sdxl", Shape(2048, 1024, 20), InputError, "expected at most 1048576"),
        ("runware/flux-2-klein-4b", SQUARE, MissingDataError, "no price is published"),
        ("stability/sdxl-1-0-claimed", SQUARE, MissingDataError, "a claim that no price list"),
    ],
)
def test_what_cannot_be_priced_is_refused(
    tariff_id: str, shape: Shape, error: type[Exception], reason: str
):
    with pytest.raises(error, match=reason) as caught:
        price(tariff_id, shape)
    assert tariff_id in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reference_images_without_a_rate_are_refused():
    edit = tariff(
        {"shape": "per-megapixel", "usd": 0.01, "megapixel_px": MB, "rounding": "up"},
        tasks=["edit"],
    )
    with pytest.raises(MissingDataError, match="price of a reference image was not found"):
        edit.usd_per_image(Shape(1024, 1024, 4, 1))
