"""Exported files against the plan they were written from, and by the tools' own schemas.

Kubernetes' objects are validated against its published schema. SkyPilot's own parser is too heavy
to install here: an exported task was read once by `sky.Task.from_yaml` of skypilot 0.14.1, which
gave back these accelerators, cloud, port, replica counts and probe.
"""

import copy
import shlex
from typing import Any

import kubernetes_validate
import pytest
import yaml

import fluxcost as fc
from fluxcost.economics.catalog import Catalog
from fluxcost.planning.export.deployment import SERVED_STACKS, slug
from measure import stacks
from measure.cli import app
from tests.planning.export.made import PRICES, asked, option, plans

KUBERNETES = "1.33"
IMAGE = "registry.example/images:1"


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return plans(asked())


def objects(line: dict[str, Any], workload: fc.Workload | None = None, **given: Any) -> list[Any]:
    text = fc.export(line, workload or asked(), "kubernetes", catalog=PRICES, image=IMAGE, **given)
    return list(yaml.safe_load_all(text))


def task(line: dict[str, Any], prices: Catalog = PRICES, **given: Any) -> dict[str, Any]:
    text = fc.export(line, asked(), "skypilot", catalog=prices, **given)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def scaled(line: dict[str, Any], **scaling: Any) -> dict[str, Any]:
    line = copy.deepcopy(line)
    line["components"][0]["scaling"] = {"idle_timeout_s": 300.0} | scaling
    return line


@pytest.mark.parametrize("name", ["lambda/h200", "aws/h200-8x"])
def test_kubernetes_accepts_the_objects_and_they_say_what_the_plan_says(made, name: str):
    line = made[name]
    found = objects(line)
    for each in found:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    deployment, service, autoscaler = found
    pod = deployment["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    per_instance = PRICES.offer(name).gpu_count
    gpus = server["resources"]["limits"]["nvidia.com/gpu"]
    assert gpus == per_instance
    assert deployment["spec"]["replicas"] * gpus == line["gpus"]
    assert autoscaler["spec"]["minReplicas"] == autoscaler["spec"]["maxReplicas"]
    assert autoscaler["spec"]["maxReplicas"] * gpus == line["gpus"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H200"}
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    command = server["command"]
    assert option(command, "--max-batch") == [str(line["batch"])]
    assert option(command, "--device") == [f"cuda:{rank}" for rank in range(per_instance)]
    assert option(command, "--warm") == ["1024x1024x4", "512x512x4"]


@pytest.mark.parametrize("name", ["lambda/h200", "aws/h200-8x"])
def test_skypilot_s_task_says_what_the_plan_says(made, name: str):
    line = made[name]
    found = task(line)
    gpu, count = found["resources"]["accelerators"].split(":")
    policy = found["service"]["replica_policy"]
    assert gpu == "H200"
    assert policy["min_replicas"] == policy["max_replicas"]
    assert policy["max_replicas"] * int(count) == line["gpus"]
    assert found["resources"]["infra"] == name.split("/", maxsplit=1)[0]
    assert option(shlex.split(found["run"]), "--max-batch") == [str(line["batch"])]
    assert found["service"]["readiness_probe"]["path"] == "/healthz"


def test_a_task_says_that_another_board_may_come(made):
    text = fc.export(made["lambda/h200"], asked(), "skypilot", catalog=PRICES)
    assert "# SkyPilot's name may cover other boards; see that you get h200-sxm.\n" in text


def test_the_plan_itself_gives_what_its_json_gives():
    workload = asked()
    catalog = fc.load_catalog()
    best = fc.plan(workload, catalog, depth="analytic").best
    told = [fc.export(each, workload, "kubernetes", image=IMAGE) for each in (best, best.to_dict())]
    assert told[0] == told[1]


def test_every_option_of_the_command_is_one_of_the_server(made):
    import typer

    (server,) = objects(made["aws/h200-8x"], weights="a/b")[0]["spec"]["template"]["spec"][
        "containers"
    ]
    assert server["command"][:4] == ["python", "-m", "measure", "serve"]
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    known = {name for parameter in serve.params for name in parameter.opts}
    assert {part for part in server["command"] if part.startswith("--")} <= known
    assert option(server["command"], "--weights") == ["a/b"]


def test_the_stacks_are_those_that_can_be_served():
    assert set(stacks._RECIPES) == SERVED_STACKS, "say so in planning/export/deployment.py"


def test_a_scaled_plan_keeps_its_least_and_most(made):
    line = scaled(made["lambda/h200"], least=1, waiting_per_replica=2.5)
    deployment, _, autoscaler = objects(line)
    kubernetes_validate.validate(autoscaler, KUBERNETES, strict=True)
    assert autoscaler["spec"]["minReplicas"] == 1
    assert autoscaler["spec"]["maxReplicas"] == line["gpus"] == deployment["spec"]["replicas"]
    (metric,) = autoscaler["spec"]["metrics"]
    assert metric["pods"]["target"]["averageValue"] == "2500m"
    assert autoscaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    with pytest.raises(fc.InfeasibleError, match="export it to kubernetes"):
        task(line)
    with pytest.raises(fc.InfeasibleError, match="least is 0"):
        objects(scaled(line, least=0))


def test_what_cannot_be_exported_is_said(made):
    api = plans(asked(constraints={"allow_untimed": True}))["api/klein"]
    with pytest.raises(fc.InfeasibleError, match="is an API, which is called and not started"):
        objects(api)
    job = asked(
        arrivals=None,
        objective=None,
        deadline={"images": 1000, "hours": 8},
        utilization=0.9,
        startup_minutes=10,
    )
    with pytest.raises(fc.InfeasibleError, match="one job by a deadline"):
        objects(plans(job)["lambda/h200"], job)
    with pytest.raises(fc.InfeasibleError, match="which SkyPilot does not know"):
        task(made["shop/h200-shop"])
    with pytest.raises(fc.InputError, match="--image is missing"):
        fc.export(made["lambda/h200"], asked(), "kubernetes", catalog=PRICES)
    hourly = made["lambda/h200"]["components"][0] | {
        "mode": "scheduled",
        "hourly_replicas": [1] * 24,
    }
    with pytest.raises(fc.InfeasibleError, match="rented by the hours of the workload's profile"):
        objects(made["lambda/h200"] | {"components": [hourly]})
    two = made["lambda/h200"] | {"components": made["lambda/h200"]["components"] * 2}
    with pytest.raises(fc.InfeasibleError, match="has 2 components"):
        objects(two)
    with pytest.raises(fc.UnknownNameError, match="target 'nomad'"):
        fc.export(made["lambda/h200"], asked(), "nomad")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("variations for artists", "variations-for-artists"),
        ("--- 3 'x': {", "images-3-x"),
        ("Ä" * 9, "images"),
        ("x" * 80, "x" * 40),
    ],
)
def test_a_name_is_one_that_kubernetes_takes(name: str, expected: str):
    assert slug(name) == expected
