"""An endpoint as docs/destinations/webhook.md asks for one."""
