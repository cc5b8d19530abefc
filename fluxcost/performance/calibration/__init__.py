"""The calibration record: what was measured, read from files and compared by its conditions."""
