"""The simulator against records of a loaded replica."""
