"""What `make` calls on a developer's machine."""
