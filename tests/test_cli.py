"""Each command against the Python result it shows."""

import datetime as dt
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import fluxcost as fc
from fluxcost.cli import app, options, simulate
from fluxcost.economics.break_even.volumes import Sessions
from tests.commands import WORKLOAD, Files, shown, shown_json
from tests.splits import split_calibration
from tests.synthetic import LOSSY, Machine, make_calibration
from tests.validation.scenarios.made import made

SHAPE = fc.Shape(1024, 1024, 4)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize("statistic", ["median", "mean", "p95", "p99"])
def test_latency_is_the_estimate(capsys, files: Files, statistic: Any):
    fitted = fc.fit(fc.load_calibration(files.calibration))
    arguments = ["--calibration", files.calibration, "--batch", 2, "--statistic", statistic]
    shape = ["--shape", "1024x1024x4"]
    expected = fitted.latency(SHAPE, batch=2, statistic=statistic).to_dict()
    assert shown_json(capsys, "latency", *arguments, *shape) == expected
    assert set(expected) == {"value", "low", "high", "level", "unit", "source", "evidence"}


def test_latency_reads_like_a_sentence(capsys):
    alias = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
    lines = shown(capsys, "latency", "--calibration", alias).splitlines()
    assert lines[0] == "call      1024x1024, 4 steps, batch 1"
    assert lines[1].startswith("median    570 ms (")
    assert lines[2:4] == ["level     90 %", "source    published"]


def test_several_gpus_an_image_are_answered_where_measured(capsys, files: Files, tmp_path: Path):
    file = tmp_path / "split.json"
    split_calibration(0.6).save(file)
    split = fc.fit(fc.load_calibration(file)).context_parallel(2)
    command = ["--calibration", file, "--gpus-per-image", 2]
    assert shown_json(capsys, "latency", *command) == split.latency(SHAPE).to_dict()
    line = shown(capsys, "latency", *command).splitlines()[1]
    assert line.startswith("2 GPUs    0.6")
    assert "of one GPU's time, at 1.2" in line
    rented = ["--prices", files.prices, "--offer", "shop/h200", "--utilization", 0.6]
    offer = fc.load_catalog(files.prices).offer("shop/h200")
    expected = fc.cost_per_image(split, offer, SHAPE, utilization=0.6)
    assert shown_json(capsys, "cost", *command, *rented) == expected.to_dict()
    asked = served(files, requests_per_s=0.5)
    asked[asked.index(files.calibration)] = file
    found = shown_json(capsys, *asked, "--replicas", 1, "--gpus-per-image", 2)
    assert found["fleet"]["gpus_per_image"] == 2
    assert found["response"]["p50"]["value"] == pytest.approx(split.latency(SHAPE).value, rel=0.02)


def test_cost_is_the_result(capsys, files: Files):
    expected = fc.cost_per_image(
        fc.fit(fc.load_calibration(files.calibration)),
        fc.load_catalog(files.prices).offer("shop/h200"),
        SHAPE,
        utilization=0.6,
    )
    arguments = ["--calibration", files.calibration, "--prices", files.prices]
    command = ["cost", *arguments, "--offer", "shop/h200", "--utilization", 0.6]
    assert shown_json(capsys, *command) == expected.to_dict()
    text = shown(capsys, *command)
    assert text.splitlines()[0] == "offer              shop/h200, h200-sxm"
    assert "\nGPU time idle" in text


@pytest.mark.usefixtures("old_prices")
def test_an_answer_on_old_prices_says_so_first(capsys, files: Files, monkeypatch):
    monkeypatch.setattr(options, "today_utc", lambda: dt.date(2027, 6, 1))
    cost = ["--calibration", files.calibration, "--prices", files.prices, "--offer", "shop/h200"]
    for command in (
        ["cost", *cost, "--utilization", 0.6],
        ["plan", files.workload, "--prices", files.prices, "--calibration", files.calibration],
    ):
        first, second, *_ = shown(capsys, *command).splitlines()
        assert first.startswith("Prices were last seen 189 days before 2027-06-01, so intervals")
        assert "`fluxcost prices refresh`" in first
        assert "Prices were" not in second
        # What a program reads stays one JSON object.
        app.run([str(part) for part in (*command, "--json")])
        printed = capsys.readouterr()
        assert printed.err.startswith("Prices were last seen 189 days before")
        assert json.loads(printed.out)["format"].startswith("fluxcost-")


