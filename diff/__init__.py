"""What a change of the project would do: built beside production, compared with it, planned, and never sent."""
