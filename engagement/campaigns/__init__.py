"""活动: the calendar of campaigns over the year, group by group."""
