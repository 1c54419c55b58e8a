"""File formats of other toolkits as bytes: protocol buffers and others, without their libraries."""
