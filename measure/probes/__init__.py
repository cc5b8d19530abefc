"""What is measured beside the cells: ceilings, cold start, weight scale, soak. One file each."""
