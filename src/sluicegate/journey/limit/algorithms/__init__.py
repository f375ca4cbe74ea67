"""Pure decisions: (state, now, cost) to verdict."""
