"""Whether a target takes calls: checked, left out, tried again."""
