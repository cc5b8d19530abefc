"""A replica under load: MLPerf scenarios by LoadGen, and open-loop arrivals at stated loads."""
