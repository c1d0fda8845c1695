"""The REST API under /api/v1: bearer tokens, a rule for every route, errors after RFC 9457."""
