"""Ray Serve's config against the plan, and against the fields of Ray's own schema.

Ray is too heavy to install here. An exported file was read once by `ServeDeploySchema` of ray 2.60,
and, with a tiny model on the CPU in the place of its GPUs, started once by `serve run`: 40 requests
of one image, 8 at a time, were made in 11 calls. The fields below are that schema's.
"""

import ast
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

import fluxcost as fc
from measure.serving.server import Pipelines, prepare_service
from tests.planning.export.made import PRICES, asked, plans

ROOT = Path(__file__).parents[3]
TOP = {"proxy_location", "http_options", "applications"}
APPLICATION = {"name", "route_prefix", "import_path", "args", "deployments"}
DEPLOYMENT = {
    "name",
    "num_replicas",
    "max_ongoing_requests",
    "max_queued_requests",
    "backpressure_config",
    "graceful_shutdown_timeout_s",
    "ray_actor_options",
}


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return plans(asked())


def exported(line: dict[str, Any], **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the application and its one deployment."""
    text = fc.export(line, given.pop("workload", asked()), "ray-serve", catalog=PRICES, **given)
    found = yaml.safe_load(text)
    assert set(found) <= TOP
    (application,) = found["applications"]
    assert set(application) <= APPLICATION
    (deployment,) = application["deployments"]
    assert set(deployment) <= DEPLOYMENT
    assert deployment["num_replicas"] >= 1
    assert deployment["max_ongoing_requests"] >= 1
    return application, deployment


@pytest.mark.parametrize("name", ["lambda/h200", "aws/h200-8x"])
def test_gpus_and_batch_are_the_plan_s(made, name: str):
    line = made[name]
    application, deployment = exported(line)
    assert deployment["num_replicas"] == line["gpus"]
    assert deployment["ray_actor_options"] == {"num_gpus": 1, "accelerator_type": "H200"}
    batching = line["components"][0]["batching"]
    arguments = application["args"]
    assert arguments["max_batch"] == batching["max_batch"] == line["batch"]
    assert arguments["max_wait_s"] == batching["max_wait_s"]
    assert arguments["warm"] == ["1024x1024x4", "512x512x4"]
    assert deployment["max_ongoing_requests"] == 2 * line["batch"]


def test_the_server_takes_the_arguments(made):
    application, _ = exported(made["lambda/h200"], weights="a/b")
    given = application["args"] | {"devices": ["cpu"]}
    pipelines = Pipelines.parse(given, "args")
    assert pipelines.weights == "a/b"
    offered, builders = prepare_service(pipelines, print)
    assert len(builders) == 1
    assert offered.batching.max_batch == made["lambda/h200"]["batch"]
    with pytest.raises(fc.InputError, match="args: batch is not a known field"):
        Pipelines.parse(application["args"] | {"batch": 4}, "args")


def test_the_file_names_a_function_that_exists(made):
    application, deployment = exported(made["lambda/h200"])
    module, _, function = application["import_path"].partition(":")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
    names = {node.name for node in ast.parse(source).body if hasattr(node, "name")}
    assert {function, deployment["name"]} <= names


def test_a_bounded_queue_is_bounded_in_ray(made):
    line = copy.deepcopy(made["lambda/h200"])
    line["components"][0]["queue_limit"] = 200
    line["components"][0]["batching"] |= {"max_batch": 4}
    in_fives = asked(images_per_request=5)
    _, deployment = exported(line, workload=in_fives)
    # Two calls of 4 images are 2 requests of 5; each replica holds one of the 40 that may wait.
    assert deployment["max_ongoing_requests"] == 2
    assert deployment["max_queued_requests"] == 40 - line["gpus"]
    assert deployment["backpressure_config"] == {"status_code": 429}
    assert "max_queued_requests" not in exported(made["lambda/h200"])[1]


def test_a_plan_that_scales_is_refused(made):
    line = copy.deepcopy(made["lambda/h200"])
    line["components"][0]["scaling"] = {"idle_timeout_s": 300.0, "least": 1}
    with pytest.raises(fc.InfeasibleError, match="export it to kubernetes"):
        exported(line)
