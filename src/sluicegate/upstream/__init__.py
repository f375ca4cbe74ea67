"""Everything between dispatch and a target: pools, names, balance."""
