"""The sections of docs/models.md, one a file."""
