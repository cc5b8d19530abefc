"""Fits kept on disk: what a search found, so that a record is not fitted again by each process.

Only arrays are kept that the fit would compute again from the same record by the same code: found
parameters and scales, the rows they were fitted to, and lattices. Everything else is rebuilt from
them, so answers are equal bit for bit with and without the store.

A kept part is one NumPy .npz file without pickled objects, with a JSON header that states the
format, the key and the SHA-256 of the arrays. The key is a hash of the record's content, of the
model, of the rates the fit starts from, of the source files of the fit and of the versions of NumPy
and SciPy. A file that is damaged, or whose header states anything else, is ignored and written
anew. Files older than 30 days are removed.

`FLUXCOST_CACHE` names the folder; set to nothing, it switches the store off. Unset, the folder is
`fluxcost` in the user's cache folder of the platform.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fluxcost import estimate, stats
from fluxcost.documents import write_atomically
from fluxcost.errors import DocumentError
from fluxcost.performance.gaussian_process import (
    GaussianProcess,
    Observations,
    Scales,
    Solution,
    StageFormula,
)
from fluxcost.workload import shape

VARIABLE = "FLUXCOST_CACHE"
"""Environment variable that names the folder."""

FORMAT = "fluxcost-fit"
VERSION = 1

HEADER = "header"
"""Name of the array that holds the header's bytes."""

MAX_BYTES = 32 * 2**20
"""Largest file read; a kept part of a shipped record is under 0.2 MB."""

KEPT_S = 30 * 86_400
"""Age from which files are removed: those of earlier versions and of records no longer asked."""

Arrays = Mapping[str, npt.NDArray[Any]]


Stage = TypeVar("Stage", bound=str)


class KeptFit:
    """The kept parts of one fit.

    Args:
        key: Of the fit, from `fit_key`; None keeps nothing.
    """

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    def arrays(self, part: str, make: Callable[[], Arrays]) -> Arrays:
        """Return a part's arrays as kept, or make and keep them.

        Args:
            part: Its name, of letters and underscores.
            make: Computes the arrays; called only where none are kept.
        """
        folder = store_folder() if self._key is not None else None
        if folder is None:
            return make()
        header = {"format": FORMAT, "version": VERSION, "key": self._key, "part": part}
        path = folder / f"{self._key}-{part}.npz"
        found = _read(path, header)
        if found is None:
            found = make()
            _write(path, header, found)
        return found


def kept_stages(
    kept: KeptFit,
    part: str,
    physics: Mapping[Stage, StageFormula],
    observe: Callable[[Stage], Observations],
) -> dict[Stage, GaussianProcess]:
    """Return the fit of each stage, from the store where it is kept.

    Args:
        kept: Parts of the fit that the stages are of.
        part: What they are kept as.
        physics: The formula of each stage.
        observe: Returns what was measured of a stage; called only where none is kept.
    """
    made: dict[Stage, GaussianProcess] = {}

    def make() -> Arrays:
        found: dict[str, npt.NDArray[Any]] = {}
        for stage, formula in physics.items():
            made[stage] = GaussianProcess(formula, observe(stage))
            found |= {f"{stage}.{name}": array for name, array in _taken_apart(made[stage])}
        return found

    arrays = kept.arrays(part, make)
    return made or {stage: _rebuilt(physics[stage], arrays, stage) for stage in physics}


def _taken_apart(fitted: GaussianProcess) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the arrays that a fit is rebuilt from, each with its name."""
    for name, array in vars(fitted.observations).items():
        if array is not None:
            yield name, array
    solution = fitted.solution
    yield "parameters", solution.parameters
    yield (
        "scales",
        np.array(
            [solution.scales.discrepancy, solution.scales.nugget, solution.scales.length_scale]
        ),
    )


def _rebuilt(physics: StageFormula, arrays: Arrays, stage: str) -> GaussianProcess:
    """Return the fit that was taken apart into the arrays whose names start with its stage."""
    own = {
        name.removeprefix(f"{stage}."): array
        for name, array in arrays.items()
        if name.startswith(f"{stage}.")
    }
    scales = Scales(*own.pop("scales").tolist())
    solution = Solution(own.pop("parameters"), scales)
    return GaussianProcess(physics, Observations(**own), solution=solution)


def fit_key(*determines: str) -> str:
    """Return the key of a fit, 64 hex digits: all that it is computed from, its code included.

    Args:
        determines: The record's hash, and what else determines the fit, as text.
    """
    return hashlib.sha256(json.dumps([_code(), *determines]).encode()).hexdigest()


def store_folder() -> Path | None:
    """Return the folder of the store, which need not exist; None where it is switched off."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).expanduser() / "fits" if named else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "fluxcost" / "fits"
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(given) if given else home / ".cache") / "fluxcost" / "fits"


@functools.cache
def _code() -> str:
    """Return the hash of the code that fits: this package, what it computes with, and libraries."""
    digest = hashlib.sha256()
    for name in ("numpy", "scipy"):
        digest.update(f"{name} {version(name)}\n".encode())
    package = Path(__file__).parent
    below = [Path(module.__file__ or "") for module in (estimate, shape, stats)]
    for path in [*sorted(package.rglob("*.py")), *below]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path, expected: Mapping[str, object]) -> Arrays | None:
    """Return the arrays of a file; None where there is none that is whole and as expected."""
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        if path.stat().st_size > MAX_BYTES:
            return None
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        header = json.loads(found.pop(HEADER).tobytes())
        if header == {**expected, "sha256": _digest(found)}:
            return found
    return None


def _write(path: Path, header: Mapping[str, object], arrays: Arrays) -> None:
    """Write arrays whole or not at all; a folder that cannot be written keeps nothing."""
    stated = json.dumps({**header, "sha256": _digest(arrays)}).encode()
    stream = io.BytesIO()
    named: dict[str, Any] = {**arrays, HEADER: np.frombuffer(stated, dtype=np.uint8)}
    np.savez(stream, **named)
    with contextlib.suppress(OSError, DocumentError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, stream.getvalue())
        _remove_old(path.parent)


@functools.cache
def _remove_old(folder: Path) -> None:
    """Remove files older than `KEPT_S`, once a process."""
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()


def _digest(arrays: Arrays) -> str:
    """Return the SHA-256 of arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, list(arrays[name].shape)]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
