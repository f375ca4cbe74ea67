"""Sluicegate: an API gateway whose limits, failures and costs are stated and tested."""

__version__ = "0.1.0"
