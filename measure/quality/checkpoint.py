"""Identifies the weights that made or judged a picture, and refuses synthetic ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fluxcost.errors import DocumentError, InputError
from measure.pipelines.synthetic_weights import SYNTHETIC_MARK

WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pth", "*.pt")
_CHUNK = 2**24


def refuse_synthetic(weights: str | None) -> str:
    """Return the checkpoint's name, or refuse where there is none to score.

    Raises:
        InputError: No checkpoint is given, or it is a saved build of synthetic weights.
    """
    index = Path(weights or "") / "model_index.json"
    if weights is None or (index.is_file() and SYNTHETIC_MARK in json.loads(index.read_text())):
        raise InputError(
            "pictures from synthetic weights cannot be scored; give a trained checkpoint, such as "
            "--weights black-forest-labs/FLUX.2-klein-4B."
        )
    return weights


def revision_of(name: str) -> str:
    """Return what tells these weights from others of the same name.

    A folder's is the SHA-256 of its weight files and their places in it; a hub name's is the commit
    that loading it takes: the newest, or without a network the one downloaded before.

    Raises:
        InputError: A folder without weight files.
        DocumentError: Neither a folder nor a name the hub or its cache on this machine knows.
    """
    folder = Path(name)
    if folder.is_dir():
        return f"sha256:{_hash_of_folder(folder)}"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(name, allow_patterns="*.json")).name
    except (HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError):
        raise DocumentError(
            f"{name}: neither a folder nor a checkpoint that the hub or its cache here holds; "
            "check the name."
        ) from None


def _hash_of_folder(folder: Path) -> str:
    paths = sorted({path for pattern in WEIGHT_FILES for path in folder.rglob(pattern)})
    if not paths:
        raise InputError(f"{folder}: no weight files in it; expected {', '.join(WEIGHT_FILES)}.")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
