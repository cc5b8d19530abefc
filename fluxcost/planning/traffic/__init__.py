"""Plans for requests that arrive one by one: fleets sized for an objective."""
