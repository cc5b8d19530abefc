"""How prices move: quantiles against simulation, bounds that only widen, and the fit to histories.

Histories are drawn here from known parameters; none ships.
"""

import csv
import datetime as dt
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.economics.price_moves import (
    AGES_DAYS,
    FORMAT,
    ClassMoves,
    MoveTable,
    PriceClass,
    PriceMoves,
    log_move_quantiles,
    price_moves_path,
    read_price_moves,
    shipped_price_moves,
)
from fluxcost.errors import DocumentError, FormatVersionError, InputError
from scripts.fit_price_moves import main, written
from scripts.price_moves.fitting import fit, fit_list_sizes, fit_market_sizes, fit_rates
from scripts.price_moves.history import Series, class_of, read_history
from scripts.price_moves.scoring import LEVELS, crps, series_left_out

U = np.array([0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99])
DAY = dt.date(2026, 7, 1)


def class_moves(**changes) -> ClassMoves:
    known = {
        "rate_shape": 1.5,
        "rate_days": 100.0,
        "up_share": 0.7,
        "size_mean": 0.2,
        "size_sd": 0.15,
        "most_jumps": 24,
        "series": 10,
        "moves": 5,
        "basis": "made up",
    }
    return ClassMoves.model_validate(known | changes)


def price_moves(of_class: ClassMoves, **changes) -> PriceMoves:
    known = {
        "format": FORMAT,
        "version": 1,
        "attribution": "made up",
        "fitted_to": "nothing",
        "window_days": 50.0,
        "later_lean": 0.5,
        "unknown_age_mean_days": 120.0,
        "classes": dict.fromkeys(PriceClass, of_class),
    }
    return PriceMoves.model_validate(known | changes)


def simulated(of_class: ClassMoves, ages, draws: int, seed: int, lean=None):
    """Draw moves one by one: a rate, its jumps, each one's direction and size."""
    rng = np.random.default_rng(seed)
    ages = np.broadcast_to(ages, draws)
    rate = rng.gamma(of_class.rate_shape, 1 / of_class.rate_days, draws)
    jumps = np.minimum(rng.poisson(rate * ages), of_class.most_jumps)
    share = 0.5 + (of_class.up_share - 0.5) * (1.0 if lean is None else lean)
    total = np.zeros(draws)
    for number in range(1, jumps.max() + 1):
        up = np.where(rng.random(draws) < share, 1, -1)
        size = rng.normal(of_class.size_mean, of_class.size_sd, draws)
        total += np.where(jumps >= number, up * size, 0.0)
    wander = rng.normal(0, of_class.wander_per_sqrt_day, draws) * np.sqrt(ages)
    return total + np.where(jumps > 0, wander, 0.0)


@pytest.mark.parametrize(
    "changes", [{}, {"up_share": 0.1}, {"most_jumps": 1, "wander_per_sqrt_day": 0.02}]
)
@pytest.mark.parametrize("index", [12, 24, 30])
def test_the_distribution_is_that_of_the_process(changes, index: int):
    of_class = class_moves(**changes)
    age = AGES_DAYS[index]
    moves, cdf = price_moves(of_class, window_days=1e6).distribution(PriceClass.CLOUD)
    drawn = np.sort(simulated(of_class, age, 200_000, seed=index))
    empirical = np.searchsorted(drawn, moves, side="right") / len(drawn)
    empirical[moves.tolist().index(0.0)] = np.searchsorted(drawn, 0.0, side="left") / len(drawn)
    assert np.max(np.abs(cdf[index] - empirical)) < 0.005


def test_after_the_window_upward_jumps_lean_less():
    of_class = class_moves(up_share=1.0)
    index = 40
    age = AGES_DAYS[index]
    moves, cdf = price_moves(of_class).distribution(PriceClass.CLOUD)
    # A jump's day is uniform: 50 days with the whole lean, all others with half of it.
    drawn = np.sort(
        simulated(of_class, age, 200_000, seed=1, lean=(50 + 0.5 * (age - 50)) / age),
    )
    empirical = np.searchsorted(drawn, moves[moves > 0], side="right") / len(drawn)
    assert np.max(np.abs(cdf[index][moves > 0] - empirical)) < 0.005


