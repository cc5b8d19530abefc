"""Pages in a browser: they call fluxcost's public door and draw; no formula lives here."""
