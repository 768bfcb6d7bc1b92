"""Everyone logs. One writes."""
