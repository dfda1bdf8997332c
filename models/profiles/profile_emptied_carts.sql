-- Grain: one row per person and cart that the person emptied: as much was taken out as was put in,
-- and nothing came after. Nobody abandoned such a cart.
{{ emptied_carts(ref('profile_events')) }}
