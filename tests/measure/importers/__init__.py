"""Importers of other tools' timings."""
