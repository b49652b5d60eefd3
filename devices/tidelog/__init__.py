"""Tidelog: message logs kept in step over links that are slow, costly and often gone."""
