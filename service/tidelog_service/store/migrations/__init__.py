"""Numbered scripts that bring a database from one version to the next (`playhouse.migrations`).

Each holds frozen copies of the models that it makes: `models` moves on, a script never changes once it is
released. Write ``without_rowid`` and indexes by hand: Peewee's ``initial`` drops the first and ``diff`` does
not notice either.
"""
