"""Other catalogs' files, with the traps of real ones, against what may be believed of them."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers.gpu_catalogs import (
    gpu_key,
    read_gpuhunt,
    read_gpurentalprices,
    read_skypilot,
)
from fluxcost.economics.importers.imported_rows import day_of
from fluxcost.economics.importers.litellm_prices import read_litellm
from fluxcost.economics.importers.price_import import import_prices
from fluxcost.errors import DocumentError, InputError, MissingDataError, UnknownNameError
from tests.commands import refused, shown, shown_json
from tests.economics.stand_in import SQUARE

DAY = dt.date(2026, 8, 18)

GPUHUNT = """\
instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot
p5.48xlarge,us-east-1,55.04,192,2048,8,H100,80,False
p5.48xlarge,us-east-2,55.04,192,2048,8,H100,80,False
p5.48xlarge,us-west-1,68.80,192,2048,8,H100,80,False
p5.48xlarge,us-east-1,19.00,192,2048,8,H100,80,True
p4d.24xlarge,us-east-1,21.957642,96,1152,8,A100,40,False
m5.large,us-east-1,0.096,2,8,0,,,False
tpu-v5,us-east-1,1.2,2,8,1,tpu-v5,16,False
free,us-east-1,0,2,8,1,T4,16,False
monthly,us-east-1,39000,2,8,1,H100,80,False
half,us-east-1,1.0,2,8,0.5,T4,16,False
odd,us-east-1,1.0,2,8,1,T4,16,maybe
"""
SKYPILOT = {
    "lambda": """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice
cpu_4x_general,,,4.0,16.0,0.2,us-east-1,,
gpu_1x_h100_pcie,H100,1.0,26.0,200.0,2.49,us-east-1,"{'TotalGpuMemoryInMiB': 81920}",
gpu_1x_h100_pcie,H100,1.0,26.0,200.0,2.49,us-west-1,"{'TotalGpuMemoryInMiB': 81920}",
gpu_1x_h100_sxm5,H100,1.0,26.0,225.0,3.29,us-east-1,"{'TotalGpuMemoryInMiB': 81920}",
gpu_8x_a100_80gb_sxm4,A100-80GB,8.0,240.0,1800.0,14.32,us-east-1,,
""",
    "hyperstack": """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,Region,SpotPrice
n3-H100x8-NVLink,H100-80G-PCIe-NVLink,8,252,1440.0,"{'Gpus': [null]}",15.6,CANADA-1,
n3-H100-SXM5x8,H100-80G-SXM5,8,192,1800.0,"{'Gpus': null}",19.2,CANADA-1,
n3-H100-SXM5x8,H100-80G-SXM5,8,192,960.0,"{'Gpus': null}",19.2,US-1,
""",
    "vast": """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,GpuInfo
1x-H100_SXM-32-65536,H100,1,32,64,1.87,0.00,Texas,"{'MemoryInfo': {'SizeInMiB': 655360}}"
1x-H100_NVL-32-65536,H100,1,32,64,1.99,0.00,Texas,
""",
    "runpod": """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,GpuInfo
1x_H200_SECURE,H200,1,24,251,4.39,4.39,US,"{'MemoryInfo': {'SizeInMiB': 80}}"
""",
    "verda": """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,GpuInfo
