"""What X may be, one kind a file; `skae._rows.source` is the door."""
