"""The program's answers, as JSON and as text, in a folder of files made for it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.golden.book import MESSAGES, Book
from scripts.golden.inputs import (
    ARRIVING,
    EAGER,
    EXAMPLES,
    H200,
    JOB,
    MONTHLY,
    OFFER,
    STACK,
    TARIFF,
    program,
)
from scripts.golden.names import size_options

BASICS = ("--calibration", STACK)
FEW = ("--calibration", STACK, "--calibration", H200)
RENTED = (*BASICS, "--offer", OFFER)
SIMULATED = ("--requests", 300, "--replications", 2, "--seed", 4)
BILL = """BilledCost,ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency
2210.5,Usage,731,Hours,USD
3,Tax,,,USD
"""
REAL = ("--bill", "bill.csv", "--requests", "log.csv")
OWN_MACHINE = "examples/costs/own_machine.yaml"
SLOW = ("plan of simulated requests", "plan shared", "stacks side by side", "sensitivity")
"""Answers asked for as JSON alone."""

LOG = "images,gpu_s,accepted\n380000,190000,371000\n"


@contextlib.contextmanager
def folder() -> Iterator[None]:
    """Work in a new folder of workloads and a bill, so that messages hold no path of ours."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        place = Path(name)
        shutil.copytree(EXAMPLES, place / "examples")
        for stem, document in (("job", JOB), ("month", MONTHLY), ("requests", ARRIVING)):
            (place / f"{stem}.yaml").write_text(yaml.safe_dump(document))
        (place / "bill.csv").write_text(BILL)
        (place / "log.csv").write_text(LOG)
        _, answer, _ = program("plan", "month.yaml", *FEW, "--json")
        (place / "plan.json").write_text(answer)
        yield


def _help() -> str:
    return program("latency", "--help")[1]


def commands() -> dict[str, tuple[object, ...]]:
    """Return the arguments of each answer asked for, by name."""
    asked = _help()
    square = size_options((1024, 1024, 4), help_text=asked)
    wide = size_options((1280, 720, 8), help_text=asked)
    job, month, requests = "job.yaml", "month.yaml", "requests.yaml"
    money = (*RENTED, "--utilization", 0.6)
    even = ("breakeven", *money, "--tariff", TARIFF, "--batch", 4)
    fleet = ("simulate", requests, *BASICS, *SIMULATED, "--replicas")
    return {
        "latency": ("latency", *BASICS),
        "latency of a wide batch": ("latency", *BASICS, *wide, "--batch", 4, "--statistic", "p95"),
        "latency on 2 GPUs": ("latency", "--calibration", EAGER, "--gpus-per-image", 2),
        "transfer": ("transfer", EAGER, "--gpu", "b200-sxm", *square, "--batch", 2),
        "cost": ("cost", *money, *square),
        "cost of a mix": ("cost", *money, "--mix", requests, "--batch", 2),
        "cost with extras": ("cost", *BASICS, "--utilization", 0.5, "--extras", OWN_MACHINE),
        "bill": ("bill", "examples/costs/office_hours.yaml", *RENTED, "--images", 300_000, *square),
        "breakeven": (*even, *square),
        "breakeven by the session": (*even, "--starts-per-month", 20, "--startup-minutes", 5),
        "breakeven ahead": (*even, "--images-per-month", 90_000, "--growth", 0.15, "--months", 9),
        "plan of a job": ("plan", job, *FEW, "--rejected"),
        "plan of a month": ("plan", month, *FEW, "--every", "--top", 20),
        "plan of requests": ("plan", requests, *FEW, "--analytic"),
        "plan of simulated requests": ("plan", requests, *BASICS, "--seed", 3),
        "plan explained": ("plan", job, *FEW, "--explain"),
        "plan within a budget": ("plan", month, *FEW, "--budget-usd-per-month", 3000),
        "plan within GPUs": ("plan", job, *FEW, "--gpus", 3),
        "plan at most a price": ("plan", month, *FEW, "--max-usd-per-image", 0.001),
        "stacks side by side": ("plan", month, "--stacks-on", OFFER),
        "plan shared": ("plan", requests, "examples/newsroom.yaml", "--shared", *BASICS),
        "plan made again": ("plan", "--replay", "plan.json", *FEW),
        "export": ("export", "plan.json", "--to", "skypilot", "--out", "plan.sky.yaml"),
        "simulate": (*fleet, 3),
        "simulate batches": (*fleet, 2, "--max-batch", 4, "--max-wait", 0.1, "--queue-limit", 20),
        "simulate scaling": (*fleet, 4, "--idle-timeout", 60, "--least", 1, "--cold-start", 15),
        "simulate failures": (*fleet, 2, "--hours-between-failures", 1, "--recovery", 90),
        "sensitivity": ("sensitivity", job, *FEW, "--scenarios", 300, "--price", "0.8:1.3"),
        "diff": ("diff", f"month.yaml#{OFFER}", "#runpod/h100-sxm-community", *FEW),
        "reconcile": ("reconcile", "--plan", f"month.yaml#{OFFER}", *BASICS, *REAL),
        "prices": ("prices",),
        "prices of a GPU": ("prices", "--gpu", "h200-sxm"),
        "prices of a model": ("prices", "--model", "flux2-klein-4b"),
        "prices in June": ("prices", "--at", "2026-06-01", "--provider", "runpod"),
        "schema of prices": ("prices", "schema"),
        "calibrations": ("calibrations",),
        "quality": ("quality",),
        "fields": ("fields",),
        "validate": ("validate", "published/h100-sxm/flux2-klein-4b/diffusers-bf16"),
        "validate against": ("validate", EAGER, "--against", f"held_out/{EAGER}"),
        "audit": ("audit",),
    }


def json_answers(book: Book) -> None:
    """Keep what every command prints with --json."""
    with folder():
        for name, arguments in commands().items():
            code, out, err = program(*arguments, "--json")
            book.put("json", f"{name}: exit code", code)
            if out:
                book.record("json", name, json.loads(out))
            if err:
                book.say("json", f"{name}: error", err)


def texts(book: Book) -> None:
    """Keep what every command prints for people, and its help."""
    with folder():
        for name, arguments in commands().items():
            if name in SLOW:
                continue
            code, out, err = program(*arguments)
            book.put(MESSAGES, f"{name}: exit code", code)
            book.lines(MESSAGES, f"{name}: output", out)
            if err:
                book.put(MESSAGES, f"{name}: error", err)
        for command in ("", *sorted({str(arguments[0]) for arguments in commands().values()})):
            _, out, _ = program(*command.split(), "--help")
            book.lines(MESSAGES, f"help of {command or 'the program'}", out)
