"""Prices out of other projects' own files, offline: gpuhunt, skypilot-catalog, litellm."""
