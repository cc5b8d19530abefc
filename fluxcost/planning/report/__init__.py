"""The report: one answer as an HTML page, as Markdown or as CSV, with the recipe to repeat it."""
