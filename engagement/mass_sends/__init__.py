"""群发: the one message a day that a leader confirms."""
