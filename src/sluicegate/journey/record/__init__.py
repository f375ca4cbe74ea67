"""Outermost: sees every outcome, once per exchange."""
