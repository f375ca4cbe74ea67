"""What the target and the client get to see."""
