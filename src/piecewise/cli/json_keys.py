"""The keys that --json prints, for docs/command-line.md; a test compares them with the output."""

from __future__ import annotations

_SKIPPED = "a message for each file or record that could not be read"
_RECIPE = "the hyperparameters of the training"
_CLASSES = "the names of the classes, in the order of probabilities, logits and confusion"
_SHA256 = "SHA-256 of the parameters and running statistics"
_LAYERS = "the layers in the notation"
_CALIBRATION = "temperature, n (held-out examples) and thresholds (coverage, probability, accuracy)"
_HISTORY = "for each epoch: epoch, loss, validation_accuracy, validation_loss, seconds"
_SCORES = {
    "n": "the number of examples that the scores count",
    "classes": _CLASSES,
    "accuracy": "the fraction of correct answers",
    "accuracy_interval": "its 95 % interval",
    "baseline_accuracy": "the accuracy of always predicting the most frequent class",
    "macro_f1": "the mean F1 of the classes",
    "confusion": "the number of examples by true label (row) and predicted class (column)",
    "per_class": "n, precision, recall and f1 of each class",
}
_EACH_PREDICTION = (
    "for each input: input (its name), text (of a table or the standard input), predicted (null: "
    "don't know), classes, probabilities, logits, and warning (why the prediction may be wrong)"
)
_WHY = {
    "position": "the layer, map, row and column of the number",
    "value": "the number",
    "operation": "what is done with the terms",
    "divisor": "the number by which the sum of the terms is divided",
    "terms": "for each term: weight, value, name, position, and source if there is one",
    "nudge_curve": "with --gradient, of a parameter: the loss as a function of it",
}

