"""Whether the bounds and verdicts hold where the truth is known."""