def test_an_unknown_age_is_a_mixture_of_ages():
    of_class = class_moves(up_share=0.5)
    rng = np.random.default_rng(5)
    ages = 30 + rng.exponential(120, 400_000)
    drawn = simulated(of_class, ages, 400_000, seed=6)
    table = price_moves(of_class).table(PriceClass.CLOUD)
    found = table.quantiles(30.0, U, unknown_age=True)
    assert found == pytest.approx(np.quantile(drawn, U), abs=0.02)


def test_quantiles_are_the_widest_of_all_shorter_ages():
    of_class = class_moves(up_share=0.95, rate_days=20.0)
    parameters = price_moves(of_class, window_days=1e6)
    ages = AGES_DAYS[AGES_DAYS < 200]
    drawn = [np.quantile(simulated(of_class, age, 100_000, seed=7), U) for age in ages]
    lowest, highest = np.min(drawn, axis=0), np.max(drawn, axis=0)
    found = parameters.table(PriceClass.CLOUD).quantiles(float(ages[-1]), U)
    assert found == pytest.approx(np.where(U < 0.5, lowest, highest), abs=0.03)
    assert drawn[-1][1] > found[1] + 0.05, "without the envelope the lower bound would rise again"


AGES = st.floats(0, 50_000, allow_nan=False)
CLASSES = st.sampled_from(PriceClass)
HISTORIES = st.sampled_from([(0, 0.0), (0, 300.0), (3, 60.0)])
LEVEL = st.lists(st.floats(0.0005, 0.9995), min_size=1, max_size=20).map(np.array)


@settings(deadline=None)
@given(CLASSES, AGES, AGES, LEVEL, HISTORIES, st.booleans())
def test_bounds_only_widen_with_age(price_class, one, other, u, history, unknown):
    table = shipped_price_moves().table(price_class, *history)
    sooner = table.quantiles(min(one, other), u, unknown_age=unknown)
    later = table.quantiles(max(one, other), u, unknown_age=unknown)
    assert np.all(np.where(u < 0.5, later - sooner, sooner - later) <= 1e-12)


@settings(deadline=None)
@given(CLASSES, AGES, LEVEL, HISTORIES)
def test_an_unknown_age_is_never_narrower_than_a_known_one(price_class, age, u, history):
    table = shipped_price_moves().table(price_class, *history)
    known, unknown = (table.quantiles(age, u, unknown_age=each) for each in (False, True))
    assert np.all(np.where(u < 0.5, unknown - known, known - unknown) <= 1e-12)


@settings(deadline=None)
@given(CLASSES, AGES, LEVEL, st.booleans())
def test_quantiles_rise_with_their_probability(price_class, age, u, unknown):
    found = log_move_quantiles(price_class, age, np.sort(u), unknown_age=unknown)
    assert np.all(np.diff(found) >= 0)


@settings(deadline=None)
@given(CLASSES, AGES, LEVEL)
def test_a_market_is_never_narrower_than_a_list_price(price_class, age, u):
    market, cloud = (
        log_move_quantiles(each, age, u) for each in (PriceClass.MARKET, PriceClass.CLOUD)
    )
    assert np.all(np.where(u < 0.5, market - cloud, cloud - market) <= 1e-12)


@pytest.mark.parametrize("price_class", PriceClass)
def test_a_price_seen_today_is_exact_unless_its_age_is_unknown(price_class: PriceClass):
    assert not np.any(log_move_quantiles(price_class, 0.0, U, span_seen_days=3.0))
    low, high = log_move_quantiles(price_class, 0.0, np.array([0.01, 0.99]), unknown_age=True)
    assert low < 0 < high


@pytest.mark.parametrize("price_class", PriceClass)
def test_a_price_that_stood_still_is_narrower_and_one_that_jumped_is_wider(price_class: PriceClass):
    def width(**history) -> float:
        low, high = log_move_quantiles(price_class, 200.0, np.array([0.025, 0.975]), **history)
        return float(high - low)

    assert width(span_seen_days=300.0) < width(span_seen_days=30.0) < width()
    assert width(changes_seen=4, span_seen_days=30.0) > width(span_seen_days=30.0)


