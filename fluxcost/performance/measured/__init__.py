"""What a calibration holds, one thing measured a file."""
