"""Prometheus metrics: requests, images and GPU seconds, and the length of the queue."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 60, 120)
"""Bounds of the histograms of seconds: from the quickest picture to a client's patience."""

BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(
        self, served: dict[str, str], waiting: Callable[[], int], busy: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()

        def histogram(name: str, text: str, bounds: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, buckets=bounds, registry=self.registry)

        self._requests = Counter(
            "fluxcost_requests", "Requests by HTTP status.", ["status"], registry=self.registry
        )
        self._images = Counter("fluxcost_images", "Images made.", registry=self.registry)
        self._gpu_s = Counter(
            "fluxcost_gpu_seconds", "Seconds of calls, over replicas.", registry=self.registry
        )
        self._latency = histogram(
            "fluxcost_request_seconds", "From arrival to the answer being ready.", SECONDS
        )
        self._queued = histogram(
            "fluxcost_queue_seconds", "From arrival to the first call's begin.", SECONDS
        )
        self._call = histogram("fluxcost_call_seconds", "Of one call.", SECONDS)
        self._batch = histogram("fluxcost_call_images", "Images asked for of one call.", BATCHES)
        waits = Gauge("fluxcost_images_waiting", "Images that wait.", registry=self.registry)
        waits.set_function(waiting)
        works = Gauge("fluxcost_replicas_busy", "Replicas with a call.", registry=self.registry)
        works.set_function(busy)
        Info("fluxcost", "What is served.", registry=self.registry).info(served)

    def request(self, status: int) -> None:
        """Count a request by what it was answered with."""
        self._requests.labels(str(status)).inc()

    def answered(self, queued_s: float, latency_s: float) -> None:
        """Note how long an answered request took."""
        self._queued.observe(queued_s)
        self._latency.observe(latency_s)

    def call(self, images: int, seconds: float, *, failed: bool) -> None:
        """Note a call; one that failed took its time and made nothing."""
        self._gpu_s.inc(seconds)
        if not failed:
            self._images.inc(images)
            self._call.observe(seconds)
            self._batch.observe(images)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
