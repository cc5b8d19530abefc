"""How a fleet would serve a workload: `fluxcost simulate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json, show_table, show_text
from fluxcost.command_line import refuse_beside, refuse_without
from fluxcost.estimate import interval
from fluxcost.units import percent, seconds, significant

SECONDS_PER_HOUR = 3600


class Together(StrEnum):
    """What the images of a call have in common."""

    SHAPE = "shape"
    TOKENS = "tokens"


class CutShort(StrEnum):
    """What becomes of a call that a failure cuts short."""

    RETRIED = "retried"
    LOST = "lost"


class CompileCache(StrEnum):
    """What a started replica finds of compiled code."""

    EMPTY = "empty"
    SHIPPED = "shipped"


def simulate(
    context: typer.Context,
    *,
    workload: Annotated[Path, typer.Argument(help="A workload file; see examples/.")],
    calibration: options.Calibration,
    replicas: Annotated[int, typer.Option(help="Replicas; with autoscaling the most.")],
    gpus_per_image: options.GpusPerImage = 1,
    max_batch: Annotated[int, typer.Option(help="Most images in one call.")] = 1,
    max_wait: Annotated[
        float, typer.Option(help="Longest a request waits for its batch to fill, seconds.")
    ] = 0.0,
    together: Annotated[
        Together, typer.Option(help="What the images of a call have in common.")
    ] = Together.SHAPE,
    queue_limit: Annotated[
        int | None, typer.Option(help="Images that may wait; further requests are rejected.")
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(help="Latency bound of the goodput, seconds; default: the objective's."),
    ] = None,
    idle_timeout: Annotated[
        float | None,
        typer.Option(help="Autoscaling: stop a replica that was idle for so many seconds."),
    ] = None,
    least: Annotated[
        int | None, typer.Option(help="With --idle-timeout: replicas that always run; default 1.")
    ] = None,
    cold_start: Annotated[
        float | None,
        typer.Option(
            help="Seconds until a started replica serves; default: load and first call as measured."
        ),
    ] = None,
    compile_cache: Annotated[
        CompileCache | None,
        typer.Option(help="Compile cache of a started replica, as measured; default: empty."),
    ] = None,
    waiting_per_replica: Annotated[
        float | None,
        typer.Option(
            help="Start one more replica at so many waiting images per replica; default 1."
        ),
    ] = None,
    hours_between_failures: Annotated[
        float | None,
        typer.Option(help="Mean hours between failures of a replica; needs --recovery."),
    ] = None,
    recovery: Annotated[
        float | None, typer.Option(help="Seconds from a failure until a replica serves again.")
    ] = None,
    cut_short: Annotated[
        CutShort, typer.Option(help="What becomes of a call that a failure cuts short.")
    ] = CutShort.RETRIED,
    reserve: Annotated[int, typer.Option(help="Spare replicas: 1 for N+1.")] = 0,
    requests: Annotated[int, typer.Option(help="Requests counted in each replication.")] = 50_000,
    replications: Annotated[
        int, typer.Option(help="Simulation runs, each with its own arrivals.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="Seed of arrivals and call times.")] = 0,
    json: options.Json = False,
) -> None:
    """How a fleet that you describe would serve a workload's requests."""
    if hours_between_failures is None and recovery is None:
        refuse_without(context, "--hours-between-failures", ("cut_short",))
    if max_batch == 1 and (max_wait > 0 or together is not Together.SHAPE):
        refuse_without(context, "--max-batch over 1", ("max_wait", "together"))
    if cold_start is not None:
        refuse_beside(context, "--cold-start, which states the whole start", ("compile_cache",))
    scaling = {
        "least": least,
        "cold_start_s": cold_start,
        "compile_cache": compile_cache and compile_cache.value,
        "idle_timeout_s": idle_timeout,
        "waiting_per_replica": waiting_per_replica,
    }
    failures = {
        "between_failures_s": hours_between_failures and hours_between_failures * SECONDS_PER_HOUR,
        "recovery_s": recovery,
    }
    fleet = {
        "calibration": calibration,
        "replicas": replicas,
        "gpus_per_image": gpus_per_image,
        "batching": {
            "max_batch": max_batch,
            "max_wait_s": max_wait,
            "together": together.value,
        },
        "queue_limit": queue_limit,
        "scaling": _stated(scaling),
        "failures": _stated(failures, calls_cut_short=cut_short.value),
        "reserve": reserve,
    }
    found = fc.simulate(
        fc.load_workload(workload),
        fc.Fleet.parse({key: value for key, value in fleet.items() if value is not None}, "fleet"),
        seed=seed,
        requests=requests,
        replications=replications,
        within_s=within,
    )
    if json:
        show_json("simulation", found.to_dict())
        return
    _show(found)


