"""Timing a server that runs elsewhere, over HTTP: `python -m measure endpoint`."""
