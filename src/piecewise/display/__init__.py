"""Draws charts and images as SVG and PNG for HTML pages and notebooks."""
