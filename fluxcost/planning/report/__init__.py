"""The report: one answer as a page, a text or a table that can be mailed and repeated."""
