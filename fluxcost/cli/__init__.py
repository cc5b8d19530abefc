"""The command line: each command is a view on the public door; no formula lives here."""
