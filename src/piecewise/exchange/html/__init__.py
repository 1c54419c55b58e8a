"""Export to a web page that classifies offline."""
