"""The readers by name, the server's requests among them; apart, since these import a good deal."""

from __future__ import annotations

from benchmarks.reliability.readers import READERS, Reader


def reader_of(name: str) -> Reader:
    """Return a reader."""
    if name == "server request":
        from benchmarks.reliability.server_requests import SERVER

        return SERVER
    return READERS[name]
