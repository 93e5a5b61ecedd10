"""What the stages share: small leaf modules, each with one reason to change."""
