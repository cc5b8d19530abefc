"""Is it true? Fits, simulations and published claims, compared with measurements."""