@pytest.mark.parametrize("sessions", [None, Sessions(22, 600.0)])
def test_breakeven_is_the_result(capsys, files: Files, sessions: Sessions | None):
    catalog = fc.load_catalog(files.prices)
    expected = fc.break_even(
        fc.fit(fc.load_calibration(files.calibration)),
        catalog.offer("shop/h200"),
        catalog.tariff("bfl/flux-2-klein-4b"),
        SHAPE,
        utilization=0.6,
        sessions=sessions,
    )
    arguments = ["--calibration", files.calibration, "--prices", files.prices]
    pair = ["--offer", "shop/h200", "--tariff", "bfl/flux-2-klein-4b", "--utilization", 0.6]
    starts = ["--starts-per-month", 22, "--startup-minutes", 10] if sessions else []
    command = ["breakeven", *arguments, *pair, *starts]
    assert shown_json(capsys, *command) == expected.to_dict()
    assert f"verdict             {expected.verdict}: " in shown(capsys, *command)


def test_plan_is_the_result(capsys, files: Files):
    expected = fc.plan(
        fc.load_workload(files.workload),
        fc.load_catalog(files.prices),
        [fc.load_calibration(files.calibration)],
    ).to_dict()
    command = ["plan", files.workload, "--prices", files.prices, "--calibration", files.calibration]
    assert shown_json(capsys, *command, "--every") == expected
    assert shown_json(capsys, *command)["plans"] == expected["plans"][:1]
    assert len(shown_json(capsys, *command, "--every", "--top", 2)["plans"]) == 2


def test_plan_shows_the_table_the_working_and_what_was_rejected(capsys, files: Files):
    command = ["plan", files.workload, "--prices", files.prices, "--calibration", files.calibration]
    lines = [line.rstrip() for line in shown(capsys, *command).splitlines()]
    assert lines[0] == ("made: 100,000 images of flux2-klein-4b, ready within 8 hours of renting")
    titles = lines[2].split()
    assert titles[:6] == ["#", "option", "rented", "stack", "batch", "hours"]
    assert lines[4].split()[:5] == ["1", "shop/h200", "2", "x", "h200-sxm,"]
    assert any(line.startswith("1: 100,000 images of ") for line in lines)
    assert lines[-1].endswith("--rejected lists them.")
    assert "allow_providers" in shown(capsys, *command, "--rejected")


def test_plan_lists_what_was_rejected_where_nothing_is_left(capsys, files: Files):
    files.write_workload(WORKLOAD | {"constraints": {"allow_regions": ["eu"]}})
    given = ["--prices", files.prices, "--calibration", files.calibration, "--rejected"]
    assert app.run(["plan", *map(str, [files.workload, *given])]) == app.NO_ANSWER
    told = capsys.readouterr()
    assert "the region is not stated" in told.out
    assert "--rejected, or `rejected` in Python, says why each" in told.err


def test_plan_sets_the_stacks_of_an_offer_side_by_side(capsys, files: Files):
    fast = files.calibration.with_name("fast.json")
    machine = Machine(step_s_per_kilotoken=0.007)
    make_calibration(machine, gpu="h200-sxm", stack=LOSSY).save(fast)
    both = ["--calibration", files.calibration, "--calibration", fast]
    command = ["plan", files.workload, "--prices", files.prices, *both, "--stacks-on", "shop/h200"]
    found = shown_json(capsys, *command)
    assert [row["stack"] for row in found["stacks"]] == ["eager-bf16", "quick-fp8"]
    assert [row["needs"] for row in found["stacks"]] == [[], ["allow_lossy"]]
    lines = [line.split() for line in shown(capsys, *command).splitlines()]
    assert lines[2][:4] == ["stack", "rented", "batch", "total"]
    slow, quick = (row["usd_per_image"]["value"] for row in found["stacks"])
    assert f"{quick / slow:.2f}" in lines[5]
    assert lines[5][-1] == "allow_lossy"


