"""Does a calibration still hold here? A handful of cells, measured again."""
