"""Programs that time fluxcost and hold it to its promises; run one as python -m benchmarks.NAME."""