def test_the_same_question_has_the_same_answer_in_any_shape():
    u = np.linspace(0.01, 0.99, 12)
    flat = log_move_quantiles(PriceClass.CLOUD, 40.0, u)
    again = log_move_quantiles(PriceClass.CLOUD, 40.0, u.reshape(3, 4))
    assert again.shape == (3, 4)
    assert np.array_equal(again.ravel(), flat)


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        ({"age_days": -1.0}, "age_days is -1.0; expected a finite number of at least 0."),
        ({"age_days": math.nan}, "age_days is nan; expected a finite number of at least 0."),
        ({"changes_seen": -1}, "changes_seen is -1; expected a finite number of at least 0."),
        ({"span_seen_days": math.inf}, "span_seen_days is inf; expected a finite number"),
        ({"u": np.array([0.5, 1.0])}, "u holds a number that is not within 0 and 1"),
    ],
)
def test_bad_input_gets_one_sentence(given_, sentence: str):
    with pytest.raises(InputError, match=sentence.replace(".", r"\.")):
        log_move_quantiles(PriceClass.API, **({"age_days": 1.0, "u": U} | given_))


def test_the_shipped_parameters_are_what_the_fit_writes(tmp_path: Path):
    text = price_moves_path().read_text(encoding="utf-8")
    assert written(shipped_price_moves()) == text
    copy = tmp_path / "copy.yaml"
    copy.write_text(text, encoding="utf-8")
    assert read_price_moves(copy) == shipped_price_moves()


def test_the_source_of_the_history_is_named():
    notice = Path(__file__).parents[2].joinpath("NOTICE").read_text(encoding="utf-8")
    for text in (notice, shipped_price_moves().attribution):
        assert "github.com/adriannutiu/gpu-rental-prices" in text
        assert "CC BY 4.0" in text


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"version": 2}, FormatVersionError, "expected at most 1; upgrade fluxcost"),
        ({"version": True}, DocumentError, "expected a whole number from 1 to 1"),
        ({"format": "fluxcost-gpus"}, DocumentError, "not a fluxcost-price-moves file"),
        ({"classes": {}}, InputError, "every class of price; api, cloud, hyperscaler"),
        ({"drift": 0.019}, InputError, "drift is not a known field"),
        ({"later_lean": 1.5}, InputError, "later_lean is 1.5"),
    ],
)
def test_other_files_are_refused(changes, error, sentence: str, tmp_path: Path):
    path = tmp_path / "moves.yaml"
    path.write_text(yaml.safe_dump(shipped_price_moves().to_dict() | changes), encoding="utf-8")
    with pytest.raises(error, match=sentence):
        read_price_moves(path)


def test_what_wanders_has_one_jump():
    with pytest.raises(ValueError, match="wander_per_sqrt_day only where most_jumps is 1"):
        class_moves(wander_per_sqrt_day=0.01)


def test_a_floor_has_no_floor():
    with pytest.raises(ValueError, match="never_narrower_than of hyperscaler to name a class"):
        price_moves(class_moves(never_narrower_than="cloud"))


