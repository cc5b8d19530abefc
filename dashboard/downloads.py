"""What a reader takes along: answers as files, a chart as a picture, and a program to repeat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from fluxcost.json_answers import Kind, json_text


def offer(
    name: str,
    kind: Kind,
    document: Callable[[], Mapping[str, Any]],
    frame: Callable[[], pd.DataFrame] | None = None,
    picture: Callable[[], bytes] | None = None,
    program: str | None = None,
    report: Callable[[], str] | None = None,
) -> None:
    """Show the buttons, and the program to copy; files are made once they are asked for.

    Args:
        name: What the files are called.
        kind: Of the answer.
        document: Gives the answer as plain values.
        frame: Gives the answer as a table.
        picture: Draws the chart as PNG.
        program: Python that gives the same answer.
        report: Tells the answer in full, as an HTML page.
    """

    def text() -> str:
        return json_text(kind, document())

    with st.container(horizontal=True):
        if frame is not None:
            _button("CSV", lambda: frame().to_csv(index=False), f"{name}.csv", "text/csv")
        _button("JSON", text, f"{name}.json", "application/json")
        if picture is not None:
            _button("PNG", picture, f"{name}.png", "image/png")
        if program is not None:
            _button("Python", program, f"{name.replace('-', '_')}.py", "text/x-python")
        if report is not None:
            _button("Report", report, f"{name}.html", "text/html")
    if program is not None:
        with st.expander("The same in Python"):
            st.code(program, language="python")


def _button(label: str, data: Any, file: str, mime: str) -> None:  # noqa: ANN401 - text or a function
    st.download_button(
        label,
        data,
        file,
        mime,
        on_click="ignore",
        key=f"download {file}",
        icon=":material/download:",
        help=f"Download {file}",
    )
