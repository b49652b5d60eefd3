"""How the bodies of a page are compressed; negotiated by id (SPEC.md, "Codecs").

A new codec is a module with a class that has the methods of `Codec`, and a line in `registry`.
"""

from tidelog.codec.registry import Codec, by_id, by_name, choose, compressor, expander, offered

__all__ = ["Codec", "by_id", "by_name", "choose", "compressor", "expander", "offered"]
