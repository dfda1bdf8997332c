"""What Python does for segments: list them, and explain why somebody is in one or is not.

The segments themselves are SQL, in ``models/segments``.
"""
