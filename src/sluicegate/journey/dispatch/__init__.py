"""To a service."""
