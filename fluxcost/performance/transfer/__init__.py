"""A GPU or model that nobody measured, predicted from one that somebody did."""
