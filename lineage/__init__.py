"""Where each column comes from, which labels it carries, and where those may go."""
