"""The zoo: recipes, and models whose numbers anyone can recompute."""
