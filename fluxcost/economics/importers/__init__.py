"""Prices out of other catalogs: gpuhunt, skypilot-catalog, gpurentalprices.com and litellm."""
