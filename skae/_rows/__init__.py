"""What comes in: rows, and what is known of them; no net."""
