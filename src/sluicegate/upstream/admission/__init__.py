"""How many requests a service gets at the same time, and who goes first when it is too many."""
