"""The profiles: what the own calls promise of services that were made from our examples."""
