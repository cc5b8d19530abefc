"""Measurements beside the cells: ceilings, memory edge, sustained speed, sameness, weight scale."""
