"""A server in a thread whose images are flat colors, made when the test lets them."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from PIL import Image

from fluxcost.capacity.fleet import Batching
from fluxcost.performance.calibration.measuring_run import Environment, GpuIdentity, Stack
from fluxcost.workload.shape import Shape
from measure.serving.image_requests import ServedModel
from measure.serving.image_service import ImageService
from measure.serving.replica_pool import ReplicaIdentity
from measure.serving.request_log import RequestLog
from measure.serving.server import DrainingServer, listen

SHAPE = Shape(64, 48, 2)
STACK = Stack(alias="eager-bf16", settings={"dtype": "bfloat16", "compile": "none"})
GPU = GpuIdentity(key="h100-sxm", name="NVIDIA H100 80GB HBM3", memory_gib=79.2)
ENVIRONMENT = Environment(
    gpu_name=GPU.name,
    gpu_memory_gib=GPU.memory_gib,
    cpu_model="CPU",
    cpu_cores=2,
    host_memory_gib=8.0,
    python="3.11",
    packages={},
    weights="synthetic (seed 0, scale 1)",
)
PATIENCE_S = 600.0
"""A busy machine needs some; nothing here waits as long on an idle one."""


class Painter:
    """Makes pictures in the color of their seed; `gate` holds it back, `calls` says what came."""

    identity = ReplicaIdentity(GPU, ENVIRONMENT)

    def __init__(self, *, held: bool = False, call_s: float = 0.0) -> None:
        self.call_s = call_s
        self.gate = threading.Event()
        if not held:
            self.gate.set()
        self.begun = threading.Semaphore(0)
        self.calls: list[tuple[Shape, tuple[str, ...]]] = []
        self.error: Exception | None = None

    def make(self, shape, wanted):
        self.calls.append((shape, tuple(each.prompt for each in wanted)))
        self.begun.release()
        assert self.gate.wait(PATIENCE_S)
        time.sleep(self.call_s)
        if self.error is not None:
            raise self.error
        return [Image.new("RGB", (shape.width, shape.height), color(each.seed)) for each in wanted]

    def wait_until_begun(self):
        assert self.begun.acquire(timeout=PATIENCE_S)

    @property
    def batches(self) -> list[int]:
        return [len(prompts) for _, prompts in self.calls]


def color(seed: int) -> tuple[int, int, int]:
    return seed % 256, seed // 256 % 256, seed // 65536 % 256


class Served:
    """The server, its service, and clients that ask from threads of their own."""

    def __init__(self, service: ImageService, url: str) -> None:
        self.service = service
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._pool = ThreadPoolExecutor(16)

    def post(self, **fields) -> httpx.Response:
        return self.client.post(
            "/v1/images/generations", json={"prompt": "a teapot", "seed": 1} | fields
        )

    def posting(self, **fields) -> Future[httpx.Response]:
        return self._pool.submit(self.post, **fields)

    def send_raw(self, body: bytes) -> httpx.Response:
        return self.client.post("/v1/images/generations", content=body)

    def wait_for_waiting(self, images: int) -> None:
        """Wait until so many images wait."""
        wait_until(lambda: self.service.waiting == images)

    def drain(self) -> None:
        self.service.call_soon(self.service.drain)


def wait_until(holds) -> None:
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if holds():
            return
        tick.wait(0.01)
    raise AssertionError("waited in vain")


@contextmanager
def serving(
    *builders,
    max_batch: int = 1,
    max_wait_s: float = 0.0,
    queue_limit: int = 64,
    shapes: tuple[Shape, ...] | None = None,
    log: Path | None = None,
    ready: bool = True,
    model: str = "painter",
) -> Iterator[Served]:
    """Serve what builders make until the block is left, then drain."""
    offered = ServedModel(
        model=model,
        stack=STACK,
        batching=Batching(max_batch=max_batch, max_wait_s=max_wait_s),
        queue_limit=queue_limit,
        default=SHAPE,
        shapes=shapes,
    )
    made = tuple(each if callable(each) else (lambda each=each: each) for each in builders)
    service = ImageService(offered, made, None if log is None else RequestLog(log), lambda _: None)
    with listen("127.0.0.1", 0) as listening:
        # A server whose build fails closes its socket, so the address is read before it starts.
        served = Served(service, f"http://127.0.0.1:{listening.getsockname()[1]}")
        server: uvicorn.Server = DrainingServer(service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_until(lambda: server.started)
            if ready:
                wait_until(lambda: health(served) == "ready")
            yield served
        finally:
            served.client.close()
            served._pool.shutdown()
            if thread.is_alive():
                served.drain()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def health(served: Served) -> str:
    return str(served.client.get("/healthz").json()["status"])


def pictures(answer: httpx.Response) -> list[Image.Image]:
    assert answer.status_code == 200, answer.text
    data = json.loads(answer.content)["data"]
    return [Image.open(io.BytesIO(base64.b64decode(each["b64_json"]))) for each in data]


def message(answer: httpx.Response) -> str:
    """Return the one sentence of a refusal, in OpenAI's shape."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].endswith(".")
    assert "\n" not in error["message"]
    return str(error["message"])
