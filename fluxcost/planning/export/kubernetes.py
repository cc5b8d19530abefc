"""A plan as Deployment, Service and HorizontalPodAutoscaler of Kubernetes, a pod an instance."""

from __future__ import annotations

from typing import Any

from fluxcost.errors import InputError
from fluxcost.planning.export.deployment import PORT, READY_WITHIN_S, Deployment, names_of

PROBE_S = 10
LONGEST_WINDOW_S = 3600
"""Longest stabilization window that Kubernetes takes."""

WAITING = "fluxcost_images_waiting"
"""What `/metrics` says of the queue."""

Manifest = dict[str, Any]


def to_kubernetes(deployment: Deployment) -> list[Manifest]:
    """Return the objects, as `kubectl apply` takes them.

    Raises:
        InputError: No container image is given.
        UnknownNameError: Nobody has looked up what a node calls the GPU.
    """
    if deployment.server.image is None:
        raise InputError(
            "--image is missing; expected a container image in which fluxcost[serve] is installed."
        )
    return [_deployment(deployment), _service(deployment), _autoscaler(deployment)]


def _named(deployment: Deployment, api: str, kind: str, spec: Manifest) -> Manifest:
    labels = {"app.kubernetes.io/name": deployment.name}
    metadata = {"name": deployment.name, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def _deployment(deployment: Deployment) -> Manifest:
    labels = {"app.kubernetes.io/name": deployment.name}
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": str(PORT),
    }
    product = names_of(deployment.offer.gpu).kubernetes
    pod = {
        "nodeSelector": {"nvidia.com/gpu.product": product},
        # The server answers all it has accepted before it ends.
        "terminationGracePeriodSeconds": 120,
        "containers": [_container(deployment)],
    }
    spec = {
        "replicas": deployment.instances,
        # A new pod needs GPUs that the old one still holds.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
        },
        "progressDeadlineSeconds": READY_WITHIN_S + 600,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels, "annotations": scraped}, "spec": pod},
    }
    return _named(deployment, "apps/v1", "Deployment", spec)


def _container(deployment: Deployment) -> Manifest:
    health = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": PROBE_S}
    return {
        "name": "server",
        "image": deployment.server.image,
        "command": list(deployment.command),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"limits": {"nvidia.com/gpu": deployment.offer.gpu_count}},
        "startupProbe": health | {"failureThreshold": READY_WITHIN_S // PROBE_S},
        "readinessProbe": health,
    }


def _service(deployment: Deployment) -> Manifest:
    spec = {
        "selector": {"app.kubernetes.io/name": deployment.name},
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }
    return _named(deployment, "v1", "Service", spec)


def _autoscaler(deployment: Deployment) -> Manifest:
    scaling = deployment.scaling
    waiting = (1.0 if scaling is None else scaling.waiting_per_replica) * deployment.offer.gpu_count
    metric = {
        "metric": {"name": WAITING},
        "target": {"type": "AverageValue", "averageValue": f"{round(1000 * waiting)}m"},
    }
    spec: Manifest = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.name},
        "minReplicas": deployment.least,
        "maxReplicas": deployment.instances,
        "metrics": [{"type": "Pods", "pods": metric}],
    }
    if scaling is not None:
        window = min(round(scaling.idle_timeout_s), LONGEST_WINDOW_S)
        spec["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": window}}
    return _named(deployment, "autoscaling/v2", "HorizontalPodAutoscaler", spec)
