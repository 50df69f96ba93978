"""Text for people: columns with remarks, replays, ends, tables, failures."""
