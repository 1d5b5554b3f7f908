"""What an exchange said, as ticks: scaled, checked, without repeats. Plain code without I/O."""