def _stated(given: dict[str, Any], **more: Any) -> dict[str, Any] | None:  # noqa: ANN401 - options
    """Return the options given, with more beside them; None where none is."""
    stated = {key: value for key, value in given.items() if value is not None}
    return stated | more if stated else None


def _show(found: fc.Simulation) -> None:
    show_text(f"{found.verdict}: {found.reason}")
    show_text(f"{found.workload} on {_fleet(found)}")
    show_fields(_fields(found))
    if len(found.lines) > 1:
        show_table(
            [
                {
                    "shape": line.shape,
                    "priority": str(line.priority),
                    "requests": f"{line.requests:,}",
                    **{name: seconds(value) for name, value in line.response_s.items()},
                }
                for line in found.lines
            ]
        )


def _fleet(found: fc.Simulation) -> str:
    fleet = found.fleet
    parts = [f"{fleet.replicas} x {fleet.calibration}", str(fleet.batching)]
    if fleet.gpus_per_image > 1:
        parts.append(f"{fleet.gpus_per_image} GPUs an image")
    if fleet.reserve:
        parts.append(f"{fleet.reserve} in reserve")
    if fleet.scaling is not None:
        parts.append(f"{fleet.scaling.least} at least")
        parts.append(f"started in {seconds(fleet.scaling.cold_start_s or 0.0)}")
    if fleet.failures is not None:
        parts.append(f"up {percent(fleet.failures.availability)} of the time")
    return ", ".join(parts)


def _fields(found: fc.Simulation) -> dict[str, str]:
    shown = {f"response {name}": interval(each) for name, each in found.response.items()}
    if found.goodput is not None and found.within_s is not None:
        shown[f"within {found.within_s:g} s"] = _share(found.goodput)
    if found.probability_met is not None:
        shown["objective met"] = f"in {percent(found.probability_met)} of timing draws"
    shown["wait"] = interval(found.wait)
    shown["utilization"] = _share(found.utilization)
    shown["waiting"] = (
        f"{significant(found.queue_length.value)} images, {found.longest_queue:,} at most"
    )
    shown["lost"] = f"{_share(found.lost)} of requests, {found.images_lost:,} images"
    shown["images a call"] = significant(found.images_per_call.value)
    if found.fleet.scaling is not None:
        shown["replicas rented"] = (
            f"{significant(found.replicas_rented.value)}, {found.starts:,} started"
        )
    if found.fleet.failures is not None:
        shown["calls cut short"] = f"{found.calls_cut_short:,}"
    shown["simulated"] = (
        f"{found.requests:,} requests in {found.replications} runs, seed {found.seed}"
    )
    return shown


def _share(estimate: fc.Estimate) -> str:
    """Return such as '99.94 % (99.21 % to 99.97 %)': what is missing from 100 % shows."""
    ends = [f"{share:.2%}".replace("%", " %") for share in (estimate.low, estimate.high)]
    value = f"{estimate.value:.2%}".replace("%", " %")
    return value if ends == [value, value] else f"{value} ({ends[0]} to {ends[1]})"