def served(files: Files, **arrivals: Any) -> list[Any]:
    """Write a workload whose requests come in, and return the command that simulates it."""
    stated = {key: WORKLOAD[key] for key in ("format", "version", "name", "model", "shapes")}
    objective = {"percentile": 95, "within_s": 2.0}
    files.write_workload(stated | {"arrivals": arrivals, "objective": objective})
    quick = ["--requests", 2000, "--replications", 3]
    return ["simulate", files.workload, "--calibration", files.calibration, *quick]


def test_simulate_is_the_result(capsys, files: Files):
    command = [*served(files, requests_per_s=2.0), "--replicas", 3, "--max-batch", 2]
    fleet = fc.Fleet(
        calibration=str(files.calibration), replicas=3, batching=fc.Batching(max_batch=2)
    )
    asked = fc.load_workload(files.workload)
    expected = fc.simulate(asked, fleet, requests=2000, replications=3, seed=4)
    assert shown_json(capsys, *command, "--seed", 4) == expected.to_dict()
    other = shown_json(capsys, *command, "--seed", 5)
    assert other["response"] != expected.to_dict()["response"]


def test_simulate_takes_every_rule_of_a_fleet(capsys, files: Files):
    command = [
        *served(files, requests_per_s=3.0), "--replicas", 4, "--max-batch", 2, "--max-wait", 0.1,
        "--together", "tokens", "--queue-limit", 40, "--within", 1.5, "--idle-timeout", 30,
        "--least", 2, "--cold-start", 12, "--waiting-per-replica", 2,
        "--hours-between-failures", 0.5, "--recovery", 60,
        "--cut-short", "lost",
    ]  # fmt: skip
    found = shown_json(capsys, *command)
    assert found["fleet"] == {
        "calibration": str(files.calibration),
        "replicas": 4,
        "gpus_per_image": 1,
        "batching": {"max_batch": 2, "max_wait_s": 0.1, "together": "tokens"},
        "queue_limit": 40,
        "scaling": {
            "least": 2, "cold_start_s": 12.0, "compile_cache": "empty", "idle_timeout_s": 30.0,
            "waiting_per_replica": 2.0,
        },
        "failures": {
            "between_failures_s": 1800.0, "recovery_s": 60.0, "calls_cut_short": "lost",
        },
        "reserve": 0,
    }  # fmt: skip
    assert found["within_s"] == 1.5
    text = shown(capsys, *command)
    assert "calls cut short" in text
    assert "replicas rented" in text


def test_simulate_has_the_defaults_of_the_python_function():
    command = inspect.signature(simulate.simulate).parameters
    function = inspect.signature(fc.simulate).parameters
    for name in ("requests", "replications", "seed"):
        assert command[name].default == function[name].default


def test_simulate_opens_with_its_verdict(capsys, files: Files):
    command = served(files, requests_per_s=2.0)
    lines = shown(capsys, *command, "--replicas", 3, "--reserve", 1).splitlines()
    assert lines[0].startswith("stable: ")
    assert lines[0].endswith(" of what the replicas can do arrives.")
    assert lines[1] == f"made on 3 x {files.calibration}, no batching, 1 in reserve"
    assert lines[2].startswith("response mean  ")
    assert lines[-1] == "simulated      6,000 requests in 3 runs, seed 0"
    assert shown(capsys, *command, "--replicas", 1).startswith("overloaded: ")


def test_prices_are_filtered_and_dated(capsys, files: Files):
    document = shown_json(capsys, "prices", "--prices", files.prices, "--provider", "shop")
    assert [row["id"] for row in document["offers"]] == ["shop/h200"]
    assert document["tariffs"] == []
    assert document["offers"][0]["as_of"] == "2026-11-01"
    assert document["offers"][0]["grade"] == "A"
    assert document["offers"][0]["age_days"] >= 22
    by_gpu = shown_json(capsys, "prices", "--gpu", "h200-sxm")
    assert {row["gpu"] for row in by_gpu["offers"]} == {"h200-sxm"}
    assert by_gpu["tariffs"] == []
    by_model = shown_json(capsys, "prices", "--model", "flux2-klein-4b")
    assert {row["model"] for row in by_model["tariffs"]} == {"flux2-klein-4b"}
    assert by_model["offers"] == []


