"""Times real image generation on real hardware and writes calibrations: `python -m measure`."""
