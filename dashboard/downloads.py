"""What a reader takes along: the plans as files, and a program that makes them again."""

from __future__ import annotations

import datetime as dt
import json
import pprint
import textwrap

import streamlit as st

import fluxcost as fc


def offer(workload: fc.Workload, plans: fc.Plans, today: dt.date) -> None:
    """Show the buttons, and the program to copy."""
    document = json.dumps(plans.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    with st.container(horizontal=True):
        st.download_button(
            "CSV", plans.to_frame().to_csv(index=False), "plans.csv", "text/csv", on_click="ignore"
        )
        st.download_button("JSON", document, "plans.json", "application/json", on_click="ignore")
    with st.expander("The same in Python"):
        st.code(program(workload, today), language="python")


def program(workload: fc.Workload, today: dt.date) -> str:
    """Return a program that makes the same plans and prints the best."""
    plain = workload.model_dump(mode="json", exclude_defaults=True)
    asked = pprint.pformat(plain, sort_dicts=False)
    day = f"datetime.date({today.year}, {today.month}, {today.day})"
    return "\n".join(
        [
            "import datetime",
            "",
            "import fluxcost as fc",
            "",
            "asked = (",
            textwrap.indent(asked, "    "),
            ")",
            'workload = fc.Workload.parse(asked, "a what-if page")',
            f"plans = fc.plan(workload, today={day})",
            "best = plans.best",
            'print(f"{best.option}: {best.total.value:.2f} {best.total.unit}")',
            "print(best.why)",
            "",
        ]
    )
