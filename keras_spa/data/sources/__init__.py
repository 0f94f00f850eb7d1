"""Where images come from: a loader a module."""
