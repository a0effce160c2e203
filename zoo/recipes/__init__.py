"""Recipes of the zoo: one file each, which names a paper, the numbers and the command."""
