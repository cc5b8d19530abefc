"""The script that `streamlit run` starts: the pages, one file each."""

import importlib
from importlib.util import find_spec

import streamlit as st

# A wheel carries the pages inside the package; a checkout has them beside it.
_HOME = "fluxcost.dashboard" if find_spec("fluxcost.dashboard") else "dashboard"
what_if = importlib.import_module(f"{_HOME}.what_if")

st.set_page_config(page_title="fluxcost", layout="wide")
# On top, since the sidebar holds the controls of the page.
st.navigation([st.Page(what_if.page, title="What if", default=True)], position="top").run()
