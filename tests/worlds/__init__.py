"""Generated communities, each from a seed: the same seed is the same people saying the same things."""
