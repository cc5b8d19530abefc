"""Files of the reader's own: checked in memory, kept for the session, written nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

import streamlit as st

import fluxcost as fc
from fluxcost.text import printable

from . import show

MOST_MB = 8
"""Largest upload; a calibration of one model and stack is under 2 MB."""

MOST_FILES = 8
"""Files of a kind kept in a session."""

Kind = Literal["calibrations", "prices", "qualities", "workload"]


@dataclass(frozen=True)
class Upload:
    """One file as it came."""

    name: str
    digest: str
    data: bytes = field(repr=False, compare=False)

    @property
    def where(self) -> str:
        """What a message calls it."""
        return f"the file {self.name}"


@dataclass(frozen=True)
class Own:
    """What a session's reader has brought along; answers with it are theirs alone."""

    calibrations: tuple[Upload, ...] = ()
    prices: tuple[Upload, ...] = ()
    qualities: tuple[Upload, ...] = ()


def made(name: str, data: bytes) -> Upload:
    """Return a file under the last part of its name, shortened; the rest is nobody's business."""
    short = printable(PurePath(name.replace("\\", "/")).name[:80]).strip() or "unnamed"
    return Upload(short, hashlib.sha256(data).hexdigest(), data)


def kept(kind: Kind) -> tuple[Upload, ...]:
    """Return the files of a kind that this session holds."""
    files: tuple[Upload, ...] = st.session_state.get(f"own {kind}", ())
    return files


def own() -> Own:
    """Return what this session's reader has brought along."""
    return Own(kept("calibrations"), kept("prices"), kept("qualities"))


def keep(kind: Kind, upload: Upload, check: Callable[[bytes, str], object]) -> None:
    """Keep a file for the session once the library has read it; the last of a name wins.

    Raises:
        FluxcostError: It cannot be read, or the session holds as many as it may.
    """
    check(upload.data, upload.where)
    others = tuple(each for each in kept(kind) if each.name != upload.name)
    if len(others) >= MOST_FILES:
        raise fc.InputError(
            f"{upload.where}: the session holds {len(others)} files already; expected at most "
            f"{MOST_FILES}: forget one first."
        )
    st.session_state[f"own {kind}"] = (*others, upload)


def ask(
    kind: Kind,
    label: str,
    suffixes: Sequence[str],
    check: Callable[[bytes, str], object],
    remark: str,
) -> None:
    """Ask for a file, say what is wrong with it, and list what is kept."""
    key = f"upload {kind}"

    def came() -> None:
        file = st.session_state[key]
        st.session_state[f"{key} refused"] = None
        if file is None:
            return
        try:
            keep(kind, made(file.name, file.getvalue()), check)
        except fc.FluxcostError as error:
            st.session_state[f"{key} refused"] = str(error)

    st.file_uploader(
        label,
        list(suffixes),
        key=key,
        on_change=came,
        max_upload_size=MOST_MB,
        help=f"{remark} At most {MOST_MB} MB; read as data, kept for this session only.",
    )
    if refused := st.session_state.get(f"{key} refused"):
        st.error(show.plain(refused))
    _list(kind)


def _list(kind: Kind) -> None:
    def forget() -> None:
        st.session_state[f"own {kind}"] = ()

    if files := kept(kind):
        names = ", ".join(each.name for each in files)
        st.caption(f"In use: {show.plain(names)}. The address of the page does not hold them.")
        st.button("Forget them", key=f"forget {kind}", on_click=forget)
