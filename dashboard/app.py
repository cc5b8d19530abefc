"""The script that `streamlit run` starts: the pages, one file each."""

import datetime as dt
import importlib
from importlib.util import find_spec

import streamlit as st

import fluxcost as fc

# A wheel carries the pages inside the package; a checkout has them beside it.
_HOME = "fluxcost.dashboard" if find_spec("fluxcost.dashboard") else "dashboard"
PAGES = {
    "what_if": "What if",
    "break_even": "Break-even",
    "capacity": "Capacity",
    "compare": "Compare",
    "calibration": "Calibration",
    "prices": "Prices",
    "audit": "Audit",
}

st.set_page_config(page_title="fluxcost", layout="wide")
if (note := fc.load_catalog().age_note(dt.datetime.now(tz=dt.UTC).date())) is not None:
    st.warning(note)
# On top, since the sidebar holds the controls of the page.
st.navigation(
    [
        st.Page(
            importlib.import_module(f"{_HOME}.{name}").page,
            title=title,
            url_path=name.replace("_", "-"),
            default=name == "what_if",
        )
        for name, title in PAGES.items()
    ],
    position="top",
).run()
