"""Real pipelines at real shapes, one file a family."""
