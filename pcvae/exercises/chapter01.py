"""Checks of chapter 01: point clouds."""
