"""Sensitivity analysis: each plan's bill over thousands of scenarios, and what moves it."""
