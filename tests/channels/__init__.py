"""One suite for all channels: what each may expect stands in its capabilities, and nowhere else."""
