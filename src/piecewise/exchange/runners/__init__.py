"""Runners: other toolkits that run an exported network, to measure how far its answers differ."""
