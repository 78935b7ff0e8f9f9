"""What a session shows: one file per output."""
