"""The sections of docs/scaling.md, one a file."""
