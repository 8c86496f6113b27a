"""The command line: one file for what belongs together of ``python -m bot …``, and what those files share."""
