"""Problems of the training data: wrong labels and harmful training examples."""