def drawn_series(
    count: int, days: int, seed: int, *, provider: str = "vendor-{}", each: int = 1
) -> list[Series]:
    """Draw list prices: gamma rates 1.5 / 100 days, 80 % upward, sizes 0.2 with 0.04."""
    rng = np.random.default_rng(seed)
    series = []
    for index in range(count):
        jumps = rng.random(days) < rng.gamma(1.5, 1 / 100)
        up = np.where(rng.random(days) < 0.8, 1, -1)
        steps = np.where(jumps, up * rng.normal(0.2, 0.04, days), 0.0)
        level = np.concatenate([[0.0], np.cumsum(steps)])
        name = provider.format(index // each)
        series.append(Series(name, f"gpu-{index} on-demand", PriceClass.CLOUD, DAY, level))
    return series


def test_the_fit_finds_the_parameters_of_list_prices():
    series = drawn_series(400, 120, seed=11)
    found = fit(series).classes[PriceClass.CLOUD]
    assert found.rate_shape == pytest.approx(1.5, rel=0.25)
    assert found.rate_shape / found.rate_days == pytest.approx(0.015, rel=0.1)
    assert found.up_share == pytest.approx(0.8, abs=0.04)
    assert found.size_mean == pytest.approx(0.2, rel=0.03)
    assert found.size_sd == pytest.approx(0.04, rel=0.1)
    assert (found.series, found.moves) == (400, sum(each.jumps for each in series))


def test_rates_are_those_of_the_negative_binomial():
    rng = np.random.default_rng(3)
    spans = rng.uniform(20, 400, 3000)
    jumps = rng.poisson(rng.gamma(0.4, 1 / 30, 3000) * spans)
    found = fit_rates([*map(int, jumps)], [*spans])
    assert found.shape == pytest.approx(0.4, rel=0.1)
    assert found.mean == pytest.approx(0.4 / 30, rel=0.1)


def test_a_provider_of_many_gpus_weighs_no_more_than_one_of_few():
    def jumped(provider: str, size: float) -> Series:
        level = np.array([0.0, size])
        return Series(provider, "gpu on-demand", PriceClass.CLOUD, DAY, level)

    found = fit_list_sizes([*[jumped("many", 0.1)] * 9, jumped("few", 0.3)])
    assert found.mean == pytest.approx(0.2)
    # Two providers 0.1 from their mean; 2 / 1 for the mean, 1 + 1/2 for a third provider.
    assert found.sd == pytest.approx(0.1 * math.sqrt(2 * 1.5))
    assert found.up_share == pytest.approx(3 / 4)


def test_a_market_that_goes_to_and_fro_is_not_taken_for_one_that_wanders():
    rng = np.random.default_rng(4)
    bound: list[Series] = []
    free: list[Series] = []
    for index in range(60):
        changed = rng.random(40) < 0.5
        # The price of whichever host is listed: it forgets the one before.
        at = np.maximum.accumulate(np.where(changed, np.arange(40), 0))
        listed = rng.normal(0, 0.2, 40)[at]
        walked = np.cumsum(np.where(changed, rng.normal(0, 0.1, 40), 0.0))
        for series, level in ((bound, listed), (free, walked)):
            start = level - level[0]
            series.append(Series(f"host-{index}", "gpu spot", PriceClass.MARKET, DAY, start))
    found = fit_market_sizes(bound)
    assert math.hypot(found.mean, found.sd) == pytest.approx(0.2 * math.sqrt(2), rel=0.1)
    assert found.wander < 0.02
    assert fit_market_sizes(free).wander == pytest.approx(0.1 * math.sqrt(0.5), rel=0.15)


def test_a_class_without_jumps_takes_those_of_all_list_prices():
    lists = drawn_series(200, 120, seed=12)
    still = Series("aws", "gpu on-demand", PriceClass.HYPERSCALER, DAY, np.zeros(1001))
    classes = fit([*lists, still]).classes
    cloud, found = classes[PriceClass.CLOUD], classes[PriceClass.HYPERSCALER]
    jumps, days = cloud.moves, 200 * 120 + 1000
    pooled = fit_rates([*(each.jumps for each in lists), 0], [120.0] * 200 + [1000.0])
    assert pooled.mean == pytest.approx(jumps / days, rel=0.1)
    assert found.rate_shape == pytest.approx(pooled.shape)
    assert found.rate_shape / found.rate_days == pytest.approx(1 / (1000 + 1 / pooled.mean))
    assert (found.size_mean, found.size_sd) == (cloud.size_mean, cloud.size_sd)


def test_series_left_out_are_covered_as_often_as_stated():
    outcomes, fits = series_left_out(drawn_series(300, 100, seed=13, each=30))
    assert sorted(fits) == [f"vendor-{index}" for index in range(10)]
    inside = np.mean([each.is_inside for each in outcomes])
    assert 0.87 <= inside <= 0.96


def test_the_score_is_the_closed_form_of_a_normal_and_of_a_point():
    from scipy.special import ndtri

    assert crps(0.0, ndtri(LEVELS)) == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), 1e-3)
    assert crps(-0.3, np.zeros_like(LEVELS)) == pytest.approx(0.3)


