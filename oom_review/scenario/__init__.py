"""What a scenario is (items), its parsed form and schema (form), its text (file, parser): one thing is generated, shrunk, stored and shown."""
