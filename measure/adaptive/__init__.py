"""Adaptive calibration: the most informative cells first, until a target error is met."""
