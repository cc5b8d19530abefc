"""The commands of `python -m measure`, one a file."""
