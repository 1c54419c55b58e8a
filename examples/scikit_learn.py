"""Use piecewise as a classifier of scikit-learn, on its handwritten digits (1,797 of 8 x 8).

python examples/scikit_learn.py
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import piecewise as pw

pixels, digits = load_digits(return_X_y=True)  # rows of 64 numbers
train_pixels, test_pixels, train_digits, test_digits = train_test_split(
    pixels, digits, test_size=0.5, random_state=0, stratify=digits
)
convnet = pw.ConvNetClassifier(image_shape=(8, 8), epochs=20, effort="quick", random_state=0)
baseline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
for name, classifier in (("ConvNet", convnet), ("logistic regression", baseline)):
    classifier.fit(train_pixels, train_digits)
    print(f"{name}: {classifier.score(test_pixels, test_digits):.1%} of {len(test_digits)}")
print(classification_report(test_digits, convnet.predict(test_pixels), digits=3))
print(f"layers: {convnet.network_.notation}")
