"""The script that `streamlit run` starts: the pages, one file each."""

import streamlit as st

try:
    # A wheel carries the pages inside the package; a checkout has them beside it.
    from fluxcost.dashboard import what_if  # type: ignore[import-not-found]
except ModuleNotFoundError:
    from dashboard import what_if

st.set_page_config(page_title="fluxcost", layout="wide")
# On top, since the sidebar holds the controls of the page.
st.navigation([st.Page(what_if.page, title="What if", default=True)], position="top").run()
