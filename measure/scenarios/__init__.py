"""A loaded replica: MLPerf-style scenarios by LoadGen, and arrivals of our own at stated loads."""