def write_history(path: Path, rows: list[tuple[str, str, str, float, int, int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("provider", "gpu", "kind", "usd_per_gpu_hour", "first_seen", "last_seen"))
        for *what, first, last in rows:
            days = (DAY + dt.timedelta(days=day) for day in (first, last))
            writer.writerow((*what, *(day.isoformat() for day in days)))


def test_a_history_is_read_as_moves_of_prices(tmp_path: Path):
    path = tmp_path / "history.csv"
    write_history(
        path,
        [
            # Two listings under one name, the second only from day 3 on.
            ("aws", "l4", "on-demand", 1.6, 0, 9),
            ("aws", "l4", "on-demand", 0.8, 3, 9),
            # Rounding, then a price that was changed unseen.
            ("latitude", "b300", "on-demand", 5.997, 0, 2),
            ("latitude", "b300", "on-demand", 6.0, 3, 4),
            ("latitude", "b300", "on-demand", 9.0, 8, 9),
            # Seen once only.
            ("once", "l4", "on-demand", 1.0, 4, 4),
            # The euro rises by 1 % on day 5; one price also by a fifth.
            *(
                ("scaleway", gpu, "on-demand", usd, 0, 4)
                for gpu, usd in zip("abc", (1, 2, 3), strict=True)
            ),
            *(
                ("scaleway", gpu, "on-demand", usd * 1.01, 5, 9)
                for gpu, usd in zip("abc", (1, 2, 3 * 1.2), strict=True)
            ),
        ],
    )
    found = {f"{each.provider} {each.name}": each for each in read_history([path])}
    assert {name: each.jumps for name, each in found.items()} == {
        "aws l4 on-demand": 0,
        "latitude b300 on-demand": 1,
        "scaleway a on-demand": 0,
        "scaleway b on-demand": 0,
        "scaleway c on-demand": 1,
    }
    latitude = found["latitude b300 on-demand"]
    assert latitude.move == pytest.approx(math.log(1.5))
    assert (latitude.span_days, int(np.flatnonzero(latitude.steps)[0])) == (9, 7)
    assert found["scaleway c on-demand"].move == pytest.approx(math.log(1.2))
    before = latitude.within(DAY, DAY + dt.timedelta(days=6))
    assert before is not None
    assert (before.span_days, before.jumps) == (6, 0)


def test_a_history_without_its_columns_is_refused(tmp_path: Path):
    path = tmp_path / "history.csv"
    path.write_text("provider,gpu,usd\naws,l4,1.0\n", encoding="utf-8")
    with pytest.raises(
        InputError, match="first_seen, kind, last_seen and usd_per_gpu_hour missing"
    ):
        read_history([path])


@pytest.mark.parametrize(
    ("provider", "kind", "price_class"),
    [
        ("aws", "on-demand", PriceClass.HYPERSCALER),
        ("aws", "spot", PriceClass.MARKET),
        ("runpod", "secure", PriceClass.CLOUD),
        ("runpod", "community", PriceClass.MARKET),
        ("modal", "serverless", PriceClass.SERVERLESS),
        ("spheron", "on-demand", PriceClass.MARKET),
    ],
)
def test_what_is_sold_has_a_class(provider: str, kind: str, price_class: PriceClass):
    assert class_of(provider, kind) is price_class


def test_the_script_prints_scores_and_writes_parameters(tmp_path: Path, capsys):
    rows = []
    for index, each in enumerate(drawn_series(24, 60, seed=14, each=6)):
        kind = "on-demand" if index % 2 else "spot"
        prices = 2 * np.exp(each.level)
        starts = [0, *(np.flatnonzero(each.steps) + 1)]
        for first, after in zip(starts, [*starts[1:], len(prices)], strict=True):
            row = (each.provider, f"gpu-{index}", kind, round(float(prices[first]), 6))
            rows.append((*row, int(first), int(after) - 1))
    history, out = tmp_path / "history.csv", tmp_path / "moves.yaml"
    write_history(history, rows)
    main(["--history", str(history), "--write"], out)
    text = capsys.readouterr().out
    assert "24 series from 2026-07-01 to 2026-08-30" in text
    assert "cloud: 12 series" in text
    assert "Series left out" in text
    assert f"Stretches after {DAY + dt.timedelta(days=30)} left out" in text
    fitted = read_price_moves(out)
    assert fitted.classes[PriceClass.MARKET].most_jumps == 1
    assert fitted.window_days == 60.0


def test_a_table_is_a_distribution_whatever_its_age():
    table = shipped_price_moves().table(PriceClass.CLOUD)
    assert isinstance(table, MoveTable)
    for cdf in (table.known, table.unknown):
        assert np.all(np.diff(cdf, axis=1) >= -1e-12)
        assert np.all((cdf >= 0) & (cdf <= 1 + 1e-12))
