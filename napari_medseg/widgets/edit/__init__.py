"""The Edit panel: tools that correct a mask, their scope, options, preview and keys."""
