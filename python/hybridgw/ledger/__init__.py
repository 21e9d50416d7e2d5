"""What was attempted and what it used, read back from the journal. Nothing here writes."""
