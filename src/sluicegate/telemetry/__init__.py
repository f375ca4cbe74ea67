"""What is told to tracing back ends."""