1L40S.20V,L40S,1,20,60,,0.941,FIN-01,"{""MemoryInfo"": {}}"
4A100.88V,A100-80GB-320GB,4,88,480,7.2,2.5,FIN-01,
nothing,L40S,1,1,1,,,FIN-01,
""",
}
LITELLM = {
    "sample_spec": {"mode": "chat"},
    "gpt-4o": {"mode": "chat", "input_cost_per_token": 1e-6},
    "high/1024-x-1024/gpt-image-1.5": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "input_cost_per_image": 0.133,
        "deprecation_date": "2026-12-01",
    },
    "high/1024-x-1536/gpt-image-1.5": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "input_cost_per_image": 0.2,
    },
    "high/1024-x-1024/openai/gpt-image-1.5": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "input_cost_per_image": 0.144,
    },
    "gpt-image-1": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "output_cost_per_image_token": 4e-05,
        "deprecation_date": "2026-10-23",
    },
    "standard/1024-x-1024/dall-e-3": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "input_cost_per_pixel": 3.81469e-08,
        "output_cost_per_pixel": 0.0,
    },
    "1024-x-1024/50-steps/stability.stable-diffusion-xl-v1": {
        "mode": "image_generation",
        "litellm_provider": "bedrock",
        "output_cost_per_image": 0.04,
    },
    "1024-x-1024/max-steps/stability.stable-diffusion-xl-v1": {
        "mode": "image_generation",
        "litellm_provider": "bedrock",
        "output_cost_per_image": 0.08,
    },
    "runwayml/gen4_image": {
        "mode": "image_generation",
        "litellm_provider": "runwayml",
        "input_cost_per_image": 0.05,
        "output_cost_per_image": 0.05,
    },
    "fal_ai/fal-ai/flux/dev": {
        "mode": "image_generation",
        "litellm_provider": "fal_ai",
        "output_cost_per_pixel": 2.384185791015625e-08,
    },
    "both/disagree": {
        "mode": "image_generation",
        "litellm_provider": "acme",
        "output_cost_per_image": 0.04,
        "output_cost_per_pixel": 1e-9,
    },
    "1024-x-1024/both-agree": {
        "mode": "image_generation",
        "litellm_provider": "acme",
        "output_cost_per_image": 0.04,
        "output_cost_per_pixel": 3.81469e-08,
    },
    "fireworks_ai/accounts/flux-schnell": {
        "mode": "image_generation",
        "litellm_provider": "fireworks_ai",
        "input_cost_per_token": 0.00035,
        "output_cost_per_token": 0.0,
    },
    "stability/erase": {
        "mode": "image_edit",
        "litellm_provider": "stability",
        "output_cost_per_image": 0.005,
    },
    "acme/edit-in": {
        "mode": "image_edit",
        "litellm_provider": "acme",
        "input_cost_per_image": 0.001,
    },
    "fal_ai/nano-banana-2": {
        "mode": "image_generation",
        "litellm_provider": "fal_ai",
        "output_cost_per_image_0.5K": 0.06,
        "output_cost_per_image_1K": 0.08,
        "output_cost_per_image_2K": 0.12,
        "output_cost_per_image_4K": 0.16,
    },
    "gpt-image-2": {
        "mode": "image_generation",
        "litellm_provider": "openai",
        "input_cost_per_token": 5e-06,
        "cache_read_input_token_cost": 1.25e-06,
        "input_cost_per_image_token": 8e-06,
        "output_cost_per_image_token": 3e-05,
    },
}


def rental(provider: str, gpu: str, usd_hr: float, kind: str = "on-demand", **fields: Any) -> Any:
    """Return an offer as gpurentalprices.com has it, of our own making."""
    return {
        "provider": provider,
        "gpu": gpu,
        "vram_gb": 80,
        "usd_hr": usd_hr,
        "kind": kind,
        "source_url": "https://acme.example/pricing",
        "fetched_at": "2026-08-22T06:21:49.413Z",
        **fields,
    }


RENTAL = [
    rental("runpod", "h100-sxm", 3.29, "secure"),
    rental("datacrunch", "a100-sxm-80", 1.79, min_gpus=1, fetched_at="2026-08-20T06:21:49.413Z"),
    rental("massedcompute", "h100-sxm", 3.14, min_gpus=8),
    rental("massedcompute", "h100", 2.73, min_gpus=1),
    rental("spheron", "h100", 2.07, "spot"),
    rental("modal", "l4", 0.7992, "serverless", vram_gb=24),
    rental("gcp", "h100", 9.8),
    rental("lambda", "v100", 0.79),
    rental("lambda", "h100-sxm", 0),
    rental("lambda", "a10", 1.29, "lease"),
    rental("lambda", "gh200", 2.29, fetched_at="today"),
    rental("vultr", "l4", 0.5),
    rental("vultr", "l4", 0.6),
]


@pytest.fixture
def gpuhunt(tmp_path: Path) -> Path:
    path = tmp_path / "aws.csv"
    path.write_text(GPUHUNT)
    return path


@pytest.fixture
def skypilot(tmp_path: Path) -> list[Path]:
    paths = []
    for cloud, text in SKYPILOT.items():
        (tmp_path / cloud).mkdir()
        paths.append(tmp_path / cloud / "vms.csv")
        paths[-1].write_text(text)
    return paths


@pytest.fixture
def litellm(tmp_path: Path) -> Path:
    path = tmp_path / "model_prices_and_context_window_backup.json"
    path.write_text(json.dumps(LITELLM))
    return path


def test_gpuhunt_rows_become_offers(gpuhunt: Path, tmp_path: Path):
    found = import_prices("gpuhunt", [gpuhunt], DAY, tmp_path / "mine")
    catalog = load_catalog(tmp_path / "mine")
    rows = {row.id: row for row in catalog.offers if row.from_overlay}
    # The same price in two regions is one row; another price is another.
    assert set(rows) == {
        "aws/p5.48xlarge-us-east-1",
        "aws/p5.48xlarge-us-west-1",
        "aws/p5.48xlarge-spot",
        "aws/p4d.24xlarge",
    }
    node = rows["aws/p5.48xlarge-us-east-1"]
    assert (node.gpu, node.variant_stated, node.gpu_count) == ("h100-sxm", True, 8)
    assert node.usd_per_gpu_hour == 6.88
    assert node.region == "us-east-1, us-east-2"
    # A version names the day on which gpuhunt read the vendor's own list.
    assert (node.as_of, node.as_of_kind, node.grade) == (DAY, "read", "B")
    assert rows["aws/p5.48xlarge-spot"].is_interruptible
    assert rows["aws/p4d.24xlarge"].gpu == "a100-sxm-40gb"
    assert found.reasons == {
        "no GPU": 1,
        "GPU 'tpu-v5' is not in the table of names": 1,
        "no price": 1,
        "price per GPU-hour out of bounds; the unit may be another": 1,
        "GPU count is not a whole number of at least 1": 1,
        "spot is 'maybe', neither True nor False": 1,
    }


def test_skypilot_s_traps(skypilot: list[Path]):
    found = read_skypilot(skypilot, DAY)
    rows = {row["id"]: row for each in found.rows.values() for row in each}
    gpus = {row_id: (row["gpu"], row["kind"]) for row_id, row in rows.items()}
    assert gpus == {
        # PCIe and SXM are both called H100: the instance tells.
        "lambda/gpu-1x-h100-pcie": ("h100-pcie", "on-demand"),
        "lambda/gpu-1x-h100-sxm5": ("h100-sxm", "on-demand"),
        "lambda/gpu-8x-a100-80gb-sxm4": ("a100-sxm-80gb", "on-demand"),
        # NVLink is not NVL, and GpuInfo that is neither Python nor JSON is not read.
        "hyperstack/n3-h100x8-nvlink": ("h100-pcie", "on-demand"),
        "hyperstack/n3-h100-sxm5x8": ("h100-sxm", "on-demand"),
        # A spot price of 0.00 is none; NVL is called H100 here.
        "vast/1x-h100-sxm-32-65536": ("h100-sxm", "marketplace"),
        "vast/1x-h100-nvl-32-65536": ("h100-nvl", "marketplace"),
        # A spot price that copies the price is none.
        "runpod/1x-h200-secure": ("h200-sxm", "on-demand"),
        # No price beside a spot price: spot only.
        "verda/1l40s.20v-spot": ("l40s", "spot"),
    }
    assert found.reasons == {
        "no GPU": 1,
        "GPU 'A100-80GB-320GB' is not in the table of names": 2,
        "no price": 1,
    }


def test_litellm_s_traps(litellm: Path, tmp_path: Path):
    found = import_prices("litellm", [litellm], dt.date(2026, 11, 12), tmp_path / "mine")
    tariffs = {row.id: row for row in load_catalog(tmp_path / "mine").tariffs if row.from_overlay}
    prices = {}
    for row_id, row in tariffs.items():
        if row_id != "openai/gpt-image-2":
            prices[row_id] = round(row.usd_per_image(SQUARE).value, 6)
    assert prices == {
        "openai/gpt-image-1.5-high": 0.133,
        "openai/dall-e-3-standard": 0.04,
        "aws/sdxl-1.0": 0.04,
        "runway/gen4-image": 0.05,
        "fal/flux1-dev": 0.025,
        "acme/both-agree": 0.04,
        "fal/nano-banana-2": 0.08,
    }
    high = tariffs["openai/gpt-image-1.5-high"]
    assert (high.quality, high.valid_until) == ("high", dt.date(2026, 12, 1))
    # The sizes of a model at one quality are one tariff.
    assert high.to_dict()["price"]["usd_by_size"] == {"1024x1024": 0.133, "1024x1536": 0.2}
    assert {row.as_of_kind for row in tariffs.values()} == {"package"}
    tokens = tariffs["openai/gpt-image-2"].to_dict()["price"]
    assert tokens["image_out_usd"] == pytest.approx(30)
    assert tokens["cached_text_in_usd"] == pytest.approx(1.25)
    assert {each.row: each.reason for each in found.refused} == {
        "1024-x-1024/max-steps/stability.stable-diffusion-xl-v1": (
            "a step bucket without a number of steps, a size or a price"
        ),
        "both/disagree": "a price per image and one per pixel that do not agree",
        "fireworks_ai/accounts/flux-schnell": (
            "a price per token without one for image tokens; it may be a step's"
        ),
        "stability/erase": "edit prices of this vendor are a tenth of its own list",
        "acme/edit-in": "no price",
        "gpt-image-1": "it ended before the day of the file",
        "high/1024-x-1024/openai/gpt-image-1.5": (
            "another entry of the same model has another price"
        ),
    }


def test_gpurentalprices_traps(tmp_path: Path):
    path = tmp_path / "latest.json"
    path.write_text(json.dumps({"date": "2026-08-22", "offers": RENTAL}))
    found = read_gpurentalprices([path])
    rows = {row["id"]: row for each in found.rows.values() for row in each}
    said = {
        row_id: (row["gpu"], row["gpu_count"], row["kind"], row.get("tier"), row["as_of"].day)
        for row_id, row in rows.items()
    }
    assert said == {
        "runpod/h100-sxm-secure": ("h100-sxm", None, "on-demand", "secure", 22),
        # The provider goes by its new name; a row that could not be read again keeps its day.
        "verda/a100-sxm-80gb": ("a100-sxm-80gb", 1, "on-demand", None, 20),
        "massedcompute/h100-sxm-8x": ("h100-sxm", 8, "on-demand", None, 22),
        # Beside an SXM board, an H100 without a variant is another board.
        "massedcompute/h100-pcie": ("h100-pcie", 1, "on-demand", None, 22),
        "spheron/h100-sxm-spot": ("h100-sxm", None, "spot", "marketplace", 22),
        "modal/l4-serverless": ("l4", None, "serverless", None, 22),
    }
    assert rows["massedcompute/h100-sxm-8x"]["price"] == {"amount": 3.14, "unit": "gpu-hour"}
    assert not rows["massedcompute/h100-pcie"]["variant_stated"]
    assert {row["as_of_kind"] for row in rows.values()} == {"stated"}
    assert rows["modal/l4-serverless"]["source"] == (
        "gpurentalprices.com (CC BY 4.0), https://acme.example/pricing"
    )
    assert found.reasons == {
        "the GPUs of an instance, which is sold whole, are not stated": 1,
        "GPU 'v100' is not in the table of names": 1,
        "without usd_hr": 1,
        "sold as 'lease', which is not known": 1,
        "fetched_at is no day": 1,
        "listed with more than one price": 2,
    }
    path.write_text('{"prices": []}')
    with pytest.raises(DocumentError, match=r"latest\.json: holds no list of offers"):
        read_gpurentalprices([path])


@pytest.mark.parametrize(
    ("name", "instance", "memory_gb", "key"),
    [
        ("H100", "a3-highgpu-8g", 80, ("h100-sxm", True)),
        ("H100", "Standard_NC40ads_H100_v5", 94, ("h100-nvl", True)),
        ("H100", "somewhere", 80, ("h100-sxm", False)),
        ("H200", "gpu-h200-sxm_1gpu", 141, ("h200-sxm", True)),
        ("H200", "anything", 141, ("h200-sxm", False)),
        ("A100", "Standard_NC24ads_A100_v4_pcie", 80, ("a100-pcie-80gb", True)),
        ("A100", "a2-ultragpu-1g", 80, ("a100-sxm-80gb", True)),
        ("A100", "pcie-box", 40, None),
        ("RTX4090", "x", 24, ("rtx-4090", True)),
        ("RTX PRO 6000", "x", 96, ("rtx-pro-6000", True)),
        ("H1000", "x", None, None),
        ("V100", "x", 16, None),
    ],
)
def test_gpu_names(name, instance, memory_gb, key):
    assert gpu_key(name, instance, memory_gb) == key


def test_files_that_are_something_else_are_refused(tmp_path: Path):
    wrong = tmp_path / "aws.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(DocumentError, match="column gpu_count, gpu_memory, gpu_name"):
        read_gpuhunt([wrong], DAY)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DocumentError, match="not an object of models"):
        read_litellm([tmp_path / "list.json"], DAY)
    with pytest.raises(UnknownNameError, match="origin 'infracost'"):
        import_prices("infracost", [wrong], DAY, tmp_path)
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(MissingDataError, match="no row can be imported: the files hold none"):
        import_prices("litellm", [tmp_path / "none.json"], DAY, tmp_path / "out")


def test_a_file_is_never_replaced(gpuhunt: Path, tmp_path: Path):
    import_prices("gpuhunt", [gpuhunt], DAY, tmp_path / "mine")
    with pytest.raises(InputError, match=r"aws\.yaml exists; give another folder"):
        import_prices("gpuhunt", [gpuhunt], DAY, tmp_path / "mine")


def test_a_day_may_be_a_version():
    assert day_of("2026-08-18") == day_of("20260818-42") == DAY
    for wrong in ("2026-13-01", "yesterday", "2026"):
        with pytest.raises(InputError, match=f"as-of is '{wrong}'"):
            day_of(wrong)


def test_the_command(capsys, gpuhunt: Path, tmp_path: Path):
    out = tmp_path / "mine"
    options = ["--from", "gpuhunt", "--as-of", "20260818-42", "--out"]
    document = shown_json(capsys, "prices", "import", gpuhunt, *options, out)
    assert document["imported"] == {"aws": 4}
    assert document["refused"]["no GPU"] == 1
    text = shown(capsys, "prices", "import", gpuhunt, *options, tmp_path / "again")
    assert text.startswith("4 rows in ")
    assert "Your own prices: 4; " in shown(capsys, "prices", "--prices", out, "--provider", "aws")
    message = refused(capsys, "prices", "import", gpuhunt, "--from", "gpuhunt")
    assert message.startswith("prices import needs --as-of, --out; such as ")


def test_the_command_shows_a_past_day(capsys):
    then = shown_json(capsys, "prices", "--at", "2026-09-25", "--provider", "runpod")
    rows = {row["id"]: row["price"]["amount"] for row in then["offers"]}
    assert rows["runpod/h100-sxm-secure"] == 3.49
    # Read that very day, it was not old yet, whatever day it is now.
    ages = {row["id"]: (row["age_days"], row["staleness"]) for row in then["offers"]}
    assert ages["runpod/h100-sxm-secure"] == (0, None)
    message = refused(capsys, "prices", "--at", "9999-12-31")
    assert message == "--at is 9999-12-31; expected a day that is past, or leave it out."
    message = refused(capsys, "prices", "--at", "2000-01-01", code=1)
    assert message.startswith("no price is known on 2000-01-01; ask for a later day")
