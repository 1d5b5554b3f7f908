"""What every way to an exchange needs: URLs tried in turn, pauses, limits, reasons in plain words."""