JSON_KEYS: dict[str, dict[str, str]] = {
    "demo": {
        "accuracy": "the accuracy on unseen images that are changed by all tricks together",
        "n": "the number of these images",
        "accuracy_by_trick": "for each trick: the accuracy on images that are changed by it alone",
        "deck": "the prediction for each image of the deck",
        "errors_before": "the deck's error table before training",
        "errors_during": "the error table after training on 256 images",
        "errors_after": "the error table after training",
        "layers": _LAYERS,
        "recipe": _RECIPE,
        "seconds": "the time of each stage",
        "parameters_sha256": _SHA256,
    },
    "tour": {
        "literal": "the number of equal pixels of two X's",
        "best_match": "the best match of each feature, by image",
        "maps": "the feature maps of the X",
        "relu": "the maps after ReLU",
        "pooled": "the maps after pooling",
        "pooled_twice": "the maps after pooling twice",
        "votes": "the votes for each class",
        "answers": "the logits, by image",
        "errors": "the error table",
        "errors_on_the_slide": "the error table as the deck prints it",
        "gradient_check": "the largest difference of the gradients by backpropagation and nudging",
        "descent": "the error after some numbers of steps, by backpropagation and by nudging",
    },
    "lessons": {
        "lessons": "the number of lessons",
        "minutes": "the minutes of all lessons",
        "faults": "for each fault: file, line and sentence",
    },
    "app": {},
    "inspect": {
        "modality": "pictures, sounds or texts",
        "preprocessing": "a description of how files become inputs",
        "source": "a description of how the data were read: encoding, columns or layout",
        "examples": "the number of examples",
        "splits": "the number of examples of each split",
        "classes": "the number of examples of each class, by split",
        "sizes": "the unit, and the smallest, median and largest size",
        "skipped": "the number of files that cannot be read, and the first messages",
        "duplicates": "exact and near: duplicates, label conflicts and split leaks",
        "largest_class": "the most frequent class",
        "baseline_accuracy": "the accuracy of always predicting the most frequent class",
        "findings": "what may be wrong, in order of importance",
        "shuffle_test": "with --shuffle-test: its result",
    },
    "train": {
        "folds": "scores of cross-validation, with the keys of evaluate; left out without folds",
        "validation": "the scores of the validation split, with the same keys",
        "test": "the scores of the test split, with the same keys",
        "groups": "with --groups: the accuracy of each group",
        "linear": "by split: the accuracy of a linear model on the same examples",
        "start": "with --from: parameters_sha256 and classes of the net that training starts "
        "from, and seen, the number of its training examples that each score counts; without "
        "--from: null",
        "effort": "quick, normal or thorough",
        "trials": "for each candidate that was tried: its name, layers and score",
        "seconds": "the time of the whole command",
        "seconds_by_stage": "folds, training and measuring",
        "recipe": _RECIPE,
        "layers": _LAYERS,
        "input": "the shape of an input",
        "classes": _CLASSES,
        "calibration": _CALIBRATION,
        "history": _HISTORY,
        "parameters_sha256": _SHA256,
        "skipped": _SKIPPED,
    },
    "tune": {
        "folds": "scores of cross-validation of the saved net, with the keys of evaluate",
        "validation": "the scores of the validation split, with the same keys",
        "test": "the scores of the test split, with the same keys",
        "best": "the trial that was best: number, values, layers, loss, accuracy, n",
        "trials": "the same for every finished trial; loss is null if it was stopped early",
        "importances": "for each hyperparameter: the part of the loss variance that it explains",
        "layers": _LAYERS,
        "recipe": _RECIPE,
        "parameters_sha256": "SHA-256 of the parameters and running statistics",
    },
    "predict": {"predictions": _EACH_PREDICTION, "skipped": _SKIPPED},
    "evaluate": {
        **_SCORES,
        "split": "test, or all if DATA has no test split",
        "counted": "which examples of the split the scores count: all; unseen (those that the net "
        "was not trained on); or training (all, and the net was trained on all)",
        "seen": "the scores of the examples that the net was trained on; null if there are none",
        "unseen": "the scores of the others; null if there are none",
        "unknown_classes": "the number of examples left out, by class that the net does not have",
        "skipped": _SKIPPED,
    },
    "explain": {
        "input": "the name of the input",
        "predicted": "the predicted class",
        "explained": "the class that is explained",
        "classes": _CLASSES,
        "probabilities": "of each class",
        "logits": "of each class",
        "reason": "why this class rather than its rival: a sentence, and the votes for and against",
        "temperature": "the number by which the logits are divided before softmax",
        "ledger": "the votes for the class of each value that the last layer reads "
        "(see docs/see-through.md)",
        "carried_back": "the votes of an earlier layer: activation x gradient of the logit, "
        "summed for each feature map",
        "attributions": "how much each cell of the input matters, by several methods",
        "warning": "why the prediction may be wrong; null if there is no reason",
    },
    "why": _WHY,
    "influence": {
        "label": "the expected class",
        "retraining": "the number of nets, their layers and recipe, and the work",
        "influences": "for each training example or group: its name, indices, score, probabilities",
    },
    "robustness": {
        "split": "test, or all if DATA has no test split",
        "n": "the number of examples",
        "literal_n": "the number of training examples that literal matching compares inputs with",
        "areas": "the area under each accuracy curve",
        "literal_areas": "the areas for literal matching: the label of the training example with "
        "the most similar pixels",
        "curves": "for each kind of change: sizes, accuracies and areas",
        "trained": "with --train-with: the new net and its curves",
        "changes": "with --train-with: the areas before and after",
        "skipped": _SKIPPED,
    },
    "label-issues": {
        "n": "the number of examples judged",
        "label_issues": "for each: its name, index, label, predicted class and probabilities",
        "skipped": _SKIPPED,
    },
    "export": {
        "format": "the version of these keys, which are those of passport.json",
        "piecewise": "the version that wrote the files",
        "machine": "the system and the processor on which the toolkits ran",
        "net": "its layers, input, classes and parameters_sha256",
        "samples": "count and source of the inputs on which the toolkits were compared",
        "tolerances": "the largest allowed differences of probabilities, and of logits relative to "
        "the largest logit",
        "exports": "for each format: files (the SHA-256 of each), and runs: for each toolkit its "
        "version, agrees, largest_difference and negative_controls, or its problem",
        "refused": "for each format that was left out: the reason",
        "page_sha256": "the SHA-256 of passport.html",
    },
    "import": {
        "layers": _LAYERS,
        "input": "the shape of an input: channels, rows, columns",
        "classes": _CLASSES,
        "parameters_sha256": _SHA256,
        "imported": "format, and notes: how layers were rewritten",
    },
    "serve": {},
    "show": {
        "layers": _LAYERS,
        "input": "the shape of an input",
        "classes": _CLASSES,
        "parameters": "the number of parameters",
        "parameters_sha256": _SHA256,
        "seed": "the seed of the initial parameters",
        "preprocessor": "how files become inputs",
        "recipe": _RECIPE,
        "calibration": _CALIBRATION,
        "training": "the effort, the trials and the scores of the last training",
        "history": _HISTORY,
    },
    "doctor": {
        "piecewise": "the version",
        "python": "the version",
        "numpy": "the version",
        "system": "the operating system",
        "processor": "the name of the processor",
        "vectors": "the vector instructions in use",
        "processors": "the number of processors",
        "machine": "the architecture",
        "cache": "the folder of the code cache",
        "extras": "whether optional packages are installed",
        "speed": "training images per second",
        "works": "whether all checks passed",
        "error": "what failed, if something did",
    },
}
"""By command; the key `schema`, the version of the keys, comes first everywhere."""
