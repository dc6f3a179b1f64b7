"""Two real classifiers of handwritten digits: a weak champion and a better challenger."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Half of the 1,797 images teach; the other half is what users send.
HELD_OUT: Final = 0.5
_SEED: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitReaders:
    """Both trained models by variant name, the held-out images and labels, and each offline accuracy."""

    models: dict[str, Any]
    images: Any
    labels: Any
    offline_score: dict[str, float]


def train() -> DigitReaders:
    """Train both models on the digits data that ships with scikit-learn; about a second."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score, train_test_split
    from sklearn.naive_bayes import GaussianNB
    from sklearn.svm import SVC

    images, labels = load_digits(return_X_y=True)
    taught, held_out, taught_labels, held_out_labels = train_test_split(
        images, labels, test_size=HELD_OUT, random_state=_SEED, stratify=labels
    )
    models = {"v1": GaussianNB(), "v2": SVC(gamma=0.001)}
    scores = {}
    for name, model in models.items():
        # The offline score comes from the teaching half alone, as a real team would have it.
        scores[name] = float(cross_val_score(model, taught, taught_labels, cv=5).mean())
        model.fit(taught, taught_labels)
    return DigitReaders(models=models, images=held_out, labels=held_out_labels, offline_score=scores)


def save(readers: DigitReaders, path: Path) -> None:
    """Write the models and held-out images where the application finds them."""
    import joblib

    joblib.dump(readers, path)


def load(path: Path) -> DigitReaders:
    """What `save` wrote; only ever a file this demo wrote itself (it is a pickle)."""
    import joblib

    loaded = joblib.load(path)
    assert isinstance(loaded, DigitReaders)  # noqa: S101
    return loaded
