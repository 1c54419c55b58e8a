"""What the routes of the app do: checked values in, plain values or bytes out, without HTTP."""
