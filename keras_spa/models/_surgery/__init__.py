"""Taking models apart: splitting at the head, running up to it, copying."""
