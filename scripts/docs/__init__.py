"""The documentation site: the pages that are written from code when it is built."""
