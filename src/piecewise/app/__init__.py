"""The app: a page in the browser on which a person teaches a net and looks inside it."""
