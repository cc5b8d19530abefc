"""Times a server over HTTP: `python -m measure endpoint`."""
