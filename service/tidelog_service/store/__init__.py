"""Peewee models, migrations and queries by primary-key range."""