def test_prices_are_a_table(capsys, files: Files):
    command = ["prices", "--prices", files.prices, "--provider", "shop"]
    lines = [line.split() for line in shown(capsys, *command).splitlines()]
    assert lines[1] == [
        "offer",
        "GPU",
        "sold",
        "a",
        "GPU-hour",
        "as",
        "of",
        "days",
        "old",
        "grade",
        "status",
        "source",
    ]
    assert lines[3][:7] == ["shop/h200", "1", "x", "h200-sxm", "on-demand", "$3.60", "2026-11-01"]
    assert lines[3][8:] == ["A", "active", "yours:", "a", "test"]
    undated = shown(capsys, "prices", "--provider", "midjourney")
    assert "  unknown  " in undated
    assert "usagepricing.com/blueprint/midjourney" in undated


def test_everything_shipped_is_listed(capsys):
    everything = shown_json(capsys, "prices")
    catalog = fc.load_catalog()
    assert len(everything["offers"]) == len(catalog.offers)
    assert len(everything["tariffs"]) == len(catalog.tariffs)
    listed = shown_json(capsys, "calibrations")["calibrations"]
    assert [row["alias"] for row in listed] == [item.alias for item in fc.shipped_calibrations()]
    text = shown(capsys, "calibrations")
    for row in listed:
        calibration = fc.load_calibration(row["alias"])
        assert calibration.content_hash.startswith(row["hash"])
        assert row["alias"] in text


def test_validate_is_the_result(capsys, tmp_path: Path):
    path = tmp_path / "small.json"
    sides = (512, 768, 1024)
    make_calibration(grid=[(side, side, 4, b) for side in sides for b in (1, 2, 4)]).save(path)
    result = fc.validate_all(fc.load_calibration(path))
    document = result.to_dict()
    assert shown_json(capsys, "validate", path) == {
        "reports": document["reports"],
        "resources": document["resources"],
        "batch_choices": [document["batch_choice"]],
        "bound_choices": [document["bound_choice"]],
        "unseen": [],
        "skipped": document["skipped"],
        "unscored": [],
    }
    assert [report.held_out for report in result.reports] == ["group", "resolution", "batch"]
    text = shown(capsys, "validate", path)
    assert result.reports[0].cells[0].cell in text
    assert "each size and batch left out of all runs (9): median error " in text
    assert "each size left out at every batch (3): median error " in text
    assert "each batch left out at every size (3): median error " in text
    assert "chosen as if it had not been measured (3): throughput lost to the best " in text
    assert "bounds on the latency: throughput lost beyond noise at most 0 %" in text
    assert f"skipped run: {result.skipped[1].reason}" in text


def test_validate_against_is_the_report(capsys, tmp_path: Path):
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    grid = [(512, 512, 4, 1), (768, 768, 4, 1), (1024, 1024, 4, 1)]
    make_calibration(grid=grid, seed=1).save(here)
    make_calibration(grid=grid, seed=2).save(there)
    expected = fc.validate_against(fc.load_calibration(here), fc.load_calibration(there))
    command = ["validate", here, "--against", there]
    assert shown_json(capsys, *command) == {"reports": [expected.to_dict()]}
    text = shown(capsys, *command)
    assert expected.cells[0].cell in text
    assert expected.against is not None
    whose = f"{expected.against.calibration} ({expected.against.content_hash[:12]})"
    assert f", against {whose}: median error " in text
    assert text.splitlines()[-2:] == [
        "alike: model, stack, gpu, cpu, cpu_cores, torch, weights",
        "not recorded in both: power_limit_w, driver, diffusers, transformers",
    ]


def test_help_names_every_command(capsys):
    text = shown(capsys)
    commands = ["latency", "cost", "breakeven", "plan", "prices", "calibrations", "validate"]
    assert all(f"\n  {command} " in text for command in commands)
    assert all("--json" in shown(capsys, command, "--help") for command in commands)


def test_validate_scenario_is_the_report(capsys, tmp_path: Path):
    record = made((0.85,), alias="h100-sxm/flux2-klein-4b/compiled-bf16", requests=60)
    record.write(path := tmp_path / "load.json")
    expected = fc.validate_scenario(fc.load_scenario(path))
    assert shown_json(capsys, "validate", "--scenario", path) == expected.to_dict()
    text = shown(capsys, "validate", "--scenario", path)
    for run in expected.runs:
        assert f"{run.run}, 60 images: calls under load took" in text
    assert "same start" in text
    assert "h100-sxm/flux2-klein-4b/compiled-bf16" in text
