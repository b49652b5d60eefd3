"""The service beside the broker: it stores each message as a numbered record."""
