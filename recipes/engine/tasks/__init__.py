"""What the recipes train on and with."""
