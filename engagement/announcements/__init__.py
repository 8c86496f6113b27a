"""公告: telling every group that it concerns of an incident, of how it goes on, and of its end."""
