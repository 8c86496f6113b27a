"""The tests mirror the packages; what several of them need stands here: conftest.py, fakes.py, postgresql.py."""
