"""How many? Arrivals, batching, queues in closed form, and the simulator that decides."""
