"""Run examples/plan_my_workload.ipynb and keep what it shows: scripts/refresh_notebook.py."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "plan_my_workload.ipynb"


def executed() -> nbformat.NotebookNode:
    """Return the notebook with its cells run anew, in its own folder, by a fresh kernel.

    Raises:
        CellExecutionError: A cell failed.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    # Times of day would make every run another file.
    client = NotebookClient(notebook, timeout=120, record_timing=False, resources=where)
    # The kernel runs the checkout's own code, whatever is installed.
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    done: nbformat.NotebookNode = client.execute(env=own)
    # What the kernel was is of no use to a reader.
    done.metadata = {"kernelspec": done.metadata["kernelspec"]}
    return done


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
