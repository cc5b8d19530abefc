"""Making pictures from a checkpoint and scoring them: `python -m measure quality`."""
