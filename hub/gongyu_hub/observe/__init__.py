"""What operators see: metrics and logs. Never a record key, never record content."""
