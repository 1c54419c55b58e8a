"""What a net gets wrong: error table, confusion matrix and nearest training examples."""
