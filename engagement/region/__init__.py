"""What a regional manager may know: sums over groups, never people."""
