"""A stack behind an OpenAI-compatible images endpoint: `python -m measure serve`."""
