"""How fast? Calibrations, the fits to them, and what they predict."""
