"""What is measured: `python -m bot bench NAME`. Each module has `run(data, groups, residents, short) -> dict`."""
